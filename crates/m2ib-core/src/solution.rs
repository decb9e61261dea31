//! What solving a bottleneck finds.

use ndarray::{Array1, Array2, Axis};

use crate::Step;

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// Capacity of every unit at the last evaluation, in nats, `[tokens, width]`.
    pub capacity: Array2<f32>,
    /// α at the last evaluation, `[tokens, width]`.
    pub alpha: Array2<f32>,
    /// The objective, evaluation by evaluation.
    pub trace: Vec<Step>,
}

impl Solution {
    /// Capacity summed over features: nats per token, `[tokens]`.
    pub fn saliency(&self) -> Array1<f32> {
        self.capacity
            .map(|&nats| f64::from(nats))
            .sum_axis(Axis(1))
            .map(|&nats| nats as f32)
    }
}
