//! `vocab.json` and `merges.txt`, from which older repositories' tokenizers are made, as the
//! `tokenizer.json` that transformers' CLIPTokenizerFast would write.

use std::collections::BTreeMap;

use serde_json::json;

use crate::{Content, Error, Result, json_object};

pub(crate) const START: &str = "<|startoftext|>";
pub(crate) const END: &str = "<|endoftext|>";
/// How CLIP's text falls into words before byte pairs are merged.
const WORDS: &str = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

/// CLIP's tokenizer with this vocabulary and these merges.
///
/// # Errors
/// [`Error::Json`]; [`Error::Tokenizer`] for a vocabulary without CLIP's start and end token, or a line
/// that is no pair.
pub fn byte_pairs(vocabulary: &Content, merges: &Content) -> Result<Content> {
    let file = vocabulary.name();
    let ids: BTreeMap<String, u32> = json_object(&vocabulary.read()?, &file)?;
    ends(&ids, &file)?;
    let text = merges.read()?;
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().filter(|line| !line.starts_with("#version"));
    let lines = lines.filter(|line| !line.trim().is_empty());
    let merges = merges.name();
    let pairs = lines.map(|line| merge_of(line, &merges));
    let pairs = pairs.collect::<Result<Vec<_>>>()?;
    let mut made = tokenizer(ids, pairs, file.clone())?;
    if let Content::Bytes(name, _) = &mut made {
        *name = format!("{file} with {merges}").into();
    }
    Ok(made)
}

/// The ids of the start and the end token.
fn ends(ids: &BTreeMap<String, u32>, file: &str) -> Result<(u32, u32)> {
    let id = |token: &str| {
        ids.get(token).copied().ok_or_else(|| Error::Tokenizer {
            file: file.into(),
            reason: format!("it has no token {token}, which CLIP's have"),
        })
    };
    Ok((id(START)?, id(END)?))
}

/// A line of the merges.
pub(crate) fn merge_of(line: &str, file: &str) -> Result<[String; 2]> {
    match line.split(' ').collect::<Vec<_>>()[..] {
        [left, right] => Ok([left.to_owned(), right.to_owned()]),
        _ => Err(Error::Tokenizer {
            file: file.into(),
            reason: format!("the line \"{line}\" is no pair"),
        }),
    }
}

/// CLIP's tokenizer of these tokens and pairs; `file` is where they come from.
pub(crate) fn tokenizer(
    ids: BTreeMap<String, u32>,
    pairs: Vec<[String; 2]>,
    file: String,
) -> Result<Content> {
    let (start, end) = ends(&ids, &file)?;
    let special = |id: u32, content: &str| {
        json!({"id": id, "content": content, "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": true, "special": true})
    };
    let json = json!({
        "version": "1.0",
        "added_tokens": [special(start, START), special(end, END)],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "NFC"},
            {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "},
            {"type": "Lowercase"},
        ]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": WORDS}, "behavior": "Removed", "invert": true},
            {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
                "use_regex": true},
        ]},
        "post_processor": {"type": "RobertaProcessing", "sep": [END, end], "cls": [START, start],
            "trim_offsets": false, "add_prefix_space": false},
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true,
            "use_regex": true},
        "model": {"type": "BPE", "dropout": null, "unk_token": END,
            "continuing_subword_prefix": "", "end_of_word_suffix": "</w>", "fuse_unk": false,
            "byte_fallback": false, "ignore_merges": false, "vocab": ids, "merges": pairs},
    });
    Ok(Content::bytes(file, json.to_string().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CaptionTokenizer;

    fn content(name: &'static str, text: &'static str) -> Content {
        Content::bytes(name, text.as_bytes())
    }

    const VOCABULARY: &str = r#"{"c": 0, "a": 1, "t</w>": 2, "ca": 3, "cat</w>": 4, "a</w>": 5,
        "<|startoftext|>": 6, "<|endoftext|>": 7}"#;

    #[test]
    fn they_are_merged_in_order_between_start_and_end() {
        let merges = content("merges.txt", "#version: 0.2\nc a\nca t</w>\n");
        let made = byte_pairs(&content("vocab.json", VOCABULARY), &merges).unwrap();
        let tokenizer = CaptionTokenizer::load(&made, 9).unwrap();
        let caption = tokenizer.encode("A  cat").unwrap();
        assert_eq!(caption.ids(), [6, 5, 4, 7]);
        assert_eq!(&caption.text[caption.tokens[2].span.clone()], "cat");
    }

    #[test]
    fn what_is_missing_is_named() {
        let merges = content("merges.txt", "c a\nthree in one\n");
        let error = |vocabulary| {
            let vocabulary = content("vocab.json", vocabulary);
            byte_pairs(&vocabulary, &merges).unwrap_err().to_string()
        };
        let found = error(r#"{"a": 0}"#);
        assert!(
            found.contains("vocab.json") && found.contains(START),
            "{found}"
        );
        let found = error(VOCABULARY);
        assert!(
            found.contains("merges.txt") && found.contains("three in one"),
            "{found}"
        );
    }
}
