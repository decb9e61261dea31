//! What a map shows of a solved bottleneck.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::names::chosen;

/// What is read off a solved bottleneck for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// What must pass, in nats, summed over features: the paper's. It weighs a token by how unusual
    /// its features are as well.
    #[default]
    Nats,
    /// λ at the last evaluation, averaged over features: the share of a token that passes, 0..1.
    Share,
    /// The same, averaged over all evaluations behind an update. It depends less on β, since it
    /// tells how long a token was held on to.
    MeanShare,
}

impl Quantity {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Nats, Self::Share, Self::MeanShare];
}

impl FromStr for Quantity {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        chosen("quantity", &Self::ALL, text)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Nats => "nats",
            Self::Share => "share",
            Self::MeanShare => "mean-share",
        })
    }
}
