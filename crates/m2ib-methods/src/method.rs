//! What all methods have in common.

use std::collections::BTreeMap;
use std::fmt::Debug;

use m2ib::{Attribution, ImageAttribution, Provenance, TextAttribution, Unit};
use ndarray::Array2;

use crate::{Result, Subject};

/// A way to attribute a similarity to patches and tokens.
pub trait Method: Debug + Send + Sync {
    /// Its name, as [`Choice`](crate::Choice) reads it.
    fn name(&self) -> &'static str;

    /// Its settings, as [`Choice`](crate::Choice) reads them.
    fn settings(&self) -> BTreeMap<String, String>;

    /// What its saliency is measured in.
    fn unit(&self) -> Unit {
        Unit::Arbitrary
    }

    /// The seed of what is random in it, 0 if nothing is.
    fn seed(&self) -> u64 {
        0
    }

    /// Saliency of the patches, `[rows, columns]`.
    ///
    /// # Errors
    /// [`Error::NotFinite`](crate::Error::NotFinite),
    /// [`Error::Device`](crate::Error::Device).
    fn patches(&self, subject: &Subject<'_>) -> Result<Array2<f32>>;

    /// Saliency of the tokens in the caption's order, start and end included, `[tokens]`.
    ///
    /// # Errors
    /// As [`patches`](Self::patches).
    fn tokens(&self, subject: &Subject<'_>) -> Result<Vec<f32>>;

    /// The image's side of an explanation.
    ///
    /// # Errors
    /// As [`patches`](Self::patches).
    fn attribute_image(&self, subject: &Subject<'_>) -> Result<ImageAttribution> {
        let (size, view) = (subject.input_size(), subject.pixels().view);
        let patches = self.patches(subject)?;
        Ok(ImageAttribution::new(patches, self.unit(), size, view))
    }

    /// The caption's side of an explanation.
    ///
    /// # Errors
    /// As [`tokens`](Self::tokens).
    fn attribute_text(&self, subject: &Subject<'_>) -> Result<TextAttribution> {
        Ok(TextAttribution {
            caption: subject.caption().clone(),
            saliency: self.tokens(subject)?,
            unit: self.unit(),
            trace: Vec::new(),
        })
    }

    /// How its explanations of a model are made.
    fn provenance(&self, subject: &Subject<'_>) -> Provenance {
        let method = m2ib::Method::Other {
            name: self.name().into(),
            settings: self.settings(),
        };
        Provenance {
            fits: subject.fits().record(),
            ..m2ib::provenance(subject.model(), method, self.seed())
        }
    }

    /// Explains a pair.
    ///
    /// # Errors
    /// As [`patches`](Self::patches).
    fn attribute(&self, subject: &Subject<'_>) -> Result<Attribution> {
        let image = self.attribute_image(subject)?;
        let text = self.attribute_text(subject)?;
        let flat = image.is_flat().then_some(m2ib::Warning::FlatImageMap);
        Ok(Attribution {
            image,
            text,
            similarity: subject.similarity(),
            warnings: flat.into_iter().collect(),
            provenance: self.provenance(subject),
        })
    }
}
