//! What a caption is to be held against.

use crate::{Error, Result};

/// What a caption is to be held against: why this rather than that?
#[derive(Debug, Clone, PartialEq)]
pub struct Against {
    /// Where the rivals come from.
    pub rivals: Rivals,
    /// κ: what the rivals count in all, 1 unless said otherwise. At 0 they would count nothing.
    pub kappa: f64,
}

/// Where rivals come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rivals {
    /// These captions.
    Captions(Vec<String>),
    /// The caption that says nothing, as the model's
    /// [tokenizer](clip_input::CaptionTokenizer::empty) has it: what any caption would get is taken off.
    Empty,
    /// So many captions of the model's [bank](crate::bank), those nearest to the image.
    Bank(usize),
}

impl Against {
    /// These captions.
    pub fn captions<T: Into<String>>(captions: impl IntoIterator<Item = T>) -> Self {
        let captions = captions.into_iter().map(T::into).collect();
        Self::of(Rivals::Captions(captions))
    }

    /// The empty caption.
    pub fn empty() -> Self {
        Self::of(Rivals::Empty)
    }

    /// The nearest of the bank; three, as Finer-CAM has it.
    pub fn bank() -> Self {
        Self::of(Rivals::Bank(3))
    }

    fn of(rivals: Rivals) -> Self {
        Self { rivals, kappa: 1.0 }
    }

    /// The same with another κ.
    pub fn kappa(self, kappa: f64) -> Self {
        Self { kappa, ..self }
    }

    /// # Errors
    /// [`Error::Against`] for a κ or a number of rivals that makes no sense.
    pub(crate) fn check(&self) -> Result<()> {
        let wrong = |name, found: String, expected: &str| {
            Err(Error::Against {
                name,
                found,
                reason: format!("expected {expected}"),
            })
        };
        if !(self.kappa > 0.0 && self.kappa <= 100.0) {
            let expected = "a number above 0, at most 100";
            return wrong("kappa", self.kappa.to_string(), expected);
        }
        let count = match &self.rivals {
            Rivals::Captions(captions) => captions.len(),
            Rivals::Empty => 1,
            Rivals::Bank(nearest) => *nearest,
        };
        match (1..=MOST).contains(&count) {
            true => Ok(()),
            false => wrong("rivals", count.to_string(), "1 to 64 of them"),
        }
    }
}

/// Rivals of one caption: each goes through the text tower, and beyond the first few none weighs
/// anything.
const MOST: usize = 64;
