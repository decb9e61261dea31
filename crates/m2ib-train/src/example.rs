//! What is learnt from: pictures, what is on them, and captions that name some of it.

use std::ops::Range;

use image::RgbImage;

/// A picture with two captions that are true of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// As large as the model's input.
    pub image: RgbImage,
    /// What is on it, by class.
    pub objects: Vec<usize>,
    /// Two captions, each naming some of the objects.
    pub captions: [Named; 2],
}

/// A caption, tokenised.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// Token ids as the text tower reads them: from the start token to the end token, or with all
    /// of the padding.
    pub ids: Vec<i64>,
    /// The classes it names.
    pub classes: Vec<usize>,
}

impl Named {
    /// Whether the caption is true of a picture with these objects.
    pub fn is_true_of(&self, objects: &[usize]) -> bool {
        self.classes.iter().all(|class| objects.contains(class))
    }
}

/// Where examples come from: the same for the same numbers, on every call.
pub trait Source: Sync {
    /// The examples of these numbers.
    ///
    /// # Errors
    /// Whatever keeps them from being made.
    fn examples(&self, numbers: Range<u64>) -> crate::Result<Vec<Example>>;
}
