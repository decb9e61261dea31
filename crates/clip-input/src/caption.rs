//! Captions to token ids and back to the caption's bytes.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::pad_token::PadToken;
use crate::words::words;
use crate::{Cleaning, Content, Digest, Error, Result, Role};

/// A model's tokenizer, from `tokenizer.json`. A clone shares the vocabulary.
#[derive(Debug, Clone)]
pub struct CaptionTokenizer {
    inner: Arc<tokenizers::Tokenizer>,
    positions: usize,
    /// Special tokens that come before a caption, and behind it.
    around: [usize; 2],
    end: Option<i64>,
    padding: Option<i64>,
    /// The one that the files name, whether captions are filled up or not.
    pad: Option<i64>,
    cleaning: Cleaning,
    /// Whether the token behind a caption is left out.
    endless: bool,
    file: Digest,
}

/// One token of a caption.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its id in the vocabulary.
    pub id: i64,
    /// Its text in the vocabulary, `</w>` marking a word's end.
    pub text: String,
    /// What it is for.
    pub role: Role,
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
    /// Start token, the caption's pieces, end token, and what the tokenizer pads with, each if it
    /// has one.
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

/// The library that reads patterns descends into brackets without end, and a stack that overflows
/// takes the whole program with it. CLIP's own pattern has six.
const MOST_BRACKETS: usize = 256;

/// The most opening brackets in one text of a JSON file.
fn most_brackets(json: &[u8]) -> usize {
    let (mut most, mut count) = (0, 0);
    let (mut inside, mut escaped) = (false, false);
    for &byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if inside => escaped = true,
            b'"' => {
                inside = !inside;
                count = 0;
            }
            b'[' if inside => {
                count += 1;
                most = most.max(count);
            }
            _ => {}
        }
    }
    most
}

/// What a tokenizer makes of a text, or why it makes nothing: some files are only found wrong when
/// they are used.
fn encoded(tokenizer: &tokenizers::Tokenizer, text: &str) -> Result<tokenizers::Encoding, String> {
    let encoding = m2ib_files::caught(|| tokenizer.encode(text, true))?;
    encoding.map_err(|error| error.to_string())
}

impl CaptionTokenizer {
    /// Loads `tokenizer.json` for a text tower with so many positions.
    ///
    /// # Errors
    /// [`Error::Read`]; [`Error::Tokenizer`] if the file is malformed, [`Error::Json`] if
    /// `tokenizer_config.json` beside it is.
    pub fn load(content: &Content, positions: usize) -> Result<Self> {
        let file = content.name();
        let invalid = |reason: String| Error::Tokenizer {
            file: file.clone(),
            reason,
        };
        let bytes = content.read()?;
        let brackets = most_brackets(&bytes);
        if brackets > MOST_BRACKETS {
            return Err(invalid(format!(
                "one of its texts has {brackets} opening brackets, at most {MOST_BRACKETS} are read"
            )));
        }
        // The parser takes some malformed files for a mistake of its own.
        let parsed = m2ib_files::caught(|| tokenizers::Tokenizer::from_bytes(&bytes));
        let mut inner = parsed
            .map_err(&invalid)?
            .map_err(|error| invalid(error.to_string()))?;
        let pad = PadToken::of(&inner, content)?;
        // Captions are cut and filled up here, where it can be reported.
        inner.with_padding(None);
        inner
            .with_truncation(None)
            .map_err(|error| invalid(error.to_string()))?;
        let probe = encoded(&inner, "a").map_err(invalid)?;
        let special = probe.get_special_tokens_mask();
        let count = |special: &mut dyn Iterator<Item = &u32>| {
            special.take_while(|&&special| special == 1).count()
        };
        let before = count(&mut special.iter());
        let after = count(&mut special[before..].iter().rev());
        let end = probe.get_ids().last().filter(|_| after > 0);
        let end = end.map(|&id| i64::from(id));
        // What the file does not say is told apart too, where it makes a difference.
        let file = match pad {
            Some(PadToken::Beside(id)) if Some(id) != end => {
                Digest::of([&bytes[..], b"pad", &id.to_le_bytes()])
            }
            _ => Digest::of([&bytes[..]]),
        };
        Ok(Self {
            positions,
            around: [before, after],
            end,
            padding: None,
            pad: pad.map(PadToken::id),
            cleaning: Cleaning::None,
            endless: false,
            file,
            inner: Arc::new(inner),
        })
    }

    /// Fills captions up to the model's positions with this id, for towers whose tokens see the
    /// padding.
    pub fn with_padding(self, id: i64) -> Self {
        Self {
            padding: Some(id),
            ..self
        }
    }

    /// Cleans captions before they are tokenised.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] if the library that does it refuses.
    pub fn with_cleaning(self, cleaning: Cleaning) -> Result<Self> {
        let mut inner = (*self.inner).clone();
        let own = inner.get_normalizer().cloned();
        let normalizer = cleaning.before(own).map_err(|reason| Error::Tokenizer {
            file: "tokenizer.json".into(),
            reason,
        })?;
        inner.with_normalizer(normalizer);
        // open_clip's own tokenizer knows no "<|endoftext|>" that is typed.
        inner.set_encode_special_tokens(matches!(
            cleaning,
            Cleaning::OpenClip | Cleaning::Canonical
        ));
        Ok(Self {
            inner: Arc::new(inner),
            cleaning,
            ..self
        })
    }

    /// Leaves the token behind a caption out, for models that were trained without it.
    pub fn without_end(self) -> Self {
        Self {
            endless: true,
            end: None,
            ..self
        }
    }

    /// What is done to captions beyond what the file says.
    pub fn cleaning(&self) -> Cleaning {
        self.cleaning
    }

    /// Whether a token comes before a caption.
    pub fn has_start(&self) -> bool {
        self.around[0] > 0
    }

    /// The id of the token behind a caption, if one comes there.
    pub fn end_id(&self) -> Option<i64> {
        self.end
    }

    /// The id of the padding token: what captions are filled up with, else the one that the file
    /// names, or `tokenizer_config.json` beside it. None if the tokenizer has none.
    pub fn pad_id(&self) -> Option<i64> {
        self.padding.or(self.pad)
    }

    /// How captions become tokens, in words.
    pub fn describe(&self) -> String {
        let kind = match self.inner.get_model() {
            tokenizers::ModelWrapper::BPE(_) => "byte pairs",
            tokenizers::ModelWrapper::WordPiece(_) => "word pieces",
            tokenizers::ModelWrapper::WordLevel(_) => "whole words",
            tokenizers::ModelWrapper::Unigram(_) => "SentencePiece's unigrams",
        };
        let around = match (self.has_start(), self.end.is_some()) {
            (true, true) => "between a start and an end token",
            (false, true) => "with an end token behind",
            (true, false) => "with a start token before",
            (false, false) => "with no token around",
        };
        let padding = match self.padding {
            Some(id) => {
                let text = self.inner.id_to_token(id as u32);
                format!(", filled up with {id} ({})", text.unwrap_or_default())
            }
            None => String::new(),
        };
        format!(
            "{kind}, {} entries, up to {} tokens {around}{padding}",
            self.vocabulary_size(),
            self.positions
        )
    }

    /// A digest of the file, and of how captions are cleaned and filled up.
    pub fn digest(&self) -> Digest {
        let positions = (self.positions as u64).to_le_bytes();
        let padding = self.padding.map_or([0; 9], |id| {
            let mut bytes = [1; 9];
            bytes[1..].copy_from_slice(&id.to_le_bytes());
            bytes
        });
        let plain = [self.file.as_bytes(), &positions[..], &padding];
        match (self.cleaning, self.endless) {
            (Cleaning::None, false) => Digest::of(plain),
            changed => {
                let changed = format!("{changed:?}");
                Digest::of(plain.into_iter().chain([changed.as_bytes()]))
            }
        }
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
        let caption = self.encode_any(text)?;
        match caption.tokens.iter().any(|it| it.role == Role::Piece) {
            true => Ok(caption),
            false => Err(Error::EmptyCaption {
                caption: text.into(),
            }),
        }
    }

    /// The caption that says nothing, as this tokenizer has it: what comes before and behind every
    /// caption, filled up as every other is. CLIP's is its start and its end token, SigLIP's an end
    /// token and padding, BERT's `[CLS]` and `[SEP]`.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] for a tokenizer that makes no token of it.
    pub fn empty(&self) -> Result<Caption> {
        let caption = self.encode_any("")?;
        match caption.tokens.is_empty() {
            false => Ok(caption),
            true => Err(Error::Tokenizer {
                file: "tokenizer.json".into(),
                reason: "it makes no token of an empty caption, expected a start token, an end token or padding".into(),
            }),
        }
    }

    /// As [`encode`](Self::encode), pieces or none.
    fn encode_any(&self, text: &str) -> Result<Caption> {
        let cleaned = self.cleaning.clean(text);
        let encoding = encoded(&self.inner, &cleaned.text).map_err(|reason| Error::Tokenizer {
            file: "tokenizer.json".into(),
            reason: format!("it fails on \"{text}\": {reason}"),
        })?;
        let total = encoding.len();
        let [before, after] = self.around;
        let mut tokens: Vec<Token> = (0..total)
            .map(|index| {
                let (start, end) = encoding.get_offsets()[index];
                let special = encoding.get_special_tokens_mask()[index] == 1;
                Token {
                    id: i64::from(encoding.get_ids()[index]),
                    text: encoding.get_tokens()[index].clone(),
                    role: match (special, index) {
                        (true, index) if index < before => Role::Start,
                        (true, index) if index + after >= total => Role::End,
                        _ => Role::Piece,
                    },
                    span: match special {
                        true => 0..0,
                        false => cleaned.origin(start..end),
                    },
                    word: None,
                }
            })
            .collect();
        number_words(text, &mut tokens, encoding.get_word_ids());
        let pieces = || tokens.iter().filter(|token| token.role == Role::Piece);
        // A piece with the end token's id (the vocabulary's stand-in for unknown text, or the end
        // token typed out) would be pooled in place of the caption's end.
        if let Some(unknown) = pieces().find(|token| Some(token.id) == self.end) {
            return Err(Error::UnknownText {
                caption: text.into(),
                found: text
                    .get(unknown.span.clone())
                    .unwrap_or(&unknown.text)
                    .into(),
            });
        }
        let kept = self.positions.saturating_sub(after);
        let cut = (total > self.positions).then(|| Cut {
            tokens: total,
            positions: self.positions,
            span: tokens[kept].span.start..text.len(),
        });
        if cut.is_some() {
            tokens.drain(kept..total - after);
        }
        if self.endless {
            tokens.retain(|token| token.role != Role::End);
        }
        if let Some(id) = self.padding {
            let text = self.inner.id_to_token(id as u32).unwrap_or_default();
            let padding = Token {
                id,
                text,
                role: Role::Padding,
                span: 0..0,
                word: None,
            };
            tokens.resize(self.positions.max(tokens.len()), padding);
        }
        Ok(Caption {
            text: text.into(),
            tokens,
            cut,
        })
    }
}

/// Says of each piece which word it belongs to.
fn number_words(text: &str, tokens: &mut [Token], own: &[Option<u32>]) {
    let numbered = tokens.iter().zip(own);
    let pieces = numbered.filter(|(token, _)| token.role == Role::Piece);
    let pieces: Vec<_> = pieces
        .map(|(token, &own)| (token.span.clone(), own))
        .collect();
    let words = words(text, &pieces);
    let pieces = tokens.iter_mut().filter(|token| token.role == Role::Piece);
    for (piece, word) in pieces.zip(words) {
        piece.word = Some(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_would_overflow_the_stack_is_refused() {
        let json = format!(
            r#"{{"version": "1.0", "added_tokens": [[["\"[[["]]], "normalizer": {{"type": "Replace",
            "pattern": {{"Regex": "{}"}}, "content": " "}}}}"#,
            "[".repeat(5000)
        );
        assert_eq!(most_brackets(json.as_bytes()), 5000);
        let content = Content::Bytes("tokenizer.json".into(), json.into_bytes().into());
        let error = CaptionTokenizer::load(&content, 8).unwrap_err().to_string();
        assert!(
            error.contains("tokenizer.json") && error.contains("5000"),
            "{error}"
        );
    }

    #[test]
    fn a_file_that_breaks_the_parser_is_an_error() {
        let broken = br#"{"version": "1.0", "added_tokens": [], "decoder": {"type": \ud800}}"#;
        for bytes in [&broken[..], &broken[..60], b"", b"[]"] {
            let content = Content::Bytes("tokenizer.json".into(), bytes.to_vec().into());
            let error = CaptionTokenizer::load(&content, 8).unwrap_err();
            assert!(error.to_string().contains("tokenizer.json"), "{error}");
        }
    }
}
