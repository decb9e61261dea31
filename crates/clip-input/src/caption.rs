//! Captions to token ids and back to the caption's bytes.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Content, Error, Result};

/// CLIP's byte-pair tokenizer, from `tokenizer.json`. A clone shares the vocabulary.
#[derive(Debug, Clone)]
pub struct CaptionTokenizer {
    inner: Arc<tokenizers::Tokenizer>,
    positions: usize,
    end: i64,
}

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// The start token.
    Start,
    /// A piece of the caption.
    Text,
    /// The end token, whose output is pooled.
    End,
}

/// One token of a caption.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its id in the vocabulary.
    pub id: i64,
    /// Its text in the vocabulary, `</w>` marking a word's end.
    pub text: String,
    /// What it is for.
    pub kind: TokenKind,
    /// The bytes of the caption it stands for; empty for start and end.
    pub span: Range<usize>,
    /// Which word it belongs to, counted from 0; none for start and end.
    pub word: Option<usize>,
}

/// What did not fit into the text tower's positions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// Tokens the whole caption has, start and end included.
    pub tokens: usize,
    /// Positions the model has.
    pub positions: usize,
    /// The bytes of the caption that were left out.
    pub span: Range<usize>,
}

/// A tokenised caption.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caption {
    /// As given.
    pub text: String,
    /// Start token, the caption's pieces, end token; never padding.
    pub tokens: Vec<Token>,
    /// What was left out, if the caption is too long for the model.
    pub cut: Option<Cut>,
}

impl Caption {
    /// The ids, in order.
    pub fn ids(&self) -> Vec<i64> {
        self.tokens.iter().map(|token| token.id).collect()
    }
}

impl CaptionTokenizer {
    /// Loads `tokenizer.json` for a text tower with so many positions.
    ///
    /// # Errors
    /// [`Error::Read`]; [`Error::Tokenizer`] if the file is malformed or adds no start and end
    /// tokens.
    pub fn load(content: &Content, positions: usize) -> Result<Self> {
        let file = content.name();
        let invalid = |reason: String| Error::Tokenizer {
            file: file.clone(),
            reason,
        };
        let mut inner = tokenizers::Tokenizer::from_bytes(content.read()?)
            .map_err(|error| invalid(error.to_string()))?;
        // Captions are cut here, where the cut can be reported, and never padded.
        inner.with_padding(None);
        inner
            .with_truncation(None)
            .map_err(|error| invalid(error.to_string()))?;
        let probe = inner
            .encode("a", true)
            .map_err(|error| invalid(error.to_string()))?;
        let special = probe.get_special_tokens_mask();
        let end = match (special, probe.get_ids()) {
            ([1, .., 1], [_, _, .., end]) => i64::from(*end),
            (_, ids) => {
                return Err(invalid(format!(
                    "\"a\" becomes ids {ids:?}, expected a start token before and an end token after it"
                )));
            }
        };
        Ok(Self {
            inner: Arc::new(inner),
            positions,
            end,
        })
    }

    /// The end token's id.
    pub fn end_id(&self) -> i64 {
        self.end
    }

    /// Entries of the vocabulary, special tokens included.
    pub fn vocabulary_size(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// Tokenises a caption; what exceeds the model's positions is cut and reported in
    /// [`Caption::cut`].
    ///
    /// # Errors
    /// [`Error::EmptyCaption`]; [`Error::UnknownText`] for text outside the vocabulary.
    pub fn encode(&self, text: &str) -> Result<Caption> {
        let encoding = self
            .inner
            .encode(text, true)
            .map_err(|error| Error::Tokenizer {
                file: "tokenizer.json".into(),
                reason: format!("it fails on \"{text}\": {error}"),
            })?;
        let total = encoding.len();
        let mut tokens: Vec<Token> = (0..total)
            .map(|index| {
                let (start, end) = encoding.get_offsets()[index];
                let special = encoding.get_special_tokens_mask()[index] == 1;
                Token {
                    id: i64::from(encoding.get_ids()[index]),
                    text: encoding.get_tokens()[index].clone(),
                    kind: match (special, index) {
                        (true, 0) => TokenKind::Start,
                        (true, index) if index + 1 == total => TokenKind::End,
                        _ => TokenKind::Text,
                    },
                    span: if special { 0..0 } else { start..end },
                    word: encoding.get_word_ids()[index].map(|word| word as usize),
                }
            })
            .collect();
        let pieces = || tokens.iter().filter(|token| token.kind == TokenKind::Text);
        if pieces().next().is_none() {
            return Err(Error::EmptyCaption {
                caption: text.into(),
            });
        }
        // A piece with the end token's id (the vocabulary's stand-in for unknown text, or the end
        // token typed out) would be pooled in place of the caption's end.
        if let Some(unknown) = pieces().find(|token| token.id == self.end) {
            return Err(Error::UnknownText {
                caption: text.into(),
                found: text
                    .get(unknown.span.clone())
                    .unwrap_or(&unknown.text)
                    .into(),
            });
        }
        let cut = (total > self.positions).then(|| {
            let first = &tokens[self.positions - 1];
            Cut {
                tokens: total,
                positions: self.positions,
                span: first.span.start..text.len(),
            }
        });
        if cut.is_some() {
            tokens.drain(self.positions - 1..total - 1);
        }
        Ok(Caption {
            text: text.into(),
            tokens,
            cut,
        })
    }
}
