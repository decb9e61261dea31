//! Coalitions of features with the weights of the Shapley kernel.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::subsets;

/// Some of the features that [`KernelShap`](crate::KernelShap) shares a similarity out among, neither
/// none nor all: those have infinite weight and are constraints.
#[derive(Debug, Clone, PartialEq)]
pub struct Coalition {
    /// Which features take part.
    pub kept: Vec<bool>,
    /// Its weight in the regression.
    pub weight: f64,
}

/// All coalitions with their weights in the Shapley kernel if there are at most `samples`, none and
/// all counted; else pairs of a drawn one and its complement.
pub(super) fn coalitions(features: usize, samples: usize, seed: u64) -> Vec<Coalition> {
    match features {
        0 | 1 => Vec::new(),
        _ if subsets::fit(features, samples) => every(features),
        _ => drawn(features, samples / 2, seed),
    }
}

fn every(features: usize) -> Vec<Coalition> {
    let weight: Vec<f64> = (1..features).map(|size| kernel(features, size)).collect();
    let coalition = |kept: Vec<bool>| {
        let size = kept.iter().filter(|&&kept| kept).count();
        let weight = *weight.get(size.checked_sub(1)?)?;
        Some(Coalition { kept, weight })
    };
    subsets::every(features).filter_map(coalition).collect()
}

/// (M − 1) / (C(M, s) s (M − s)) for s of M features.
fn kernel(features: usize, size: usize) -> f64 {
    mass(features, size) / binomial(features, size)
}

/// (M − 1) / (s (M − s)), the weight of all coalitions of s features together.
fn mass(features: usize, size: usize) -> f64 {
    (features - 1) as f64 / (size * (features - size)) as f64
}

fn binomial(n: usize, k: usize) -> f64 {
    (1..=k).map(|i| (n - k + i) as f64 / i as f64).product()
}

/// Pairs drawn as the kernel weighs them, so that their weight is how often they came.
///
/// Pairs as in Covert and Lee, *Improving KernelSHAP*, 2021. The difference of a coalition and its
/// complement is linear in a game without interactions of three and more, so that such a game is
/// solved exactly.
fn drawn(features: usize, pairs: usize, seed: u64) -> Vec<Coalition> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let ends: Vec<f64> = (1..features)
        .scan(0.0, |sum, size| {
            *sum += mass(features, size);
            Some(*sum)
        })
        .collect();
    let total = ends.last().copied().unwrap_or_default();
    let mut order: Vec<usize> = (0..features).collect();
    let mut counts = BTreeMap::<Vec<bool>, u32>::new();
    for _ in 0..pairs {
        let place = rng.random::<f64>() * total;
        let size = (1 + ends.partition_point(|&end| end <= place)).min(features - 1);
        let mut kept = vec![false; features];
        let (chosen, _) = order.partial_shuffle(&mut rng, size);
        chosen.iter().for_each(|&feature| kept[feature] = true);
        let complement = kept.iter().map(|kept| !kept).collect();
        for coalition in [kept, complement] {
            *counts.entry(coalition).or_default() += 1;
        }
    }
    let coalition = |(kept, count)| Coalition {
        kept,
        weight: f64::from(count),
    };
    counts.into_iter().map(coalition).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(coalition: &Coalition) -> usize {
        coalition.kept.iter().filter(|&&kept| kept).count()
    }

    /// 3/(4 · 1 · 3) = ¼ for one or three of four features, 3/(6 · 2 · 2) = ⅛ for two.
    #[test]
    fn the_kernel_of_four_features_by_hand() {
        let all = coalitions(4, 16, 0);
        assert_eq!(all.len(), 14);
        for coalition in &all {
            let expected = if size(coalition) == 2 { 0.125 } else { 0.25 };
            assert!((coalition.weight - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn sizes_come_as_the_kernel_weighs_them_and_complements_with_them() {
        let (features, pairs) = (7, 20_000);
        let all = coalitions(features, 100, 1);
        assert!(all.len() <= 100);
        let all = [all, drawn(features, pairs, 3)];
        for coalition in all.iter().flatten() {
            let complement: Vec<bool> = coalition.kept.iter().map(|kept| !kept).collect();
            let of = all.iter().find(|all| all.contains(coalition)).unwrap();
            let found = of.iter().find(|other| other.kept == complement).unwrap();
            assert_eq!(found.weight, coalition.weight);
        }
        let masses: f64 = (1..features).map(|size| mass(features, size)).sum();
        for wanted in 1..features {
            let found = all[1].iter().filter(|coalition| size(coalition) == wanted);
            let found: f64 = found.map(|coalition| coalition.weight).sum();
            let found = found / (2 * pairs) as f64;
            let expected = mass(features, wanted) / masses;
            assert!(
                (found - expected).abs() < 0.01,
                "{wanted}: {found} {expected}"
            );
        }
    }

    #[test]
    fn a_seed_is_a_draw() {
        assert_eq!(coalitions(30, 64, 1), coalitions(30, 64, 1));
        assert_ne!(coalitions(30, 64, 1), coalitions(30, 64, 2));
    }
}
