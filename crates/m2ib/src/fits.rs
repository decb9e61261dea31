//! What is wanted of a pair's two embeddings.

use std::sync::Arc;

use burn::tensor::Tensor;
use m2ib_attribution::FitRecord;
use m2ib_core::{Cosine, Fit};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_says_nothing_else_is_of_cosines() {
        let record = FitRecord::default();
        assert_eq!([record.image, record.text], [Cosine::DESCRIPTION; 2]);
    }
}
