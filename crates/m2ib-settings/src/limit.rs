//! What a number that is set may be, and how that is said.

use crate::{Beta, Settings};

/// What a setting takes.
#[derive(Debug, Clone, Copy)]
pub struct Limit<T> {
    /// Whether it takes a value.
    pub takes: fn(&T) -> bool,
    /// All that it takes, in words that follow "expected".
    pub expected: &'static str,
}

impl Settings {
    /// Of [`beta`](Self::beta).
    pub const BETA: Limit<Beta> = Limit {
        takes: |beta| beta.is_positive(),
        expected: "a finite number above 0, or two of a path: 0.1..10",
    };
    /// Of [`gamma`](Self::gamma).
    pub const GAMMA: Limit<f64> = Limit {
        takes: |gamma| gamma.is_finite() && *gamma >= 0.0,
        expected: "a finite number, 0 or above",
    };
    /// Of [`start`](Self::start). At 20, λ is 1 in single precision; at −20, nothing passes and
    /// nothing is learnt.
    pub const START: Limit<f64> = Limit {
        takes: |start| (-20.0..=20.0).contains(start),
        expected: "a number from -20 to 20",
    };
    /// Of [`learning_rate`](Self::learning_rate).
    pub const LEARNING_RATE: Limit<f64> = Limit {
        takes: |rate| rate.is_finite() && *rate > 0.0,
        expected: "a finite number above 0",
    };
    /// Of [`steps`](Self::steps). Noise has a stream of its own for 2²⁴ of them; a pair would take
    /// days long before.
    pub const STEPS: Limit<usize> = Limit {
        takes: |count| (1..=100_000).contains(count),
        expected: "a whole number, 1 to 100000",
    };
    /// Of [`samples`](Self::samples): as many as steps.
    pub const SAMPLES: Limit<usize> = Self::STEPS;
}
