//! How a photo is stored: cameras write pixels as the sensor had them, and how to hold them.

use std::io::Cursor;
use std::path::Path;

use image::metadata::Orientation;
use image::{ImageDecoder, ImageReader};

/// What makes a file's stored pixels upright, as [`open_image`](crate::open_image) gives them; none
/// where the file cannot be read that far.
pub fn orientation(path: impl AsRef<Path>) -> Option<Orientation> {
    let reader = ImageReader::open(path).ok()?.with_guessed_format().ok()?;
    reader.into_decoder().ok()?.orientation().ok()
}

/// The same of a file in memory.
pub fn orientation_of(bytes: &[u8]) -> Option<Orientation> {
    let reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .ok()?;
    m2ib_files::caught(|| reader.into_decoder().ok()?.orientation().ok()).ok()?
}
