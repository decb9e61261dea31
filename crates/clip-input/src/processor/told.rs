//! What is done to images, told: to people, to digests, and in errors.

use super::size::Size;
use super::{ImageProcessor, Style};
use crate::{Digest, Error};

/// Whether the same is done to images, whatever file said so.
impl PartialEq for ImageProcessor {
    fn eq(&self, other: &Self) -> bool {
        self.steps() == other.steps()
    }
}

impl ImageProcessor {
    /// What is done to images, in words.
    pub fn describe(&self) -> String {
        let mut steps = Vec::new();
        if let Some((size, filter)) = self.resize {
            let filter = format!("{filter:?}").to_lowercase();
            steps.push(match size {
                Size::ShortestEdge(edge) => format!("the shorter side to {edge} ({filter})"),
                Size::Exact { width, height } => {
                    format!("squashed to {width}×{height} ({filter})")
                }
                Size::KeptRatio {
                    width,
                    height,
                    inside: true,
                } => format!("as large as goes into {width}×{height} ({filter})"),
                Size::KeptRatio { width, height, .. } => {
                    format!("as small as covers {width}×{height} ({filter})")
                }
                Size::Patches { patch, most } => format!(
                    "as large as goes into {most} patches of {patch}×{patch}, to whole ones ({filter})"
                ),
            });
        }
        steps.push(match (self.crop, self.resize) {
            (Some((width, height)), Some((Size::KeptRatio { inside: true, .. }, _))) => {
                format!("filled up to {width}×{height}")
            }
            (Some((width, height)), _) => format!("{width}×{height} out of the middle"),
            (None, _) => "no crop".into(),
        });
        if let Some((mean, deviation)) = self.normalize {
            let numbers = |numbers: [f32; 3]| {
                let [r, g, b] = numbers.map(|number| (number * 1e4).round() / 1e4);
                match r == g && g == b {
                    true => r.to_string(),
                    false => format!("{r} {g} {b}"),
                }
            };
            steps.push(format!(
                "mean {}, deviation {}",
                numbers(mean),
                numbers(deviation)
            ));
        }
        steps.join(", ")
    }

    /// A digest of everything that is done to images.
    pub fn digest(&self) -> Digest {
        Digest::of([self.steps().as_bytes()])
    }

    /// Everything that is done to images, numbers with all their digits. Calibrations know their
    /// model by it: it does not change.
    pub(super) fn steps(&self) -> String {
        let Self {
            file: _,
            resize,
            crop,
            rescale,
            normalize,
            style,
        } = self;
        let style = match style {
            Style::Transformers => String::new(),
            style => format!(", style: {style:?}"),
        };
        format!(
            "ImageProcessor {{ resize: {resize:?}, crop: {crop:?}, rescale: {rescale:?}, normalize: {normalize:?}{style} }}"
        )
    }

    /// What is wrong where a tower takes other sizes than these pixels have: the file's key by
    /// which they came to be, and what it would have to say.
    pub fn misfit(&self, found: [usize; 2], expected: [usize; 2]) -> Error {
        let size = |[height, width]: [usize; 2]| format!("{width}×{height}");
        let steps = match (self.crop, self.resize) {
            (Some(_), _) => ("crop_size", "an image of that size"),
            (None, Some((Size::Exact { .. }, _))) => ("size", "an image of that size"),
            (None, Some((Size::Patches { .. }, _))) => {
                ("max_num_patches", "an image of this shape")
            }
            (None, Some((Size::ShortestEdge(_) | Size::KeptRatio { .. }, _))) => (
                "do_center_crop",
                "false, and size only the shortest edge, so that this image",
            ),
            (None, None) => (
                "do_resize",
                "false and do_center_crop too, so that this image",
            ),
        };
        let (field, cause) = steps;
        Error::Config {
            file: self.file.clone(),
            field,
            found: format!("{cause} becomes {} pixels", size(found)),
            expected: format!(
                "{} pixels, which the model takes of every image: set do_center_crop to true and crop_size to {}",
                size(expected),
                expected[0]
            ),
        }
    }

    /// The key by which the output's size is said.
    pub fn size_key(&self) -> &'static str {
        match self.crop {
            Some(_) => "crop_size",
            None => "size",
        }
    }
}
