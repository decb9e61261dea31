//! CLIP's own vocabulary of 49,408 byte pairs, which OpenAI's models and most of open_clip's have and
//! carry no file of.
//!
//! Only the merges are kept. The tokens follow from them: every byte, every byte at the end of a word,
//! what each merge makes, and the start and the end token.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::GzDecoder;

use crate::byte_pairs::{END, START, merge_of, tokenizer};
use crate::{Content, Result};

/// Entries of the vocabulary.
pub const CLIP_ENTRIES: usize = 49_408;

/// The file by OpenAI (MIT licence, beside it).
const MERGES: &[u8] = include_bytes!("../vocabulary/merges.txt.gz");
const NAME: &str = "CLIP's own vocabulary";

/// CLIP's tokenizer as a `tokenizer.json`.
///
/// # Errors
/// None in practice: what it is made of is part of the program.
pub fn clip_vocabulary() -> Result<Content> {
    let mut text = String::new();
    let unpacked = GzDecoder::new(MERGES).read_to_string(&mut text);
    debug_assert!(unpacked.is_ok(), "{unpacked:?}");
    let lines = text.lines().filter(|line| !line.starts_with("#version"));
    let pairs = lines.map(|line| merge_of(line, NAME));
    let pairs = pairs.collect::<Result<Vec<_>>>()?;
    let bytes = bytes();
    let ends = bytes.iter().map(|byte| format!("{byte}</w>"));
    let merged = pairs.iter().map(|[left, right]| format!("{left}{right}"));
    let special = [START, END].map(str::to_owned);
    let single = bytes.iter().map(char::to_string);
    let tokens = single.chain(ends).chain(merged).chain(special);
    let ids: BTreeMap<String, u32> = tokens.zip(0..).collect();
    tokenizer(ids, pairs, NAME.into())
}

/// The characters that stand for the 256 bytes, in the vocabulary's order: those that can be seen as
/// themselves, and then the others as characters beyond.
fn bytes() -> Vec<char> {
    let seen = ['!'..='~', '¡'..='¬', '®'..='ÿ'];
    let mut bytes: Vec<char> = seen.into_iter().flatten().collect();
    let rest = 256 - bytes.len();
    bytes.extend(('\u{100}'..).take(rest));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CaptionTokenizer;

    #[test]
    fn the_vocabulary_is_whole_and_ends_in_its_special_tokens() {
        assert_eq!(bytes().len(), 256);
        let content = clip_vocabulary().unwrap();
        let tokenizer = CaptionTokenizer::load(&content, 77).unwrap();
        assert_eq!(tokenizer.vocabulary_size(), CLIP_ENTRIES);
        let ids = tokenizer.encode("a photo of a cat").unwrap().ids();
        // As OpenAI's program has it.
        assert_eq!(ids, [49406, 320, 1125, 539, 320, 2368, 49407]);
    }
}
