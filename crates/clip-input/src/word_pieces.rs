//! `vocab.txt`, from which older repositories' BERT tokenizers are made, as the `tokenizer.json` that
//! transformers' BertTokenizerFast would write.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use crate::{Content, Error, Result, json_object};

const PAD: &str = "[PAD]";
const UNKNOWN: &str = "[UNK]";
const START: &str = "[CLS]";
const END: &str = "[SEP]";
const MASK: &str = "[MASK]";

/// `tokenizer_config.json`, as far as it says what is done to a text first.
#[derive(Deserialize)]
#[serde(default)]
struct Config {
    do_lower_case: bool,
    tokenize_chinese_chars: bool,
    strip_accents: Option<bool>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            do_lower_case: true,
            tokenize_chinese_chars: true,
            strip_accents: None,
        }
    }
}

/// BERT's tokenizer with these pieces, one a line; what is done to a text first is said by the
/// `tokenizer_config.json` beside the file, if there is one.
///
/// # Errors
/// [`Error::Read`]; [`Error::Json`] for a malformed configuration; [`Error::Tokenizer`] for a vocabulary
/// without BERT's own tokens.
pub fn word_pieces(vocabulary: &Content) -> Result<Content> {
    let file = vocabulary.name();
    let invalid = |reason: String| Error::Tokenizer {
        file: file.clone(),
        reason,
    };
    let text = String::from_utf8(vocabulary.read()?)
        .map_err(|error| invalid(format!("{error}, expected text with one piece a line")))?;
    let lines = text.lines().enumerate();
    let ids: BTreeMap<&str, u32> = lines.map(|(line, piece)| (piece, line as u32)).collect();
    let id = |token: &str| {
        let id = ids.get(token).copied();
        id.ok_or_else(|| invalid(format!("it has no token {token}, which BERT's have")))
    };
    let (pad, start, end) = (id(PAD)?, id(START)?, id(END)?);
    id(UNKNOWN)?;
    let config = match vocabulary {
        Content::Path(path) => {
            let beside = path.with_file_name("tokenizer_config.json");
            let beside = beside.is_file().then_some(Content::Path(beside));
            beside.map(|beside| json_object(&beside.read()?, &beside.name()))
        }
        Content::Bytes(..) => None,
    };
    let config: Config = config.transpose()?.unwrap_or_default();
    let special = [PAD, UNKNOWN, START, END, MASK].into_iter();
    let special = special.filter_map(|token| Some((token, *ids.get(token)?)));
    let added = special.map(|(content, id)| {
        json!({"id": id, "content": content, "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false, "special": true})
    });
    let piece = |id: &str| json!({"SpecialToken": {"id": id, "type_id": 0}});
    let caption = |id: &str| json!({"Sequence": {"id": id, "type_id": 0}});
    let token = |name: &str, id: u32| json!({"id": name, "ids": [id], "tokens": [name]});
    let json = json!({
        "version": "1.0",
        "padding": {"strategy": "BatchLongest", "direction": "Right", "pad_to_multiple_of": null,
            "pad_id": pad, "pad_type_id": 0, "pad_token": PAD},
        "added_tokens": added.collect::<Vec<_>>(),
        "normalizer": {"type": "BertNormalizer", "clean_text": true,
            "handle_chinese_chars": config.tokenize_chinese_chars,
            "strip_accents": config.strip_accents, "lowercase": config.do_lower_case},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "TemplateProcessing",
            "single": [piece(START), caption("A"), piece(END)],
            "pair": [piece(START), caption("A"), piece(END), caption("B"), piece(END)],
            "special_tokens": {START: token(START, start), END: token(END, end)}},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {"type": "WordPiece", "unk_token": UNKNOWN, "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": ids},
    });
    Ok(Content::bytes(file, json.to_string().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CaptionTokenizer;

    const PIECES: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\ncat\n##s\n猫\ncafe\n!\nCat\n";

    /// As transformers 4.57's BertTokenizer has it.
    #[test]
    fn captions_are_cut_into_pieces_as_by_transformers() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("vocab.txt");
        std::fs::write(&file, PIECES).unwrap();
        let ids = |caption: &str| {
            let made = word_pieces(&Content::Path(file.clone())).unwrap();
            let tokenizer = CaptionTokenizer::load(&made, 16).unwrap();
            assert_eq!((tokenizer.pad_id(), tokenizer.end_id()), (Some(0), Some(3)));
            tokenizer.encode(caption).unwrap().ids()
        };
        let (captions, beside) = (["A Cats café 猫猫!", "Cat a dog"], "tokenizer_config.json");
        assert_eq!(ids(captions[0]), [2, 5, 6, 7, 9, 8, 8, 10, 3]);
        assert_eq!(ids(captions[1]), [2, 6, 5, 1, 3]);
        std::fs::write(folder.path().join(beside), r#"{"do_lower_case": false}"#).unwrap();
        assert_eq!(ids(captions[0]), [2, 1, 11, 7, 1, 8, 8, 10, 3]);
        assert_eq!(ids(captions[1]), [2, 11, 5, 1, 3]);
        std::fs::write(folder.path().join(beside), r#"{"do_lower_case": 3}"#).unwrap();
        let error = word_pieces(&Content::Path(file)).unwrap_err().to_string();
        assert!(error.contains(beside), "{error}");
    }

    #[test]
    fn what_is_missing_is_named() {
        for (pieces, needle) in [
            (&b"[PAD]\n[UNK]\n[SEP]\na\n"[..], "no token [CLS]"),
            (b"", "no token [PAD]"),
            (b"[PAD]\n\xff", "one piece a line"),
        ] {
            let error = word_pieces(&Content::bytes("x/vocab.txt", pieces)).unwrap_err();
            let error = error.to_string();
            assert!(
                error.contains(needle) && error.contains("x/vocab.txt"),
                "{error}"
            );
        }
    }
}
