//! What each word of a caption adds, averaged over all orders in which the words could come: Shapley's
//! value, as weights of captions that have some of the words.
//!
//! ```text
//! value of j = mean over orders of [v(those before j, and j) − v(those before j)]
//! ```
//!
//! All subsets are taken where there are few; else some orders are drawn, each with its reverse. Either
//! way the words' values sum to v(all) − v(none).

use std::collections::HashMap;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Captions that are encoded for a caption at the most, unless a single order and its reverse take more.
const CAPTIONS: usize = 128;

/// Captions with some of the words, and how each counts for each word.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Marginals {
    /// Which words a caption has, `[captions][words]`.
    pub(super) captions: Vec<Vec<bool>>,
    /// `[words][captions]`
    pub(super) weights: Vec<Vec<f32>>,
}

impl Marginals {
    pub(super) fn of(words: usize, seed: u64) -> Self {
        match words < usize::BITS as usize && 1 << words <= CAPTIONS {
            true => Self::exact(words),
            false => Self::drawn(words, seed),
        }
    }

    fn exact(words: usize) -> Self {
        let has = |set: usize, word: usize| set >> word & 1 == 1;
        let sets = 0..1usize << words;
        let size = |set: usize| set.count_ones() as usize;
        // Orders in which exactly these come first, and then the word: |S|! (n − |S| − 1)! / n!.
        let before = |size: usize| 1.0 / (words as f64 * binomial(words - 1, size));
        let weight = |set: usize, word: usize| match has(set, word) {
            true => before(size(set) - 1),
            false => -before(size(set)),
        };
        let each = 0..words;
        let all = |word| sets.clone().map(move |set| weight(set, word) as f32);
        Self {
            captions: sets
                .clone()
                .map(|set| each.clone().map(|word| has(set, word)).collect())
                .collect(),
            weights: each.clone().map(|word| all(word).collect()).collect(),
        }
    }

    fn drawn(words: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let pairs = ((CAPTIONS - 2) / (2 * (words - 1))).max(1);
        let mut order: Vec<usize> = (0..words).collect();
        let mut found = Self::default();
        let mut places = HashMap::new();
        let mut place = |captions: &mut Vec<Vec<bool>>, has: &Vec<bool>| {
            *places.entry(has.clone()).or_insert_with(|| {
                captions.push(has.clone());
                captions.len() - 1
            })
        };
        let mut steps = Vec::new();
        for _ in 0..pairs {
            order.shuffle(&mut rng);
            for reversed in [false, true] {
                let mut has = vec![false; words];
                let mut before = place(&mut found.captions, &has);
                for at in 0..words {
                    let word = order[if reversed { words - 1 - at } else { at }];
                    has[word] = true;
                    let after = place(&mut found.captions, &has);
                    steps.push((word, before, after));
                    before = after;
                }
            }
        }
        found.weights = vec![vec![0.0; found.captions.len()]; words];
        let weight = 1.0 / (2 * pairs) as f32;
        for (word, before, after) in steps {
            found.weights[word][before] -= weight;
            found.weights[word][after] += weight;
        }
        found
    }
}

fn binomial(n: usize, k: usize) -> f64 {
    (1..=k).map(|i| (n - k + i) as f64 / i as f64).product()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// v is the number of words, squared, and 3 more with both of the first two.
    fn game(has: &[bool]) -> f32 {
        let count = has.iter().filter(|&&has| has).count() as f32;
        count * count + if has[0] && has[1] { 3.0 } else { 0.0 }
    }

    fn values(marginals: &Marginals) -> Vec<f32> {
        let of = |weights: &Vec<f32>| {
            let terms = weights.iter().zip(&marginals.captions);
            terms.map(|(weight, has)| weight * game(has)).sum()
        };
        marginals.weights.iter().map(of).collect()
    }

    #[test]
    fn words_of_one_game_by_hand() {
        // By symmetry each has 9/3 of the squares; the first two share the 3.
        for (found, expected) in values(&Marginals::of(3, 0)).iter().zip([4.5, 4.5, 3.0]) {
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
        assert_eq!(Marginals::of(0, 0).captions, [Vec::<bool>::new()]);
        assert_eq!(Marginals::of(1, 0).weights, [[-1.0, 1.0]]);
    }

    #[test]
    fn drawn_or_not_they_sum_to_all_less_none_and_are_bounded() {
        for words in [2, 7, 8, 20, 90] {
            let marginals = Marginals::of(words, 3);
            let all = values(&marginals).iter().sum::<f32>();
            let expected = game(&vec![true; words]);
            assert!(
                (all / expected - 1.0).abs() < 1e-4,
                "{words}: {all} {expected}"
            );
            assert!(marginals.captions.len() <= CAPTIONS.max(2 * words));
        }
    }

    /// An order and its reverse are exact for a game of pairs.
    #[test]
    fn drawn_orders_find_what_all_orders_would() {
        for (word, found) in values(&Marginals::of(12, 1)).iter().enumerate() {
            let expected = 12.0 + if word < 2 { 1.5 } else { 0.0 };
            assert!((found - expected).abs() < 1e-3, "{word}: {found}");
        }
    }
}
