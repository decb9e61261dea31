//! A picture that a client gave.

use std::io::Cursor;

use m2ib::clip_input::{self, Adjustment, MAX_SIDE};
use m2ib::image::codecs::jpeg::JpegEncoder;
use m2ib::image::imageops::FilterType;
use m2ib::image::{DynamicImage, ImageFormat, ImageReader};

use crate::limits::Limits;
use crate::problem::Problem;

/// Longest side of what is shown: a screen has no more.
const SHOWN: u32 = 1600;

/// PNG keeps drawings exact; photographs above this become JPEG.
const LARGE: usize = 1 << 20;
const QUALITY: u8 = 88;

/// Its file's bytes, and what browsers show of it.
#[derive(Debug)]
pub(crate) struct Picture {
    /// A digest of the bytes: the same file has the same name, today and tomorrow.
    pub(crate) id: String,
    bytes: Vec<u8>,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Upright, adjusted as the model sees it, in a format that every browser has.
    pub(crate) shown: Vec<u8>,
    pub(crate) shown_type: &'static str,
}

impl Picture {
    /// Reads a file's bytes; they are kept as they are, since they are smaller than their pixels.
    pub(crate) fn read(
        bytes: Vec<u8>,
        adjustment: &Adjustment,
        limits: &Limits,
    ) -> Result<Self, Problem> {
        check_pixels(&bytes, limits.picture_pixels)?;
        let image = decode(&bytes, adjustment)?;
        let (shown, shown_type) = shown(&image)?;
        Ok(Self {
            id: blake3::hash(&bytes).to_hex()[..32].into(),
            bytes,
            width: image.width(),
            height: image.height(),
            shown,
            shown_type,
        })
    }

    /// Its pixels.
    pub(crate) fn image(&self, adjustment: &Adjustment) -> Result<clip_input::Picture, Problem> {
        decode(&self.bytes, adjustment)
    }

    /// What it takes of the memory.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len() + self.shown.len()
    }
}

fn decode(bytes: &[u8], adjustment: &Adjustment) -> Result<clip_input::Picture, Problem> {
    let image = m2ib::decode_image(bytes, "the picture");
    let image = image.map_err(|error| Problem::senseless(error.to_string()))?;
    Ok(adjustment.apply(image))
}

/// From the header alone; what has no header is told by the decoder.
fn check_pixels(bytes: &[u8], most: u64) -> Result<(), Problem> {
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format();
    let size = reader.ok().and_then(|reader| {
        m2ib_files::caught(|| reader.into_dimensions().ok())
            .ok()
            .flatten()
    });
    match size {
        Some((width, height)) if u64::from(width) * u64::from(height) > most => {
            Err(Problem::too_large(format!(
                "the picture has {width} × {height} pixels, expected at most {most} in all; make it smaller"
            )))
        }
        Some((width, height)) if width.max(height) > MAX_SIDE => Err(Problem::too_large(format!(
            "the picture has {width} × {height} pixels, expected at most {MAX_SIDE} along each side"
        ))),
        _ => Ok(()),
    }
}

fn shown(image: &DynamicImage) -> Result<(Vec<u8>, &'static str), Problem> {
    let (width, height) = (image.width(), image.height());
    let small = match width.max(height) > SHOWN {
        true => image.resize(SHOWN, SHOWN, FilterType::Triangle),
        false => image.clone(),
    };
    // What a model sees: of sixteen bits eight, and the colours beneath what is transparent.
    let small = DynamicImage::from(small.to_rgb8());
    let failed = |error: m2ib::image::ImageError| Problem::fault(error.to_string());
    let mut png = Cursor::new(Vec::new());
    small.write_to(&mut png, ImageFormat::Png).map_err(failed)?;
    let png = png.into_inner();
    if png.len() <= LARGE {
        return Ok((png, "image/png"));
    }
    let mut jpeg = Cursor::new(Vec::new());
    let encoder = JpegEncoder::new_with_quality(&mut jpeg, QUALITY);
    small.write_with_encoder(encoder).map_err(failed)?;
    Ok((jpeg.into_inner(), "image/jpeg"))
}
