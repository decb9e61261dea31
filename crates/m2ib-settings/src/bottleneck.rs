//! How a bottleneck is solved, and what it reports on the way.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::names::chosen;
use crate::{Beta, Error, Gates, Quantity};

/// Settings of one bottleneck.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// β, the price of a nat.
    pub beta: Beta,
    /// γ, what it is worth that what was withheld fits badly: the weight of the second side. At 0
    /// there is none, as in the paper.
    #[serde(default)]
    pub gamma: f64,
    /// Which of a token's features share a gate.
    #[serde(default)]
    pub gates: Gates,
    /// α of every gate before the first step.
    #[serde(default = "Settings::papers_start")]
    pub start: f64,
    /// Adam's learning rate.
    pub learning_rate: f64,
    /// Evaluations of the objective. The result is read off the last one, so there is one update
    /// fewer.
    pub steps: usize,
    /// Noise samples per step.
    pub samples: usize,
    /// What is read off as the map.
    #[serde(default)]
    pub quantity: Quantity,
}

impl Default for Settings {
    /// The paper's.
    fn default() -> Self {
        Self {
            beta: 0.1.into(),
            gamma: 0.0,
            gates: Gates::Unit,
            start: Self::PAPERS_START,
            learning_rate: 1.0,
            steps: 10,
            samples: 10,
            quantity: Quantity::Nats,
        }
    }
}

impl Settings {
    /// The paper's α before the first step: λ = 0.993, all but everything passes.
    pub const PAPERS_START: f64 = 5.0;

    fn papers_start() -> f64 {
        Self::PAPERS_START
    }

    /// Whether what was withheld is read out as well, which doubles the cost.
    pub fn two_sided(&self) -> bool {
        self.gamma > 0.0
    }
}

/// How the samples of a step relate to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// Not at all: the paper's.
    #[default]
    Independent,
    /// In pairs, the second of which is the first with its sign turned, so that what is odd in the
    /// noise cancels.
    Antithetic,
}

impl Sampling {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Independent, Self::Antithetic];
}

impl FromStr for Sampling {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        chosen("sampling", &Self::ALL, text)
    }
}

impl fmt::Display for Sampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Independent => "independent",
            Self::Antithetic => "antithetic",
        })
    }
}

/// The objective at one evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Mean capacity over units, in nats.
    pub compression: f32,
    /// The fit's mean over samples: M2IB's own is the cosine similarity.
    pub fit: f32,
    /// The fit of what was withheld, where there is a second side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withheld_fit: Option<f32>,
    /// β · compression − fit + γ · withheld fit.
    pub total: f32,
}
