//! How heat maps look, in whatever they are drawn.

use crate::overlay::OPACITY;
use crate::{ColorMap, Error, Result};

/// How a heat map lies over its image, on pages as in pictures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// The colours.
    pub color_map: ColorMap,
    /// How much the hottest cover the image, 0 to 1.
    pub opacity: f32,
    /// Boxes are drawn around what is hotter than this, 0 to 1.
    pub boxes: Option<f32>,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            color_map: ColorMap::default(),
            opacity: OPACITY,
            boxes: None,
        }
    }
}

impl Look {
    /// That its numbers make sense.
    ///
    /// # Errors
    /// [`Error::Option`] for an opacity or a threshold outside 0..=1.
    pub fn check(&self) -> Result<()> {
        let shares = [
            ("opacity", self.opacity),
            ("threshold for boxes", self.boxes.unwrap_or(0.0)),
        ];
        for (name, share) in shares {
            if !(0.0..=1.0).contains(&share) {
                return Err(Error::Option {
                    name,
                    found: share.to_string(),
                    expected: "0 to 1",
                });
            }
        }
        Ok(())
    }

    /// The opacity as pages write it.
    pub(crate) fn percent(&self) -> u32 {
        (self.opacity * 100.0).round() as u32
    }
}
