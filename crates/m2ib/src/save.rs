//! Explanations to files, of the kind that a name's ending says.

use std::io::Cursor;
use std::path::Path;

use clip_input::Picture;
use image::{DynamicImage, ImageFormat};
use m2ib_attribution::Attribution;

use crate::{Error, Result, draw, npy, npz};

/// Writing to a file, of the kind that its ending says.
pub trait Save {
    /// Writes a file, whole or not at all, of the kind that its ending says: `.png` (the heat map over the
    /// image, the words beneath), `.html` (one self-contained page), `.json` (all numbers), `.npy` (the
    /// map), `.npz` ([everything](npz) for NumPy).
    ///
    /// The first two show the image that was explained, which an explanation does not hold; the others
    /// need none.
    ///
    /// ```
    /// use m2ib::{Explainer, Save, emoji};
    ///
    /// let explainer = Explainer::emoji()?;
    /// let image = m2ib::decode_image(emoji::SCENES[6].png, "scene6.png")?;
    /// let attribution = explainer.attribute(&image, "a photo of a hedgehog")?;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let at = |name: &str| folder.path().join(name);
    /// attribution.save(at("hedgehog.png"), &image)?;
    /// attribution.save(at("hedgehog.npz"), None)?;
    /// # assert!(attribution.save(at("hedgehog.html"), None).is_err());
    /// # Ok::<(), m2ib::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Ending`] for any other ending, [`Error::NoImage`], [`Error::Draw`] for an image that is
    /// not the one explained, and [`Error::Write`].
    fn save<'a>(&self, path: impl AsRef<Path>, image: impl Shown<'a>) -> Result<()>;
}

/// The image that was explained, as [`Save::save`] takes it, or none.
pub trait Shown<'a> {
    /// Its pixels.
    fn shown(self) -> Option<&'a DynamicImage>;
}

impl<'a> Shown<'a> for &'a DynamicImage {
    fn shown(self) -> Option<&'a DynamicImage> {
        Some(self)
    }
}

impl<'a> Shown<'a> for &'a Picture {
    fn shown(self) -> Option<&'a DynamicImage> {
        Some(self)
    }
}

impl<'a> Shown<'a> for Option<&'a DynamicImage> {
    fn shown(self) -> Option<&'a DynamicImage> {
        self
    }
}

impl Save for Attribution {
    fn save<'a>(&self, path: impl AsRef<Path>, image: impl Shown<'a>) -> Result<()> {
        let path = path.as_ref();
        let image = image.shown();
        let shown = || image.ok_or_else(|| Error::NoImage { path: path.into() });
        let ending = path.extension().unwrap_or_default().to_string_lossy();
        let bytes = match ending.to_lowercase().as_str() {
            "png" => png(self, shown()?)?,
            "html" | "htm" => draw::html(self, shown()?)?.into_bytes(),
            "json" => serde_json::to_vec_pretty(self).map_err(|error| failed(path, error))?,
            "npy" => npy(self)?,
            "npz" => npz(self)?,
            _ => return Err(Error::Ending { path: path.into() }),
        };
        m2ib_files::write_whole(path, &bytes).map_err(|error| failed(path, error))
    }
}

fn png(attribution: &Attribution, image: &DynamicImage) -> Result<Vec<u8>> {
    let picture = draw::overlay(attribution, image).render_with_caption()?;
    let mut bytes = Cursor::new(Vec::new());
    let written = picture.write_to(&mut bytes, ImageFormat::Png);
    written.map_err(|error| draw::Error::Drawing {
        what: "the picture",
        reason: error.to_string(),
    })?;
    Ok(bytes.into_inner())
}

fn failed(path: &Path, error: impl std::fmt::Display) -> Error {
    Error::Write {
        path: path.into(),
        reason: error.to_string(),
    }
}
