//! One of a model's files, wherever it is.

use std::borrow::Cow;
use std::path::PathBuf;

use crate::{Error, Result, foreign};

/// Files are read whole up to this many bytes, 256 MiB: the largest tokenizers have a tenth.
pub const MAX_FILE: u64 = 256 << 20;

/// One file: on disk, or in memory under a name for error messages.
#[derive(Debug, Clone)]
pub enum Content {
    /// A file to be read (weights are mapped, not read whole).
    Path(PathBuf),
    /// Bytes with the name they go by.
    Bytes(Cow<'static, str>, Cow<'static, [u8]>),
}

impl Content {
    /// Bytes of the program itself, or any others, with the name they go by.
    pub fn bytes(name: impl Into<Cow<'static, str>>, bytes: impl Into<Cow<'static, [u8]>>) -> Self {
        Self::Bytes(name.into(), bytes.into())
    }

    /// The name errors use.
    pub fn name(&self) -> String {
        match self {
            Self::Path(path) => path.display().to_string(),
            Self::Bytes(name, _) => name.to_string(),
        }
    }

    /// Reads the whole file, if it is one and has at most 256 MiB.
    ///
    /// # Errors
    /// [`Error::Read`]; [`Error::Foreign`] for what Git LFS leaves in place of a file.
    pub fn read(&self) -> Result<Vec<u8>> {
        let bytes = match self {
            Self::Path(path) => m2ib_files::read(path, MAX_FILE).map_err(|reason| Error::Read {
                path: path.clone(),
                reason,
            })?,
            Self::Bytes(_, bytes) => bytes.to_vec(),
        };
        match foreign::lfs_pointer(&bytes) {
            Some(found) => Err(Error::Foreign {
                file: self.name(),
                found,
            }),
            None => Ok(bytes),
        }
    }
}
