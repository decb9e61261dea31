//! Pictures inside files that hold many: read one by one, when they are asked for.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use crate::image_column::ImageColumn;

/// No picture has more bytes than this, 1 GiB: what claims to is a damaged file.
pub(super) const MAX_BYTES: u64 = 1 << 30;

/// A picture inside a file that holds many. Two of them are equal if they are called the same.
#[derive(Debug, Clone)]
pub struct Within {
    name: String,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    /// Bytes of a file from one on.
    Bytes {
        file: Arc<Path>,
        start: u64,
        length: u64,
    },
    /// A row of a column, from 0.
    Cell { column: Arc<ImageColumn>, row: u64 },
}

impl Within {
    /// `length` bytes of a file from byte `start` on.
    pub(super) fn bytes(name: String, file: Arc<Path>, start: u64, length: u64) -> Self {
        let place = Place::Bytes {
            file,
            start,
            length,
        };
        Self { name, place }
    }

    /// A row of a column.
    pub(super) fn cell(name: String, column: Arc<ImageColumn>, row: u64) -> Self {
        let place = Place::Cell { column, row };
        Self { name, place }
    }

    /// The file it is in, a colon, and what it is called there.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The picture as it is stored.
    ///
    /// # Errors
    /// What the system reports, and what is wrong with the file.
    pub fn read(&self) -> Result<Vec<u8>> {
        match &self.place {
            Place::Cell { column, row } => column.read(*row),
            Place::Bytes {
                file,
                start,
                length,
            } => part(file, *start, *length),
        }
    }
}

impl PartialEq for Within {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

fn part(path: &Path, start: u64, length: u64) -> Result<Vec<u8>> {
    if length > MAX_BYTES {
        return Err(too_large(length));
    }
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    match bytes.len() as u64 == length {
        true => Ok(bytes),
        false => Err(Error::new(
            ErrorKind::UnexpectedEof,
            format!("{} has become shorter since it was listed", path.display()),
        )),
    }
}

pub(super) fn too_large(length: u64) -> Error {
    let (found, most) = (length >> 20, MAX_BYTES >> 20);
    let reason = format!("it has {found} MiB, at most {most} MiB are read");
    Error::new(ErrorKind::FileTooLarge, reason)
}
