//! What can go wrong with a run as a whole. What is wrong with a row becomes a part of its result.

use std::path::PathBuf;

use m2ib_data::DataError;
use m2ib_eval::journal::JournalError;

/// Result of what explains data sets.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Each variant says what was found and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The data set.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The rows of a part that is not complete.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The explainer, before any row.
    #[error(transparent)]
    Explainer(#[from] m2ib::Error),
    /// A method, before any row.
    #[error(transparent)]
    Method(#[from] m2ib_methods::Error),
    /// A drawing.
    #[error(transparent)]
    Drawing(#[from] m2ib::draw::Error),
    /// A file or folder that cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    File {
        /// "read", "write", …
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file that is none of a run's results, or a damaged one.
    #[error(
        "{} is no file of results: {reason}; expected one that `m2ib run` wrote (where it did, remove it, and the \
         same command explains its rows again)", path.display()
    )]
    Part {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A folder that says nothing of a run.
    #[error("{} holds no results of `m2ib run`: {reason}", path.display())]
    NoRun {
        /// The folder.
        path: PathBuf,
        /// What was looked for.
        reason: String,
    },
    /// Results of other settings, another model or other data.
    #[error(
        "{} holds results of another run: {differences}; different runs go neither into one folder nor \
         into one file: give each its own, or repeat the settings of the first",
        path.display()
    )]
    OtherRun {
        /// The folder or file.
        path: PathBuf,
        /// Which settings differ, and how.
        differences: String,
    },
    /// Rows that no file has, or more than one.
    #[error("of {total} rows, {found}; {advice}")]
    Rows {
        /// How many there should be.
        total: u64,
        /// Which are missing or double.
        found: String,
        /// What to do.
        advice: &'static str,
    },
    /// A setting that makes no sense.
    #[error("{name} is {found}, expected {expected}")]
    Setting {
        /// Its name.
        name: &'static str,
        /// Its value.
        found: String,
        /// What it takes.
        expected: String,
    },
    /// Every row failed.
    #[error("none of {rows} rows could be explained; the first, {first}: {reason}")]
    Nothing {
        /// How many were tried.
        rows: u64,
        /// The first row.
        first: String,
        /// Its reason.
        reason: String,
    },
}

/// For files that cannot be read or written.
pub(crate) fn failed(
    action: &'static str,
    path: &std::path::Path,
) -> impl Fn(std::io::Error) -> Error {
    move |source| Error::File {
        action,
        path: path.into(),
        source: match action {
            "write" => m2ib_files::unwritten(path, source),
            _ => source,
        },
    }
}
