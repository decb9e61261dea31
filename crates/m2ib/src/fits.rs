//! What is wanted of a pair's two embeddings.

use std::sync::Arc;

use burn::tensor::Tensor;
use m2ib_core::{Cosine, Fit};
use serde::{Deserialize, Serialize};

/// One fit a modality: of embeddings read out of a masked image, and of those read out of a masked
/// caption. M2IB's own are the cosines with the other modality's embedding.
#[derive(Debug, Clone)]
pub struct Fits {
    /// Of the image's embedding.
    pub image: Arc<dyn Fit>,
    /// Of the caption's embedding.
    pub text: Arc<dyn Fit>,
}

impl Fits {
    /// Each similar to the other: cosines.
    ///
    /// # Shapes
    /// - image, text: the pair's embeddings, `[1, embedding]`
    pub fn of_pair(image: &Tensor<2>, text: &Tensor<2>) -> Self {
        Self {
            image: Arc::new(Cosine::new(text.clone())),
            text: Arc::new(Cosine::new(image.clone())),
        }
    }

    /// In words.
    pub fn record(&self) -> FitRecord {
        FitRecord {
            image: self.image.describe(),
            text: self.text.describe(),
        }
    }
}

/// What was wanted of either embedding, as the fits describe themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FitRecord {
    /// Of the image's embedding.
    pub image: String,
    /// Of the caption's embedding.
    pub text: String,
}

impl Default for FitRecord {
    fn default() -> Self {
        let cosine = String::from(Cosine::DESCRIPTION);
        Self {
            image: cosine.clone(),
            text: cosine,
        }
    }
}
