//! Everything that can go wrong between a file and what a tower takes.

use std::path::PathBuf;

use crate::foreign::Foreign;

/// Result of this crate's fallible functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong; each variant names the file or argument, what was found and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read.
    // Messages hold the reasons: as sources they would be told twice.
    #[error("cannot read {}: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: std::io::Error,
    },
    /// A file that is another than it should be.
    #[error("{file} is {}; {}", found.what, found.advice)]
    Foreign {
        /// The file.
        file: String,
        /// What it is.
        found: Foreign,
    },
    /// A JSON file that does not parse, or lacks the expected structure.
    #[error("{file} is not valid: {reason}")]
    Json {
        /// The file.
        file: String,
        /// What is wrong, with the line or the key.
        reason: String,
    },
    /// A configuration value that makes no model.
    #[error("{file}: {field} is {found}, expected {expected}")]
    Config {
        /// The file.
        file: String,
        /// The offending key.
        field: &'static str,
        /// Its value.
        found: String,
        /// What would be accepted.
        expected: String,
    },
    /// A tokenizer file that does not load, or makes nothing that the model takes.
    #[error("{file} is not a tokenizer for this model: {reason}")]
    Tokenizer {
        /// The file.
        file: String,
        /// Why.
        reason: String,
    },
    /// A value that is none of those expected.
    #[error("there is no {name} \"{found}\", expected {expected}")]
    Argument {
        /// Of what.
        name: &'static str,
        /// The value given.
        found: String,
        /// What would be accepted.
        expected: &'static str,
    },
    /// A caption without a word.
    #[error("the caption is empty: {caption:?} has no token to explain; give at least one word")]
    EmptyCaption {
        /// The caption as given.
        caption: String,
    },
    /// Text that the vocabulary has no token for.
    #[error(
        "the caption {caption:?} contains {found:?}, which the model's vocabulary does not know; leave it out or say it in other words"
    )]
    UnknownText {
        /// The caption as given.
        caption: String,
        /// The part that is unknown.
        found: String,
    },
    /// A file that is no image of a format that is read.
    #[error(
        "{file} is not an image that is read: {reason} (PNG, JPEG, WebP, GIF, BMP and TIFF are read)"
    )]
    NotAnImage {
        /// The file.
        file: String,
        /// The decoder's reason.
        reason: String,
    },
    /// An image that starts well and then breaks.
    #[error("{file} cannot be decoded: {reason}; the file may be truncated or damaged")]
    BrokenImage {
        /// The file.
        file: String,
        /// The decoder's reason.
        reason: String,
    },
    /// An image whose header claims more pixels than is sensible.
    #[error(
        "{file} claims {width}×{height} pixels, at most {limit} pixels are read; scale it down first"
    )]
    ImageTooLarge {
        /// The file.
        file: String,
        /// Claimed width.
        width: u32,
        /// Claimed height.
        height: u32,
        /// The limit on width × height.
        limit: u64,
    },
    /// An image of which some part takes more memory than is sensible.
    #[error(
        "{file} goes beyond what is read ({reason}): sides of {side} pixels, {metadata} MiB of what is not pixels; scale it down, or save it anew"
    )]
    ImageBeyondLimits {
        /// The file.
        file: String,
        /// The decoder's reason.
        reason: String,
        /// The limit on either side.
        side: u32,
        /// The limit on profiles and the like, in MiB.
        metadata: u64,
    },
    /// An image of which one side is longer than is sensible.
    #[error(
        "{file} has {width}×{height} pixels, sides of at most {limit} are read; cut it into pieces, or scale it down"
    )]
    ImageTooLong {
        /// The file.
        file: String,
        /// Width.
        width: u32,
        /// Height.
        height: u32,
        /// The limit on either.
        limit: u32,
    },
}
