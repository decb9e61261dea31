//! Why this caption rather than that one?

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::{ImageAttribution, TextAttribution, Unit};

/// What a caption was held against, and what speaks for that instead.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contrast {
    /// Where the rivals come from.
    pub against: Baseline,
    /// The captions that it was held against, the heaviest first.
    pub rivals: Vec<Rival>,
    /// κ: what the rivals count in all.
    pub kappa: f64,
    /// The cosine with the caption minus κ times the weighted cosines with the rivals, nothing masked:
    /// what the map and the words share out.
    pub difference: f32,
    /// The other way round: the heaviest rival instead of the caption.
    pub reverse: Reverse,
}

/// Where rivals come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Baseline {
    /// They were named.
    Captions,
    /// The caption that says nothing.
    Empty,
    /// The nearest to the image of a bank of captions.
    Bank,
}

/// A caption that another was held against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rival {
    /// The caption; nothing for the empty one.
    pub caption: String,
    /// Its cosine similarity to the image.
    pub similarity: f32,
    /// Its share of κ.
    pub weight: f32,
}

impl Rival {
    /// What it is called where captions are told.
    pub fn name(&self) -> &str {
        match self.caption.is_empty() {
            true => "an empty caption",
            false => &self.caption,
        }
    }
}

/// The explanation of the heaviest rival instead of the caption.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reverse {
    /// Which patches speak for it.
    pub image: ImageAttribution,
    /// Which of its words; none of an empty caption.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<TextAttribution>,
}

impl Contrast {
    /// The heaviest rival.
    pub fn rival(&self) -> Option<&Rival> {
        self.rivals.first()
    }

    /// What speaks for the caption, `[rows, columns]`: the map less what every patch has.
    pub fn for_caption(&self, image: &ImageAttribution) -> Array2<f32> {
        above_least(image.saliency())
    }

    /// What speaks for the heaviest rival, likewise.
    pub fn for_rival(&self) -> Array2<f32> {
        above_least(self.reverse.image.saliency())
    }

    /// The two maps as one: above 0 what speaks for the caption, below 0 what speaks for the rival,
    /// `[rows, columns]`.
    pub fn signed(&self, image: &ImageAttribution) -> Array2<f32> {
        let (this, that) = (self.for_caption(image), self.for_rival());
        match this.dim() == that.dim() {
            true => this - that,
            false => this,
        }
    }

    /// What the strongest colours stand for, of both ways and either sign; 0 where there is nothing.
    pub fn largest(&self, image: &ImageAttribution) -> f32 {
        let both = [self.for_caption(image), self.for_rival()];
        let all = both.iter().flat_map(|map| map.iter());
        largest(all.copied(), image.unit)
    }

    /// The same of the words.
    pub fn largest_word(&self, text: &TextAttribution) -> f32 {
        let both = [Some(text), self.reverse.text.as_ref()];
        let words = both.into_iter().flatten().flat_map(TextAttribution::words);
        largest(words.map(|word| word.saliency), text.unit)
    }
}

/// A map less its least value, where that is above 0: a share has some of what the first steps let pass
/// everywhere, whatever was asked.
fn above_least(map: &Array2<f32>) -> Array2<f32> {
    let least = map.iter().copied().fold(f32::INFINITY, f32::min);
    match least > 0.0 && least.is_finite() {
        true => map - least,
        false => map.clone(),
    }
}

fn largest(values: impl Iterator<Item = f32>, unit: Unit) -> f32 {
    values.map(f32::abs).fold(unit.negligible(), f32::max)
}
