//! Attributions as files and pictures.

use std::io::Cursor;
use std::path::Path;

use m2ib::Attribution;
use m2ib::draw::{ColorMap, overlay};
use m2ib::image::{DynamicImage, ImageFormat, RgbImage};

use crate::attribution::is_same;
use crate::failure::{Failure, Kind, fault};

/// Bytes of a file that is read back.
pub(crate) const LARGEST: u64 = 1 << 28;

/// How a heat map is drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Drawing {
    opacity: f32,
    color_map: ColorMap,
    boxes: Option<f32>,
}

impl Drawing {
    pub(crate) fn of(opacity: f32, color_map: &str, boxes: Option<f32>) -> Result<Self, Failure> {
        let color_map = color_map.parse()?;
        Ok(Self {
            opacity,
            color_map,
            boxes,
        })
    }

    /// The heat map over a picture, with the words beneath if wanted.
    pub(crate) fn draw(
        &self,
        attribution: &Attribution,
        image: &DynamicImage,
        words: bool,
    ) -> Result<RgbImage, Failure> {
        let overlay = overlay(attribution, image)
            .color_map(self.color_map)
            .opacity(self.opacity);
        let overlay = match self.boxes {
            Some(threshold) => overlay.hot_regions(threshold),
            None => overlay,
        };
        Ok(match words {
            true => overlay.render_with_caption()?,
            false => overlay.render()?,
        })
    }
}

/// The picture that the program writes.
pub(crate) fn png(
    attribution: &Attribution,
    image: &DynamicImage,
    drawing: &Drawing,
) -> Result<Vec<u8>, Failure> {
    let picture = drawing.draw(attribution, image, true)?;
    let mut bytes = Cursor::new(Vec::new());
    let written = picture.write_to(&mut bytes, ImageFormat::Png);
    written.map_err(fault)?;
    Ok(bytes.into_inner())
}

/// The page that the program writes.
pub(crate) fn page(attribution: &Attribution, image: &DynamicImage) -> Result<String, Failure> {
    Ok(m2ib::draw::html(attribution, image)?)
}

/// That the file is not what was explained.
pub(crate) fn check_place(path: &Path, source: Option<&Path>) -> Result<(), Failure> {
    if !is_same(path, source) {
        return Ok(());
    }
    let reason = format!(
        "{} is the picture that was explained, choose another name",
        path.display()
    );
    Err(Failure::new(Kind::File, reason))
}

pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    m2ib_files::write_whole(path, bytes).map_err(|error| {
        let reason = format!("cannot write {}: {error}", path.display());
        Failure::new(Kind::File, reason)
    })
}

pub(crate) fn unknown(path: &Path) -> Failure {
    let reason = format!(
        "{} has no ending that is written, expected .png, .html, .json, .npy or .npz",
        path.display()
    );
    Failure::new(Kind::Settings, reason)
}
