//! Pictures as Python's libraries hold them.
//!
//! `m2ib._pictures` takes them apart, and says what it cannot take.

use std::path::{Path, PathBuf};

use m2ib::image::{DynamicImage, ImageBuffer};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::failure::{Failure, Kind, fault};
use crate::python::call;
use crate::{array, run};

/// A picture that Python is not needed for any more.
#[derive(Debug)]
pub(crate) enum Picture {
    /// A file.
    Path(PathBuf),
    /// The content of one.
    Bytes(PyBackedBytes),
    /// Its pixels.
    Pixels(DynamicImage),
}

impl Picture {
    /// Of whatever it is given as.
    ///
    /// # Errors
    /// `m2ib.ImageError` for what is no picture.
    pub(crate) fn of(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let parts = call(object.py(), "_pictures", "prepare", (object,))?;
        let kind: String = parts.get_item(0)?.extract()?;
        match kind.as_str() {
            "path" => Ok(Self::Path(parts.get_item(1)?.extract()?)),
            "bytes" => Ok(Self::Bytes(parts.get_item(1)?.extract()?)),
            "pixels" => {
                let (_, bytes, size, channels, bits): (String, PyBackedBytes, [u32; 2], u8, u8) =
                    parts.extract()?;
                let image = pixels(&bytes, size, channels, bits);
                let image = image.ok_or_else(|| fault("a picture's size and its bytes differ"));
                Ok(Self::Pixels(image?))
            }
            other => Err(PyTypeError::new_err(format!("no picture is a {other}"))),
        }
    }

    /// The file, if it is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) => Some(path),
            _ => None,
        }
    }

    /// Its pixels.
    pub(crate) fn open(self) -> Result<m2ib::Picture, Failure> {
        Ok(match self {
            Self::Path(path) => m2ib::open_image(path)?,
            Self::Bytes(bytes) => m2ib::decode_image(&bytes, "the image")?,
            Self::Pixels(image) => image.into(),
        })
    }
}

/// Rows of interleaved channels, of 8 bits, or 16 in the machine's own order.
fn pixels(bytes: &[u8], size: [u32; 2], channels: u8, bits: u8) -> Option<DynamicImage> {
    let [height, width] = size;
    let words = || -> Vec<u16> {
        let pairs = bytes.chunks_exact(2);
        pairs
            .map(|pair| u16::from_ne_bytes([pair[0], pair[1]]))
            .collect()
    };
    Some(match (channels, bits) {
        (1, 8) => {
            ImageBuffer::from_raw(width, height, bytes.to_vec()).map(DynamicImage::ImageLuma8)?
        }
        (2, 8) => {
            ImageBuffer::from_raw(width, height, bytes.to_vec()).map(DynamicImage::ImageLumaA8)?
        }
        (3, 8) => {
            ImageBuffer::from_raw(width, height, bytes.to_vec()).map(DynamicImage::ImageRgb8)?
        }
        (4, 8) => {
            ImageBuffer::from_raw(width, height, bytes.to_vec()).map(DynamicImage::ImageRgba8)?
        }
        (1, 16) => ImageBuffer::from_raw(width, height, words()).map(DynamicImage::ImageLuma16)?,
        (2, 16) => ImageBuffer::from_raw(width, height, words()).map(DynamicImage::ImageLumaA16)?,
        (3, 16) => ImageBuffer::from_raw(width, height, words()).map(DynamicImage::ImageRgb16)?,
        (4, 16) => ImageBuffer::from_raw(width, height, words()).map(DynamicImage::ImageRgba16)?,
        _ => return None,
    })
}

/// A picture's pixels as an explainer sees them before its model's own preprocessing.
///
/// Files are decoded upright; colours beneath what is transparent are left out.
///
/// Returns:
///     Red, green and blue, 0 to 255: uint8, [height, width, 3].
#[pyfunction]
#[pyo3(signature = (image, /))]
pub(crate) fn read_image<'py>(
    py: Python<'py>,
    image: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let picture = Picture::of(image)?;
    let image = run::run(py, None, || Ok(picture.open()?.to_rgb8()))?;
    let shape = [image.height() as usize, image.width() as usize, 3];
    array::bytes(py, image.into_raw(), &shape)
}

/// The picture that something is to be drawn on, given or kept.
pub(crate) fn given_or(
    image: Option<&Bound<'_, PyAny>>,
    kept: impl FnOnce() -> Option<std::sync::Arc<m2ib::Picture>>,
) -> PyResult<Source> {
    match (image, kept()) {
        (Some(image), _) => Ok(Source::Given(Picture::of(image)?)),
        (None, Some(kept)) => Ok(Source::Kept(kept)),
        (None, None) => Err(Failure::new(
            Kind::Image,
            "the picture was not kept with this attribution, give it as image=… (what was unpickled, read from JSON or made by attribute_many has none)",
        )
        .into()),
    }
}

/// Where pixels come from.
pub(crate) enum Source {
    Given(Picture),
    Kept(std::sync::Arc<m2ib::Picture>),
}

impl Source {
    pub(crate) fn open(self) -> Result<std::sync::Arc<m2ib::Picture>, Failure> {
        match self {
            Self::Given(picture) => Ok(picture.open()?.into()),
            Self::Kept(image) => Ok(image),
        }
    }
}
