//! The caption's side of an answer.

use m2ib::TextAttribution;
use m2ib::draw::visible;
use serde::Serialize;

use super::{Named, Other, others};

/// The caption's side.
#[derive(Debug, Serialize)]
pub(super) struct Words {
    /// The caption in pieces, in order: words, what lies between them, and what did not fit.
    runs: Vec<Run>,
    words: Vec<Word>,
    #[serde(flatten)]
    unit: Named,
    /// Tokens that are no words.
    others: Vec<Other>,
}

#[derive(Debug, Serialize)]
struct Run {
    text: String,
    /// Which of the words it is, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    word: Option<usize>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
}

#[derive(Debug, Serialize)]
struct Word {
    text: String,
    value: f32,
    /// Its share of the strongest word's, 0 to 1.
    score: f32,
}

impl Words {
    pub(super) fn of(text: &TextAttribution) -> Self {
        let words = text.words();
        let caption = &text.caption.text;
        let cut = text.caption.cut.as_ref().map(|cut| cut.span.clone());
        let end = cut.as_ref().map_or(caption.len(), |cut| cut.start);
        let mut runs = Vec::new();
        let mut push = |span: std::ops::Range<usize>, word, cut| {
            let text = caption.get(span).unwrap_or_default();
            if !text.is_empty() {
                runs.push(Run {
                    text: visible(text).into(),
                    word,
                    cut,
                });
            }
        };
        let mut place = 0;
        for (index, word) in words.iter().enumerate() {
            // Pieces may share a character.
            let start = word.span.start.max(place);
            push(place..start, None, false);
            push(start..word.span.end.max(start), Some(index), false);
            place = word.span.end.max(start);
        }
        push(place..end.max(place), None, false);
        if let Some(cut) = cut {
            push(cut.start.max(place)..cut.end, None, true);
        }
        Self {
            runs,
            words: words
                .iter()
                .map(|word| Word {
                    text: visible(&word.text).into(),
                    value: word.saliency,
                    score: word.score,
                })
                .collect(),
            unit: text.unit.into(),
            others: others(text.others()),
        }
    }
}
