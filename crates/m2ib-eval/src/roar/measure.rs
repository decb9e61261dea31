//! ROAR+'s numbers by name.

use m2ib_metrics::Estimate;

use super::Fall;
use super::retrieval::RetrievalCase;

/// One of ROAR+'s numbers. Each is better the larger it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoarMeasure {
    /// [`Fall::image_to_text`].
    ImageToText,
    /// [`Fall::text_to_image`].
    TextToImage,
    /// [`Fall::loss`].
    Loss,
}

impl RoarMeasure {
    /// All, in the order of tables.
    pub const ALL: [Self; 3] = [Self::ImageToText, Self::TextToImage, Self::Loss];

    /// Its name in files and on the command line.
    pub fn key(self) -> &'static str {
        match self {
            Self::ImageToText => "roar_image_to_text",
            Self::TextToImage => "roar_text_to_image",
            Self::Loss => "roar_loss",
        }
    }

    /// Its heading.
    pub fn label(self) -> &'static str {
        match self {
            Self::ImageToText => "image → text",
            Self::TextToImage => "text → image",
            Self::Loss => "rise of the loss",
        }
    }

    /// Its number.
    pub fn of(self, fall: &Fall) -> Estimate {
        match self {
            Self::ImageToText => fall.image_to_text,
            Self::TextToImage => fall.text_to_image,
            Self::Loss => fall.loss,
        }
    }

    /// Of one pair.
    pub(crate) fn fall(self, from: &RetrievalCase, to: &RetrievalCase) -> f64 {
        let ([a, b, c], [x, y, z]) = (from.numbers(), to.numbers());
        match self {
            Self::ImageToText => a - x,
            Self::TextToImage => b - y,
            Self::Loss => z - c,
        }
    }
}
