//! What can be wrong with a request.

use crate::MAX_OBJECTS;

/// An error of this crate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// More or fewer objects than a scene can have.
    #[error("a scene has 1 to {MAX_OBJECTS} objects, not {found}")]
    ObjectCount {
        /// The number asked for.
        found: usize,
    },
    /// Classes of which a scene cannot be made.
    #[error("a scene of the classes {found:?}, expected different ones, each below {classes}")]
    Classes {
        /// Those asked for.
        found: Vec<usize>,
        /// How many there are.
        classes: usize,
    },
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
