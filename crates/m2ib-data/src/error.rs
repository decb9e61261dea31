//! What can be wrong with a data set.

use std::path::{Path, PathBuf};

use crate::DataFormat;

/// Result of what reads data sets.
pub type DataResult<T, E = DataError> = Result<T, E>;

/// Each variant names the file or row, what was found and what to do.
///
/// What is wrong with a single row ends nothing: it becomes a [`RowFailure`](super::RowFailure).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A file or folder that is not there or not readable.
    #[error("cannot read the data set {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file that is not of its format.
    #[error("{} is not of the format \"{format}\": {reason}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// The format it was read as.
        format: DataFormat,
        /// The parser's reason.
        reason: String,
    },
    /// A text in an encoding that is not read.
    #[error("{} is {found}, expected UTF-8 or UTF-16; save it as UTF-8", path.display())]
    Encoding {
        /// The file.
        path: PathBuf,
        /// The encoding.
        found: &'static str,
    },
    /// A format that cannot be told from name and content.
    #[error(
        "cannot tell the format of {}: {reason}; say which it is, one of {}",
        path.display(), DataFormat::names()
    )]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The name of no format.
    #[error(
        "\"{found}\" is no data format, expected one of {}",
        DataFormat::names()
    )]
    FormatName {
        /// The name given.
        found: String,
    },
    /// RefCOCO's expressions as they are distributed.
    #[error(
        "{} is a Python pickle, which is a program rather than data and is not read; convert it once \
         with `python -c \"import json, pickle; json.dump(pickle.load(open('refs(unc).p', 'rb')), \
         open('refs(unc).json', 'w'))\"` and give the JSON file",
        path.display()
    )]
    Pickle {
        /// The file.
        path: PathBuf,
    },
    /// A file of many pictures that is damaged, cut off or none.
    #[error("cannot use {}: {reason}", path.display())]
    Shard {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Files that a name with braces stands for and that are not there.
    #[error(
        "{missing} of {shards} files of {} are missing, the first {}; get them, or leave them out of the \
         braces",
        path.display(), first.display()
    )]
    MissingShards {
        /// The name with its braces.
        path: PathBuf,
        /// How many.
        missing: usize,
        /// Of how many.
        shards: usize,
        /// One of them.
        first: PathBuf,
    },
    /// A header of which one column is known.
    #[error(
        "the header of {} names no column for {missing}, found \"{found}\", expected one of {expected}",
        path.display()
    )]
    Header {
        /// The file.
        path: PathBuf,
        /// "the caption" or "the image".
        missing: &'static str,
        /// The header.
        found: String,
        /// The names that are known.
        expected: String,
    },
    /// A split that no row belongs to.
    #[error("{} has no split \"{wanted}\", found {found}", path.display())]
    Split {
        /// The file.
        path: PathBuf,
        /// The one asked for.
        wanted: String,
        /// Those there are.
        found: String,
    },
    /// A file or folder without a row.
    #[error("{} holds no rows, expected images with captions", path.display())]
    Empty {
        /// The file or folder.
        path: PathBuf,
    },
    /// Fewer scenes than a comparison needs.
    #[error(
        "an evaluation needs at least 2 scenes, found {found}: chance levels come from the other scenes"
    )]
    TooFewScenes {
        /// The number asked for.
        found: usize,
    },
    /// A scene.
    #[error(transparent)]
    Scene(#[from] m2ib_scenes::Error),
    /// A row's image that is missing or broken.
    #[error("cannot open the image of row {row}")]
    Image {
        /// The row's key.
        row: String,
        /// Why.
        source: Box<clip_input::Error>,
    },
    /// A row's mask that is missing or broken.
    #[error("cannot open the mask of row {row}")]
    Mask {
        /// The row's key.
        row: String,
        /// Why.
        source: Box<clip_input::Error>,
    },
    /// A region that is nowhere in the image.
    #[error("a region of row {row} does not fit its image of {width} × {height} pixels: {reason}")]
    Region {
        /// The row's key.
        row: String,
        /// The image's columns.
        width: u32,
        /// The image's rows.
        height: u32,
        /// What is wrong.
        reason: String,
    },
}

/// For files that cannot be opened or read on.
pub(crate) fn read_error(path: &Path) -> impl Fn(std::io::Error) -> DataError {
    move |source| DataError::Read {
        path: path.into(),
        source,
    }
}

/// For files of many pictures that cannot be used.
pub(crate) fn shard_error(path: &Path) -> impl Fn(String) -> DataError {
    move |reason| DataError::Shard {
        path: path.into(),
        reason,
    }
}
