//! How an explanation was made, and what its numbers are.

use std::collections::BTreeMap;
use std::fmt;

use clip_input::Adjustment;
use m2ib_settings::{ModalitySettings, Preset};
use serde::{Deserialize, Serialize};

/// What saliency is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Information in nats (1 nat = 1.44 bits).
    #[default]
    Nats,
    /// The share of a token that a bottleneck passes, 0 to 1.
    Share,
    /// Change of the cosine similarity.
    Cosine,
    /// None: only the order and the proportions mean something.
    Arbitrary,
}

impl Unit {
    /// What is next to nothing in it: a thousandth of a nat or of a token, or a change of the cosine
    /// that rounding makes as well. Without a unit nobody can tell.
    pub fn negligible(self) -> f32 {
        match self {
            Self::Nats | Self::Share => 1e-3,
            Self::Cosine => 1e-5,
            Self::Arbitrary => 0.0,
        }
    }

    /// What an amount of it is called: "of the caption's nats".
    pub fn amount(self) -> &'static str {
        match self {
            Self::Nats => "nats",
            _ => "saliency",
        }
    }

    /// A written number with the unit behind it, if it has one.
    pub fn after(self, number: &str) -> String {
        match self {
            Self::Arbitrary => number.into(),
            unit => format!("{number} {unit}"),
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nats => "nats",
            Self::Share => "passed",
            Self::Cosine => "cosine",
            Self::Arbitrary => "saliency",
        })
    }
}

/// How an explanation was made: enough to make it again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// The model's name.
    pub model: String,
    /// Tells it from every other: of its weights, tokenizer, preprocessing and pooling.
    pub identity: String,
    /// The method and its settings.
    pub method: Method,
    /// What was wanted of the embeddings.
    #[serde(default)]
    pub fits: FitRecord,
    /// What was done to the picture before the model's own preprocessing.
    #[serde(default)]
    pub adjustment: Adjustment,
    /// Tells the picture from every other: a digest of its pixels, as the model's preprocessing was given
    /// them. None before there is one, and in explanations from before 0.2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    /// The seed of whatever is random.
    pub seed: u64,
    /// The device it ran on.
    pub backend: String,
    /// The number format of the weights' matrices.
    #[serde(default = "full_precision")]
    pub precision: String,
    /// This crate's version.
    pub version: String,
}

/// What the first explanations were made in, which do not say it.
fn full_precision() -> String {
    "f32".into()
}

/// A method with its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The multi-modal information bottleneck.
    M2ib(Box<Bottlenecks>),
    /// Another one, to compare with.
    Other {
        /// Its name.
        name: String,
        /// Its settings by their names.
        settings: BTreeMap<String, String>,
    },
}

/// The settings of M2IB.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bottlenecks {
    /// The preset the settings started from.
    pub preset: Preset,
    /// The image's settings.
    pub image: ModalitySettings,
    /// The text's settings.
    pub text: ModalitySettings,
    /// What the matched noise's statistics come from, if any did, with a digest of them.
    pub calibration: Option<String>,
}

impl Provenance {
    /// The bottlenecks' settings, if they made the explanation.
    pub fn bottlenecks(&self) -> Option<&Bottlenecks> {
        match &self.method {
            Method::M2ib(bottlenecks) => Some(bottlenecks),
            Method::Other { .. } => None,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::M2ib(bottlenecks) => write!(f, "M2IB with the {} preset", bottlenecks.preset),
            Self::Other { name, .. } => f.write_str(name),
        }
    }
}

/// What was wanted of either embedding, as the fits describe themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FitRecord {
    /// Of the image's embedding.
    pub image: String,
    /// Of the caption's embedding.
    pub text: String,
}

/// Cosines, M2IB's own.
impl Default for FitRecord {
    fn default() -> Self {
        let cosine = String::from("cosine similarity");
        Self {
            image: cosine.clone(),
            text: cosine,
        }
    }
}
