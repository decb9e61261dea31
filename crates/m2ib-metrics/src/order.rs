//! From the most important to the least, ties in a random order.
//!
//! A map has ties: zeros after a relu, plateaus at the corners after upsampling. Broken in row
//! order they would make a constant map remove an image from the top down, and be judged for it.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Indices, the largest score first.
pub(crate) fn most_important_first(scores: &[f32], seed: u64) -> Vec<usize> {
    let mut order = shuffled(scores.len(), seed);
    order.sort_by(|&a, &b| key(scores[b]).total_cmp(&key(scores[a])));
    order
}

/// Indices, the smallest score first. Equal scores come in the same order as in
/// [`most_important_first`] of the same seed, so that a constant map gives one order for both.
pub(crate) fn least_important_first(scores: &[f32], seed: u64) -> Vec<usize> {
    let mut order = shuffled(scores.len(), seed);
    order.sort_by(|&a, &b| key(scores[a]).total_cmp(&key(scores[b])));
    order
}

fn shuffled(count: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    order
}

/// Makes −0 equal to 0, as it is everywhere but in `total_cmp`.
fn key(score: f32) -> f32 {
    score + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn larger_scores_come_first_or_last() {
        let scores = [0.5, -1.0, 3.0, 2.0];
        assert_eq!(most_important_first(&scores, 1), [2, 3, 0, 1]);
        assert_eq!(least_important_first(&scores, 1), [1, 0, 3, 2]);
    }

    #[test]
    fn ties_are_random_and_the_same_both_ways() {
        let tied = [0.0, -0.0, 0.0, -0.0, 0.0, -0.0, 0.0, -0.0];
        let order = most_important_first(&tied, 3);
        assert_eq!(order, least_important_first(&tied, 3));
        assert_ne!(order, [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_ne!(order, most_important_first(&tied, 4));
    }
}
