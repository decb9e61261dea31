//! What solving a bottleneck finds.

use ndarray::{Array1, Array2, Axis};

use crate::{Quantity, Step};

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// Capacity of every unit at the last evaluation, in nats, `[tokens, width]`.
    pub capacity: Array2<f32>,
    /// α at the last evaluation, `[tokens, gates]`.
    pub alpha: Array2<f32>,
    /// λ at the last evaluation, averaged over features, `[tokens]`.
    pub share: Array1<f32>,
    /// The same, averaged over all evaluations behind an update, `[tokens]`.
    pub mean_share: Array1<f32>,
    /// The objective, evaluation by evaluation.
    pub trace: Vec<Step>,
}

impl Solution {
    /// What a map shows, `[tokens]`.
    pub fn saliency(&self, quantity: Quantity) -> Array1<f32> {
        match quantity {
            Quantity::Nats => self
                .capacity
                .map(|&nats| f64::from(nats))
                .sum_axis(Axis(1))
                .map(|&nats| nats as f32),
            Quantity::Share => self.share.clone(),
            Quantity::MeanShare => self.mean_share.clone(),
        }
    }
}
