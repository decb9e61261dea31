//! What can go wrong in ROAR+.

/// This module's results.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Each variant says what was found and what was expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting that makes no sense.
    #[error("{name} is {found}, expected {expected}")]
    Setting {
        /// Its name.
        name: &'static str,
        /// Its value.
        found: String,
        /// What it may be.
        expected: String,
    },
    /// Too few pictures for two parts.
    #[error(
        "{pairs} pairs of {found} pictures leave {training} pictures to train on and {validation} to validate on, expected at least 2 of each: give pairs of more pictures"
    )]
    TooFewPictures {
        /// All pairs.
        pairs: usize,
        /// All pictures.
        found: usize,
        /// Those of the training part.
        training: usize,
        /// Those of the validation part.
        validation: usize,
    },
    /// Pairs that retrieval has nothing to choose among.
    #[error(
        "every caption of the {pairs} pairs to validate on is true of every picture there, so nothing can be chosen wrongly: give pairs with other captions"
    )]
    NothingToChoose {
        /// Pairs of the validation part.
        pairs: usize,
    },
    /// A pair that does not fit the model.
    #[error("pair {index} does not fit the model: {reason}")]
    Pair {
        /// Its place in the order.
        index: usize,
        /// What was found and expected.
        reason: String,
    },
    /// Another number of scores than of pairs.
    #[error("found scores for {found} pairs, expected {expected}: one a pair, in their order")]
    Count {
        /// Scores given.
        found: usize,
        /// Pairs.
        expected: usize,
    },
    /// Scores that are not those of their pair.
    #[error("the scores of pair {index} are unusable: {reason}")]
    Scores {
        /// The pair's place in the order.
        index: usize,
        /// What was found and expected.
        reason: String,
    },
    /// From the fine-tuning.
    #[error(transparent)]
    Tune(#[from] m2ib_tune::Error),
    /// From the host threads.
    #[error(transparent)]
    Threads(#[from] m2ib::m2ib_core::Error),
}
