//! How well images find their captions, and captions their images.
//!
//! Pairs form pools of at most 32. In each, every image chooses the caption of the largest cosine,
//! every caption the image; a caption equal to the right one is as right. The loss is CLIP's own,
//! of the model's scale: for pair i with scores s, the mean of ln Σ_j e^(s_ij) − s_ii over rows and
//! columns, where j runs over i and the pairs of other captions.

use std::collections::BTreeMap;

use m2ib_tune::Embeddings;
use serde::{Deserialize, Serialize};

use m2ib_metrics::{Interval, mean};

/// Retrieval on the validation part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Retrieval {
    /// The share of images that choose a right caption.
    pub image_to_text: Interval,
    /// The share of captions that choose a right image.
    pub text_to_image: Interval,
    /// The contrastive loss.
    pub loss: Interval,
    /// Pools the pairs were put into.
    pub pools: usize,
    /// Pair by pair, in the validation part's order.
    pub cases: Vec<RetrievalCase>,
}

/// What became of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RetrievalCase {
    /// The pair's place among all.
    pub pair: usize,
    /// Its image chose a right caption.
    pub image_to_text: bool,
    /// Its caption chose a right image.
    pub text_to_image: bool,
    /// Its part of the loss.
    pub loss: f64,
}

impl RetrievalCase {
    /// The three as numbers: 1 for a right choice.
    pub(crate) fn numbers(&self) -> [f64; 3] {
        let hit = |hit: bool| f64::from(u8::from(hit));
        [hit(self.image_to_text), hit(self.text_to_image), self.loss]
    }
}

impl Retrieval {
    /// Of embeddings, in pools as even as can be.
    /// `pairs` are the places of the embedded ones among all.
    pub(crate) fn of(
        embeddings: &Embeddings,
        pairs: &[usize],
        scale: f64,
        (pool, seed): (usize, u64),
    ) -> Self {
        let pools = pairs.len().div_ceil(pool);
        let bounds = |at: usize| at * pairs.len() / pools;
        let cases = (0..pools).flat_map(|at| {
            let places = bounds(at)..bounds(at + 1);
            cases(embeddings, pairs, places, scale)
        });
        Self::over(cases.collect(), pools, seed)
    }

    /// Several as one.
    pub(crate) fn pooled(retrievals: &[&Self], seed: u64) -> Self {
        let cases = retrievals.iter().flat_map(|retrieval| &retrieval.cases);
        let pools = retrievals.iter().map(|retrieval| retrieval.pools).sum();
        Self::over(cases.copied().collect(), pools, seed)
    }

    fn over(cases: Vec<RetrievalCase>, pools: usize, seed: u64) -> Self {
        let numbers = cases.iter().map(|case| (case.pair, case.numbers()));
        let [image_to_text, text_to_image, loss] = intervals(numbers, seed);
        Self {
            image_to_text,
            text_to_image,
            loss,
            pools,
            cases,
        }
    }
}

/// The intervals of three numbers over pairs.
pub(crate) fn intervals(
    numbers: impl Iterator<Item = (usize, [f64; 3])>,
    seed: u64,
) -> [Interval; 3] {
    let numbers = by_pair(numbers);
    [0, 1, 2].map(|which| {
        let values: Vec<f64> = numbers.iter().map(|numbers| numbers[which]).collect();
        Interval::of(&values, seed)
    })
}

/// What several runs found of a pair is one number: its mean. Only pairs are drawn independently.
pub(crate) fn by_pair(numbers: impl Iterator<Item = (usize, [f64; 3])>) -> Vec<[f64; 3]> {
    let mut found = BTreeMap::<usize, Vec<[f64; 3]>>::new();
    for (pair, numbers) in numbers {
        found.entry(pair).or_default().push(numbers);
    }
    let pairs = found.into_values();
    let means = pairs.map(|runs| [0, 1, 2].map(|which| mean(runs.iter().map(|run| run[which]))));
    means.collect()
}

fn cases(
    embeddings: &Embeddings,
    pairs: &[usize],
    places: std::ops::Range<usize>,
    scale: f64,
) -> Vec<RetrievalCase> {
    let width = embeddings.width;
    let units = |rows: &[f32]| -> Vec<Vec<f64>> {
        let rows = rows[places.start * width..places.end * width].chunks_exact(width);
        rows.map(unit).collect()
    };
    let (images, captions) = (units(&embeddings.images), units(&embeddings.captions));
    let meanings = &embeddings.meanings[places.clone()];
    let score = |image: usize, caption: usize| {
        let products = images[image].iter().zip(&captions[caption]);
        scale * products.map(|(a, b)| a * b).sum::<f64>()
    };
    let of_pair = |own: usize| {
        let row: Vec<f64> = (0..places.len()).map(|other| score(own, other)).collect();
        let column: Vec<f64> = (0..places.len()).map(|other| score(other, own)).collect();
        RetrievalCase {
            pair: pairs[places.start + own],
            image_to_text: meanings[best(&row)] == meanings[own],
            text_to_image: meanings[best(&column)] == meanings[own],
            loss: 0.5 * (loss(&row, own, meanings) + loss(&column, own, meanings)),
        }
    };
    (0..places.len()).map(of_pair).collect()
}

/// The place of the largest score, the first of equals.
fn best(scores: &[f64]) -> usize {
    (1..scores.len()).fold(0, |best, i| match scores[i] > scores[best] {
        true => i,
        false => best,
    })
}

/// ln Σ_j e^(s_j) − s_own over the own pair and those that mean something else.
fn loss(scores: &[f64], own: usize, meanings: &[u64]) -> f64 {
    let counted = || {
        let all = scores.iter().zip(meanings).enumerate();
        let all = all.filter(|&(j, (_, &meaning))| j == own || meaning != meanings[own]);
        all.map(|(_, (&score, _))| score)
    };
    let largest = counted().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = counted().map(|score| (score - largest).exp()).sum();
    sum.ln() + largest - scores[own]
}

fn unit(row: &[f32]) -> Vec<f64> {
    let squares = row.iter().map(|&x| f64::from(x).powi(2));
    // As in torch's normalize: an embedding of zeros stays one.
    let norm = squares.sum::<f64>().sqrt().max(1e-12);
    row.iter().map(|&x| f64::from(x) / norm).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embeddings(images: &[[f32; 2]], captions: &[[f32; 2]], meanings: &[u64]) -> Embeddings {
        Embeddings {
            images: images.as_flattened().to_vec(),
            captions: captions.as_flattened().to_vec(),
            meanings: meanings.to_vec(),
            width: 2,
        }
    }

    fn of(found: &Embeddings, scale: f64) -> Retrieval {
        let pairs: Vec<usize> = (0..found.meanings.len()).collect();
        Retrieval::of(found, &pairs, scale, (32, 0))
    }

    #[test]
    fn a_pair_that_several_runs_judge_counts_once() {
        let runs = [(4, [1.0, 0.0, 2.0]), (1, [0.0; 3]), (4, [0.0, 0.0, 4.0])];
        let found = by_pair(runs.into_iter());
        assert_eq!(found, [[0.0; 3], [0.5, 0.0, 3.0]]);
    }

    #[test]
    fn a_right_choice_is_the_own_caption_or_an_equal_one() {
        // The first two images lie at the second caption, the third at its own.
        let images = [[0.0, 1.0], [0.0, 2.0], [1.0, 0.0]];
        let captions = [[-1.0, 0.5], [0.0, 1.0], [3.0, 0.0]];
        let hits = |meanings: &[u64]| -> Vec<[bool; 2]> {
            let found = of(&embeddings(&images, &captions, meanings), 1.0);
            let hits = found.cases.iter();
            hits.map(|case| [case.image_to_text, case.text_to_image])
                .collect()
        };
        assert_eq!(
            hits(&[0, 1, 2]),
            [[false, true], [true, false], [true, true]]
        );
        assert_eq!(hits(&[5, 5, 2]), [[true; 2]; 3]);
    }

    #[test]
    fn the_loss_is_that_of_the_training() {
        let values = |phase: f32| -> Vec<[f32; 2]> {
            (0..6)
                .map(|i| {
                    [
                        (i as f32 * 1.3 + phase).sin(),
                        (i as f32 * 0.7 - phase).cos(),
                    ]
                })
                .collect()
        };
        let found = embeddings(&values(0.1), &values(0.6), &[0, 1, 2, 1, 3, 4]);
        let owners: Vec<usize> = (0..6).collect();
        let (images, captions) = (&found.images, &found.captions);
        let expected = m2ib_tune::contrastive(images, captions, 2, 1.5, &owners, &found.is_true());
        let retrieval = of(&found, 1.5f64.exp());
        assert!((retrieval.loss.mean - expected.value).abs() < 1e-9);
    }

    #[test]
    fn pools_are_even_and_no_larger_than_asked_for() {
        let same = [[1.0, 0.0]; 70];
        let meanings: Vec<u64> = (0..70).collect();
        let found = of(&embeddings(&same, &same, &meanings), 1.0);
        assert_eq!((found.pools, found.cases.len()), (3, 70));
        // All the same: the first of each pool is right, and the loss is the logarithm of its size.
        let right = found.cases.iter().filter(|case| case.image_to_text).count();
        assert_eq!(right, 3);
        let expected = (23.0 * 23f64.ln() + 23.0 * 23f64.ln() + 24.0 * 24f64.ln()) / 70.0;
        assert!(
            (found.loss.mean - expected).abs() < 1e-9,
            "{:?}",
            found.loss
        );
    }
}
