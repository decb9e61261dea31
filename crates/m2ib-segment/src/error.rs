//! What can be wrong with how a map is to be cut.

/// Result of this crate's fallible functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Each variant names what was found and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A threshold that is none.
    #[error(
        "\"{found}\" is no threshold, expected a number from 0 to 1, \"otsu\" (\"kmeans\" is the same), or \
         \"mass:\" with a share of the map above 0 and up to 1, as in mass:0.5"
    )]
    Threshold {
        /// As given.
        found: String,
    },
    /// A setting outside its range.
    #[error("{setting} is {found}, expected {expected}")]
    Setting {
        /// Which one.
        setting: &'static str,
        /// Its value.
        found: String,
        /// The range.
        expected: &'static str,
    },
}
