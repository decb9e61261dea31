//! Which word goes with which patch?

use std::collections::BTreeMap;
use std::ops::Range;

use clip_input::{Caption, Role};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::{Unit, rows};

/// What each word and each patch are worth together, beyond what they are worth alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interactions {
    /// How they were found.
    pub method: String,
    /// Its settings by their names.
    pub settings: BTreeMap<String, String>,
    /// What they are measured in.
    pub unit: Unit,
    /// One map a word, in the caption's order.
    pub words: Vec<WordMap>,
    /// What each is worth by itself, where the method says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alone: Option<Alone>,
}

/// What patches and words are worth by themselves: what each adds, averaged over what else is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alone {
    /// `[rows, columns]`
    #[serde(with = "rows")]
    pub patches: Array2<f32>,
    /// One a word.
    pub words: Vec<f32>,
}

/// What a word has to do with each patch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WordMap {
    /// The word as the caption spells it.
    pub text: String,
    /// Its bytes in the caption.
    pub span: Range<usize>,
    /// Above 0 where the patch speaks for the word, below where against it, `[rows, columns]`.
    #[serde(with = "rows")]
    pub map: Array2<f32>,
}

impl Interactions {
    /// Rows and columns of every map.
    pub fn grid(&self) -> [usize; 2] {
        let (rows, columns) = self.words.first().map_or((0, 0), |word| word.map.dim());
        [rows, columns]
    }

    /// The largest by size, 0 where there are none.
    pub fn largest(&self) -> f32 {
        let all = self.words.iter().flat_map(|word| word.map.iter());
        all.map(|value| value.abs()).fold(0.0, f32::max)
    }

    /// What all words have with each patch, summed: the patch's share of the pair.
    pub fn image_sums(&self) -> Array2<f32> {
        let [rows, columns] = self.grid();
        let maps = self.words.iter();
        maps.fold(Array2::zeros((rows, columns)), |sum, word| sum + &word.map)
    }

    /// What all patches have with each word, summed.
    pub fn text_sums(&self) -> Vec<f32> {
        let sums = self.words.iter().map(|word| word.map.sum());
        sums.collect()
    }
}

/// A word and its tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordTokens {
    /// The word as the caption spells it.
    pub text: String,
    /// Its bytes in the caption.
    pub span: Range<usize>,
    /// The places of its tokens.
    pub tokens: Vec<usize>,
}

impl WordTokens {
    /// A caption's words, as [`words`](crate::TextAttribution::words) has them.
    pub fn of(caption: &Caption) -> Vec<Self> {
        let mut words: Vec<(Option<usize>, Self)> = Vec::new();
        let pieces = caption.tokens.iter().enumerate();
        for (place, token) in pieces.filter(|(_, token)| token.role == Role::Piece) {
            match words.last_mut() {
                Some((word, last)) if *word == token.word && word.is_some() => {
                    last.span.end = token.span.end;
                    last.tokens.push(place);
                }
                _ => words.push((
                    token.word,
                    Self {
                        text: String::new(),
                        span: token.span.clone(),
                        tokens: vec![place],
                    },
                )),
            }
        }
        let words = words.into_iter().map(|(_, mut word)| {
            let text = caption.text.get(word.span.clone());
            word.text = text.unwrap_or_default().into();
            word
        });
        words.collect()
    }
}
