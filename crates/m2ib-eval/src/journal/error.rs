//! What can go wrong with a journal.

use std::path::PathBuf;

/// Result of what keeps journals.
pub type JournalResult<T, E = JournalError> = Result<T, E>;

/// Each variant says what was found and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// A file that cannot be opened, read or written.
    #[error("cannot {action} the journal {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// "open", "read", …
        action: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// A journal that another process writes.
    #[error(
        "the journal {} is being written by another process: wait for it, or give this run another file",
        path.display()
    )]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// A file that is something else; it is left as it is.
    #[error(
        "{} is not a journal: {reason}; give another file, or remove this one",
        path.display()
    )]
    NotAJournal {
        /// The file.
        path: PathBuf,
        /// What is wrong with its first line.
        reason: String,
    },
    /// A journal whose lines are written in another way.
    #[error(
        "the journal {} is of format {found}, this program writes {expected}: give this run another \
         file, or end it with the program that began it",
        path.display()
    )]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// This program's.
        expected: u32,
    },
    /// A journal of a run with other settings.
    #[error(
        "the journal {} belongs to another run, {found} instead of {expected}: {differences}; give \
         this run another file, or repeat the settings of the first",
        path.display()
    )]
    OtherRun {
        /// The file.
        path: PathBuf,
        /// The fingerprint of its run.
        found: String,
        /// The fingerprint of this run.
        expected: String,
        /// Which settings differ, and how.
        differences: String,
    },
    /// A line, not torn at the end of the file, that is no entry.
    #[error(
        "line {line} of the journal {} is damaged: {reason}; remove that line to have its row done again",
        path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A line that is not any more what it was when the journal was opened.
    #[error(
        "the journal {} was changed while it was in use: {reason}; start this run again",
        path.display()
    )]
    Changed {
        /// The file.
        path: PathBuf,
        /// What is wrong with the line.
        reason: String,
    },
    /// A value that JSON cannot hold.
    #[error("{what} does not survive being written as JSON: {reason}")]
    Unwritable {
        /// "the run's settings", or the row and setting.
        what: String,
        /// Why.
        reason: String,
    },
}
