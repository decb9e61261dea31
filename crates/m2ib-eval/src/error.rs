//! What can go wrong in an evaluation.

/// Result of this crate's fallible functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Each variant says what was found and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A goal of a search that does not exist.
    #[error("\"{found}\" is no goal, expected one of {expected}")]
    Goal {
        /// The name given.
        found: String,
        /// All names.
        expected: String,
    },
    /// A search in which no setting was measured.
    #[error(
        "no pair has a value of {goal} for every setting, so none can be chosen by it{}",
        goal.hint()
    )]
    NothingToChooseBy {
        /// What should decide.
        goal: crate::search::Goal,
    },
    /// A model or a setting.
    #[error(transparent)]
    Explainer(Box<m2ib::Error>),
    /// A picture.
    #[error(transparent)]
    Draw(#[from] m2ib::draw::Error),
    /// ROAR+.
    #[error(transparent)]
    Roar(#[from] crate::roar::Error),
    /// A method, or an explanation by it.
    #[error(transparent)]
    Method(Box<m2ib_methods::Error>),
    /// A method that would be compared with itself.
    #[error("{method} is there twice, expected each method once")]
    RepeatedMethod {
        /// The method with its settings.
        method: String,
    },
    /// A folder for results that cannot be made.
    #[error("cannot make the folder {}: {source}", folder.display())]
    Folder {
        /// The folder.
        folder: std::path::PathBuf,
        /// What the system reports.
        source: std::io::Error,
    },
    /// A metric.
    #[error(transparent)]
    Metric(#[from] m2ib_metrics::Error),
    /// A data set.
    #[error(transparent)]
    Data(#[from] m2ib_data::DataError),
    /// A result that was written whole and changed afterwards.
    #[error(
        "the journal {} holds a damaged result of row \"{row}\" under \"{setting}\": {reason}; remove \
         its line to have it measured again",
        journal.display()
    )]
    Damaged {
        /// The file.
        journal: std::path::PathBuf,
        /// The row's key.
        row: String,
        /// The setting's key.
        setting: String,
        /// What is wrong.
        reason: String,
    },
    /// A metric that cannot be had.
    #[error("{metric} cannot be had here: {reason}")]
    Unmeasurable {
        /// The metric.
        metric: m2ib_metrics::Metric,
        /// What is missing, and what to do.
        reason: String,
    },
    /// A journal.
    #[error(transparent)]
    Journal(#[from] crate::journal::JournalError),
}

// Boxed, since they are large and results are handed on often.
impl From<m2ib::Error> for Error {
    fn from(error: m2ib::Error) -> Self {
        Self::Explainer(Box::new(error))
    }
}

impl From<m2ib_methods::Error> for Error {
    fn from(error: m2ib_methods::Error) -> Self {
        Self::Method(Box::new(error))
    }
}
