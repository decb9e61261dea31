//! What can go wrong while a metric is computed.

use std::error::Error as StdError;

/// Result of this module's fallible functions, and of scorers and explainers.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Each variant says what was found and what was expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Arrays that do not fit together, or are empty.
    #[error("{argument} has shape {found:?}, expected {expected}")]
    Shape {
        /// Which array.
        argument: &'static str,
        /// Its shape.
        found: Vec<usize>,
        /// What fits.
        expected: String,
    },
    /// NaN or an infinity among the numbers.
    #[error("{argument} holds {found} at index {index}, expected finite numbers only")]
    NonFinite {
        /// Which numbers.
        argument: &'static str,
        /// The first that is not finite.
        found: f64,
        /// Where, counted row by row.
        index: usize,
    },
    /// A setting outside its range.
    #[error("{argument} is {found}, expected {expected}")]
    Setting {
        /// Which setting.
        argument: &'static str,
        /// Its value.
        found: String,
        /// The range.
        expected: &'static str,
    },
    /// A metric that does not exist.
    #[error("\"{found}\" is no metric, expected one of {expected}")]
    Metric {
        /// The name given.
        found: String,
        /// Those there are.
        expected: String,
    },
    /// A scorer that lost inputs or made scores up.
    #[error("the scorer gave {found} scores for {expected} inputs, expected one each, in order")]
    Count {
        /// Scores given.
        found: usize,
        /// Inputs handed over.
        expected: usize,
    },
    /// A caption without words.
    #[error(
        "none of {tokens} tokens is a piece of the caption, expected at least one to mask: leave \
         empty captions out"
    )]
    NoTokens {
        /// Tokens there are.
        tokens: usize,
    },
    /// The linear system of an imputation, given up on.
    #[error(
        "the imputation of {unknowns} pixels did not converge in {iterations} iterations, expected \
         that for no finite image: please report it"
    )]
    NotConverged {
        /// Pixels to be imputed.
        unknowns: usize,
        /// Iterations made.
        iterations: usize,
    },
    /// A scorer that failed; the source says why.
    #[error("cannot score a changed input")]
    Scorer(#[source] Box<dyn StdError + Send + Sync>),
    /// An explainer that failed; the source says why.
    #[error("cannot explain a changed input")]
    Explainer(#[source] Box<dyn StdError + Send + Sync>),
}

impl Error {
    /// For a [`Scorer`](super::Scorer) to hand its own error on.
    pub fn scorer(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Scorer(source.into())
    }

    /// For an [`InputExplainer`](super::InputExplainer), or the closures of the sanity checks.
    pub fn explainer(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Explainer(source.into())
    }
}
