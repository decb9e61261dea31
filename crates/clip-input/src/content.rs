//! One of a model's files, wherever it is.

use std::path::PathBuf;

use crate::{Error, Result};

/// One file: on disk, or in memory under a name for error messages.
#[derive(Debug, Clone)]
pub enum Content {
    /// A file to be read (weights are mapped, not read whole).
    Path(PathBuf),
    /// Bytes with the name they go by.
    Bytes(&'static str, &'static [u8]),
}

impl Content {
    /// The name errors use.
    pub fn name(&self) -> String {
        match self {
            Self::Path(path) => path.display().to_string(),
            Self::Bytes(name, _) => (*name).into(),
        }
    }

    /// Reads the whole file.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn read(&self) -> Result<Vec<u8>> {
        match self {
            Self::Path(path) => std::fs::read(path).map_err(|source| Error::Read {
                path: path.clone(),
                source,
            }),
            Self::Bytes(_, bytes) => Ok(bytes.to_vec()),
        }
    }
}
