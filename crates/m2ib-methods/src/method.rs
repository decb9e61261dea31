//! What all methods have in common.

use std::fmt::Debug;

use m2ib::m2ib_core::Fit;
use m2ib::{Asked, Attribution, Backend, ImageAttribution, Provenance, TextAttribution, Unit};
use ndarray::Array2;

use crate::{MethodFactory, Result, Subject};

/// A way to attribute a similarity to patches and tokens.
pub trait Method: Debug + Send + Sync {
    /// What it is made by: its name and settings.
    fn factory(&self) -> &dyn MethodFactory;

    /// What its saliency is measured in where the fits are cosines; of a fit that
    /// [is not in cosines](m2ib::m2ib_core::Fit::is_in_cosines), nothing that had them keeps them.
    fn unit(&self) -> Unit {
        Unit::Arbitrary
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
        let (size, view) = subject.covered();
        let lanes = Backend::lanes(&subject.model().device(), 1)?;
        let patches = lanes.together(|| self.patches(subject))?;
        let unit = unit_of(self.unit(), &*subject.fits().image);
        Ok(ImageAttribution::new(patches, unit, size, view))
    }

    /// The caption's side of an explanation.
    ///
    /// # Errors
    /// As [`tokens`](Self::tokens).
    fn attribute_text(&self, subject: &Subject<'_>) -> Result<TextAttribution> {
        let lanes = Backend::lanes(&subject.model().device(), 1)?;
        Ok(TextAttribution {
            caption: subject.caption().clone(),
            saliency: lanes.together(|| self.tokens(subject))?,
            read: subject.text_layout().read.clone(),
            unit: unit_of(self.unit(), &*subject.fits().text),
            trace: Vec::new(),
        })
    }

    /// How its explanations of a model are made.
    fn provenance(&self, subject: &Subject<'_>) -> Provenance {
        let factory = self.factory();
        let settings = factory.settings().into_iter();
        let method = m2ib::Method::Other {
            name: factory.name().into(),
            settings: settings.map(|set| (set.name.into(), set.value)).collect(),
        };
        Provenance {
            fits: subject.fits().record(),
            picture: m2ib::picture_name(&subject.pixels().facts),
            ..m2ib::provenance(subject.model(), method, factory.seed())
        }
    }

    /// Explains a pair.
    ///
    /// # Errors
    /// As [`patches`](Self::patches).
    fn attribute(&self, subject: &Subject<'_>) -> Result<Attribution> {
        let image = self.attribute_image(subject)?;
        let text = self.attribute_text(subject)?;
        let (rank, warnings) = m2ib::warnings(&m2ib::Explained {
            model: subject.model(),
            facts: &subject.pixels().facts,
            embedding: subject.image_embedding(),
            similarity: subject.similarity(),
            image: &image,
            text: &text,
        })?;
        Ok(Attribution {
            warnings,
            image,
            text,
            similarity: subject.similarity(),
            probability: subject.model().probability(subject.similarity()),
            rank,
            asked: Asked::default(),
            provenance: self.provenance(subject),
        })
    }
}

/// A unit as it is of what a fit says.
fn unit_of(unit: Unit, fit: &dyn Fit) -> Unit {
    match unit {
        Unit::Cosine if !fit.is_in_cosines() => Unit::Arbitrary,
        unit => unit,
    }
}
