//! What the one who loads a model should know of its files, though nothing is wrong.

use std::fmt;

use crate::error::first_few;

/// Something about a model's files that was passed over in loading.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// Every tensor's name began with what a wrapper puts before it.
    Prefix {
        /// The weights file.
        file: String,
        /// What was left out of the names.
        prefix: String,
    },
    /// Tensors that the model has no place for.
    Unused {
        /// The weights file.
        file: String,
        /// Their names.
        tensors: Vec<String>,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix { file, prefix } => write!(
                f,
                "the names of the tensors in {file} begin with \"{prefix}\", which was left out"
            ),
            Self::Unused { file, tensors } => write!(
                f,
                "{file} holds {} that this model has no place for and does not use: {}",
                match tensors.len() {
                    1 => "a tensor".into(),
                    count => format!("{count} tensors"),
                },
                first_few(tensors.iter())
            ),
        }
    }
}
