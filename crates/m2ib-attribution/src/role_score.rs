//! What lies on tokens that stand for no part of the input.

use clip_input::Role;
use serde::{Deserialize, Serialize};

/// A token that stands for no part of the input, or several of one role together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RoleScore {
    /// What it is for.
    pub role: Role,
    /// Its saliency, M2IB's in nats.
    pub saliency: f32,
}

impl RoleScore {
    /// One for each role, in the order in which they come first: saliency summed.
    pub fn by_role(scores: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut sums: Vec<Self> = Vec::new();
        for score in scores {
            match sums.iter_mut().find(|sum| sum.role == score.role) {
                Some(sum) => sum.saliency += score.saliency,
                None => sums.push(score),
            }
        }
        sums
    }
}
