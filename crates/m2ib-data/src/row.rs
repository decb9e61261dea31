//! A pair to explain, and what is known of it.

use std::error::Error;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clip_input::Adjustment;
use image::RgbImage;
use m2ib_files::digest;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::content::{content_bytes, file_bytes};
use crate::region::coloured;
use crate::turn::Turn;
use crate::{DataError, DataResult, Rectangle, Region, Segmentation, Within};

/// An image, a caption and where in the image is what the caption speaks of.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Unlike that of any other row, and the same whenever the data set is read: the file's name
    /// and the row's id or line in it.
    pub key: String,
    /// The image.
    pub image: RowImage,
    /// The caption.
    pub caption: String,
    /// The caption that it is held against, where it is asked why this one rather than that.
    pub instead_of: Option<String>,
    /// Where it is what the caption speaks of; none where nobody marked it.
    pub regions: Vec<Region>,
    /// Where something is that the caption does not speak of.
    pub others: Vec<Region>,
    /// Regions of other pictures: what a map has in common with them it has by chance.
    pub strangers: Vec<Region>,
    /// The bytes of the caption that name what is in the regions, where that is known.
    pub name: Option<Range<usize>>,
    /// The bytes that name something that the picture does not show, where there is such a thing.
    pub absent: Option<Range<usize>>,
    /// What is done to the image when it is opened.
    pub adjustment: Adjustment,
    /// Width and height of the image that the regions were drawn on, where the annotation says them:
    /// they tell a turned photo's stored pixels from the upright ones.
    pub annotated: Option<[u32; 2]>,
}

/// How far a box may reach beyond the edges, as a share of the longer side: it is cut off there.
const SLACK: f64 = 0.02;

/// How an image is stored.
struct Stored {
    turn: Turn,
    /// Whether its regions are of the stored pixels.
    regions: bool,
}

/// Where a row's image is.
#[derive(Debug, Clone, PartialEq)]
pub enum RowImage {
    /// In a file, which may turn out not to be there.
    File(PathBuf),
    /// Inside a file that holds many.
    Within(Within),
    /// In memory.
    Picture {
        /// What the picture is called; rows of one picture call it the same.
        name: String,
        /// The picture itself.
        pixels: Arc<RgbImage>,
    },
}

/// Which picture it is, whatever is asked about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Picture<'a> {
    File(&'a Path),
    Name(&'a str),
}

impl RowImage {
    /// What it is called: a path, or a name within a file.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Within(within) => within.name().into(),
            Self::Picture { name, .. } => name.clone(),
        }
    }

    /// Decodes the picture, upright, and adjusts it, unless it is in memory.
    ///
    /// # Errors
    /// As [`clip_input::open_image`].
    pub fn open(&self, adjustment: Adjustment) -> clip_input::Result<clip_input::Picture> {
        match self {
            Self::Picture { pixels, .. } => Ok(RgbImage::clone(pixels).into()),
            Self::File(path) => adjustment.open(path),
            Self::Within(within) => {
                let bytes = within.read().map_err(|reason| {
                    let path = within.name().into();
                    clip_input::Error::Read { path, reason }
                })?;
                let image = clip_input::decode_image(&bytes, within.name())?;
                Ok(adjustment.apply(image))
            }
        }
    }

    pub(super) fn picture(&self) -> Picture<'_> {
        match self {
            Self::File(path) => Picture::File(path),
            Self::Within(within) => Picture::Name(within.name()),
            Self::Picture { name, .. } => Picture::Name(name),
        }
    }

    /// What tells it from another image.
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::File(path) => file_bytes(path),
            // The same picture in a file of its own is no other.
            Self::Within(within) => content_bytes(within.read()),
            Self::Picture { pixels, .. } => {
                let size = [pixels.width(), pixels.height()].map(u32::to_le_bytes);
                [&b"pixels"[..], size.as_flattened(), pixels.as_raw()].concat()
            }
        }
    }
}

/// A row that could not be read or used, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowFailure {
    /// The row's key, or its place in the file.
    pub row: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Row {
    /// Decodes the image, upright.
    ///
    /// # Errors
    /// [`DataError::Image`] if it is missing or broken.
    pub fn open(&self) -> DataResult<clip_input::Picture> {
        let opened = self.image.open(self.adjustment);
        opened.map_err(|source| DataError::Image {
            row: self.key.clone(),
            source: Box::new(source),
        })
    }

    /// Some regions as masks `[height, width]` of an image of this size, which the original has.
    ///
    /// # Errors
    /// [`DataError::Mask`] and [`DataError::Region`]; no mask is without a pixel.
    pub fn masks(
        &self,
        regions: &[Region],
        width: u32,
        height: u32,
    ) -> DataResult<Vec<Array2<bool>>> {
        if regions.is_empty() {
            return Ok(Vec::new());
        }
        let turn = self.turn([width, height])?;
        let masks = regions.iter().map(|region| {
            let mask = self.mask_of(region, [width, height], &turn)?;
            if mask.iter().any(|&on| on) {
                return Ok(mask);
            }
            Err(self.misfit([width, height], "its mask is empty".into()))
        });
        masks.collect()
    }

    /// Some regions as one mask, if there are any.
    ///
    /// # Errors
    /// As [`masks`](Self::masks).
    pub fn mask(
        &self,
        regions: &[Region],
        width: u32,
        height: u32,
    ) -> DataResult<Option<Array2<bool>>> {
        let masks = self.masks(regions, width, height)?.into_iter();
        Ok(masks.reduce(|all, mask| all | mask))
    }

    /// A digest of everything that numbers of the pair depend on: the picture, the caption and its rival, all
    /// regions, and the name in the caption. Files count by their content, whatever they are
    /// called; one that cannot be read differs from all that can.
    pub fn identity(&self) -> String {
        let mut parts = vec![self.caption.clone().into_bytes(), self.image.bytes()];
        if let Some(rival) = &self.instead_of {
            parts.push(format!("instead of {rival}").into_bytes());
        }
        if let Some([width, height]) = self.annotated {
            parts.push(format!("annotated {width} × {height}").into_bytes());
        }
        if let Some(name) = &self.name {
            parts.push(format!("{}..{}", name.start, name.end).into_bytes());
        }
        if let Some(absent) = &self.absent {
            parts.push(format!("not {}..{}", absent.start, absent.end).into_bytes());
        }
        if !self.adjustment.is_none() {
            parts.push(format!("{:?}", self.adjustment).into_bytes());
        }
        for (kind, regions) in [
            ("regions", &self.regions),
            ("others", &self.others),
            ("strangers", &self.strangers),
        ] {
            if !regions.is_empty() {
                parts.push(kind.into());
                parts.extend(regions.iter().map(Region::bytes));
            }
        }
        digest(parts)
    }

    /// How the image is stored, and whether its regions are of the stored pixels.
    fn turn(&self, upright: [u32; 2]) -> DataResult<Stored> {
        let orientation = match &self.image {
            RowImage::File(path) => clip_input::orientation(path),
            RowImage::Within(within) => {
                let bytes = within.read().ok();
                bytes.and_then(|bytes| clip_input::orientation_of(&bytes))
            }
            RowImage::Picture { .. } => None,
        };
        let turn = Turn::new(orientation, upright);
        let Some(annotated) = self.annotated else {
            let regions = false;
            return Ok(Stored { turn, regions });
        };
        let refused = |reason| Err(self.misfit(upright, reason));
        let [width, height] = annotated;
        match (annotated == upright, annotated == turn.stored()) {
            (true, true) if turn.turns() => refused(format!(
                "the photo is stored turned and its annotation is of {width} × {height} pixels, which it \
                 has either way, so nobody can tell which pixels are meant: store it upright"
            )),
            (false, false) => refused(format!(
                "its annotation is of an image of {width} × {height} pixels: give that image, or scale \
                 the annotation"
            )),
            (is_upright, _) => Ok(Stored {
                turn,
                regions: !is_upright,
            }),
        }
    }

    fn mask_of(
        &self,
        region: &Region,
        size: [u32; 2],
        stored: &Stored,
    ) -> DataResult<Array2<bool>> {
        let mask = match region {
            Region::Box(rectangle) => return self.mask_of_box(rectangle, size, stored),
            Region::Mask(mask) => Array2::clone(mask),
            Region::Segmentation(outline) => match outline.as_ref() {
                Segmentation::Polygons(polygons) => {
                    return self.mask_of_polygons(outline, polygons, size, stored);
                }
                Segmentation::Runs { rows, columns, .. } => {
                    let found = [*columns, *rows];
                    if found != size && found != stored.turn.stored() {
                        return Err(self.other_size(size, found));
                    }
                    outline.mask(*columns, *rows)
                }
            },
            Region::MaskFile(path) => {
                let picture = clip_input::open_image(path).map_err(|source| DataError::Mask {
                    row: self.key.clone(),
                    source: Box::new(source),
                })?;
                coloured(&picture)
            }
        };
        let (rows, columns) = mask.dim();
        let found = [columns as u32, rows as u32];
        // A mask of another shape than the upright image can only be of the stored one.
        if found == stored.turn.stored() && (found != size || stored.regions) {
            return Ok(stored.turn.mask(&mask));
        }
        match found == size {
            true => Ok(mask),
            false => Err(self.other_size(size, found)),
        }
    }

    fn other_size(&self, size: [u32; 2], [columns, rows]: [u32; 2]) -> DataError {
        self.misfit(size, format!("its mask has {columns} × {rows}"))
    }

    fn mask_of_polygons(
        &self,
        outline: &Segmentation,
        polygons: &[Vec<[f64; 2]>],
        size: [u32; 2],
        stored: &Stored,
    ) -> DataResult<Array2<bool>> {
        // As a box, so that it lies where it can.
        self.mask_of_box(&Segmentation::bounds(polygons), size, stored)?;
        let [width, height] = match stored.regions {
            true => stored.turn.stored(),
            false => size,
        };
        let mask = outline.mask(width, height);
        Ok(match stored.regions {
            true => stored.turn.mask(&mask),
            false => mask,
        })
    }

    fn mask_of_box(
        &self,
        rectangle: &Rectangle,
        size @ [width, height]: [u32; 2],
        stored: &Stored,
    ) -> DataResult<Array2<bool>> {
        let given = *rectangle;
        let rectangle = match stored.regions {
            true => stored.turn.rectangle(given),
            false => given,
        };
        let Rectangle {
            x,
            y,
            width: w,
            height: h,
        } = given;
        // Why that may be, where it is likely.
        let hint = match stored.turn.turns() && self.annotated.is_none() {
            true => "; the photo is stored turned, and boxes are of the upright picture",
            false => "",
        };
        let refused = |what| {
            let reason = format!("the box [{x}, {y}, {w}, {h}] {what}{hint}");
            Err(self.misfit(size, reason))
        };
        let Some(mask) = rectangle.mask(width, height) else {
            return refused("lies outside".into());
        };
        let beyond = rectangle.beyond(width, height);
        // Rounding, and the hand that drew it.
        let slack = f64::from(width.max(height)) * SLACK;
        match beyond <= slack.max(2.0) {
            true => Ok(mask),
            false => refused(format!("reaches {beyond:.0} pixels beyond its edges")),
        }
    }

    fn misfit(&self, [width, height]: [u32; 2], reason: String) -> DataError {
        DataError::Region {
            row: self.key.clone(),
            width,
            height,
            reason,
        }
    }
}

impl RowFailure {
    /// A row that failed in use, with the error and what caused it.
    pub fn new(row: &Row, error: &dyn Error) -> Self {
        Self {
            row: row.key.clone(),
            reason: m2ib_files::causes(error),
        }
    }
}
