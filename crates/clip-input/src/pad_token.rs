//! Which token a tokenizer pads with.

use serde::Deserialize;
use tokenizers::Tokenizer;

use crate::{Content, Result, json_object};

/// Where transformers writes what it calls the special tokens.
const BESIDE: &str = "tokenizer_config.json";
/// The names that such tokens have.
const NAMES: [&str; 4] = ["<pad>", "[PAD]", "<|pad|>", "<|padding|>"];

/// A padding token, and who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PadToken {
    /// `tokenizer.json`, by its padding or by a token with such a name.
    Own(i64),
    /// `tokenizer_config.json` beside it.
    Beside(i64),
}

#[derive(Deserialize)]
struct Config {
    pad_token: Option<Named>,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a token's text, or an object with its content"
)]
enum Named {
    Text(String),
    Added { content: String },
}

impl PadToken {
    /// That of a tokenizer which was read from `file`, if it has one.
    ///
    /// # Errors
    /// What is wrong with the file beside it.
    pub(crate) fn of(tokenizer: &Tokenizer, file: &Content) -> Result<Option<Self>> {
        if let Some(padding) = tokenizer.get_padding() {
            return Ok(Some(Self::Own(padding.pad_id.into())));
        }
        let id = |name: &str| tokenizer.token_to_id(name).map(i64::from);
        if let Some(id) = named_beside(file)?.as_deref().and_then(id) {
            return Ok(Some(Self::Beside(id)));
        }
        let special = |name: &&str| {
            let added = tokenizer.get_added_tokens_decoder();
            let mut added = added.values();
            added.any(|token| token.special && token.content == **name)
        };
        let named = NAMES.into_iter().find(special);
        Ok(named.and_then(id).map(Self::Own))
    }

    pub(crate) fn id(self) -> i64 {
        match self {
            Self::Own(id) | Self::Beside(id) => id,
        }
    }
}

fn named_beside(file: &Content) -> Result<Option<String>> {
    let Content::Path(path) = file else {
        return Ok(None);
    };
    let beside = path.with_file_name(BESIDE);
    if !beside.is_file() {
        return Ok(None);
    }
    let beside = Content::Path(beside);
    let Config { pad_token } = json_object(&beside.read()?, &beside.name())?;
    Ok(pad_token.map(|named| match named {
        Named::Text(text) => text,
        Named::Added { content } => content,
    }))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use crate::{CaptionTokenizer, Content};

    /// A tokenizer of "a", a special token and "b" that ends captions with "b".
    fn json(padding: &str, special: &str) -> String {
        format!(
            r#"{{"version": "1.0", "padding": {padding}, "added_tokens": [{{"id": 1,
            "content": "{special}", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true}}, {{"id": 2, "content": "b",
            "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
            "special": true}}], "post_processor": {{"type": "TemplateProcessing",
            "single": [{{"Sequence": {{"id": "A", "type_id": 0}}}},
                       {{"SpecialToken": {{"id": "b", "type_id": 0}}}}],
            "pair": [{{"Sequence": {{"id": "A", "type_id": 0}}}},
                     {{"Sequence": {{"id": "B", "type_id": 0}}}}],
            "special_tokens": {{"b": {{"id": "b", "ids": [2], "tokens": ["b"]}}}}}},
            "model": {{"type": "WordLevel",
            "unk_token": "a", "vocab": {{"a": 0, "{special}": 1, "b": 2, "!": 3}}}}}}"#
        )
    }

    const FIXED: &str = r#"{"strategy": {"Fixed": 8}, "direction": "Right",
        "pad_to_multiple_of": null, "pad_id": 3, "pad_type_id": 0, "pad_token": "!"}"#;

    #[test]
    fn the_padding_token_is_the_tokenizers_own() {
        let tokenizer = |padding, special| {
            let content = Content::bytes("tokenizer.json", json(padding, special).into_bytes());
            CaptionTokenizer::load(&content, 8).unwrap()
        };
        assert_eq!(tokenizer(FIXED, "<pad>").pad_id(), Some(3));
        assert_eq!(tokenizer("null", "<pad>").pad_id(), Some(1));
        assert_eq!(tokenizer("null", "<s>").pad_id(), None);
        assert_eq!(tokenizer("null", "<s>").with_padding(0).pad_id(), Some(0));
    }

    #[rstest]
    #[case(r#"{"pad_token": "!"}"#, "<s>", Some(3))]
    #[case(r#"{"pad_token": {"content": "!", "special": true}}"#, "<s>", Some(3))]
    // It is asked before names are.
    #[case(r#"{"pad_token": "!"}"#, "<pad>", Some(3))]
    #[case(r#"{"pad_token": null}"#, "<pad>", Some(1))]
    #[case(r#"{"pad_token": "not in the vocabulary"}"#, "<s>", None)]
    #[case("{}", "<s>", None)]
    fn what_the_tokenizer_does_not_state_is_read_beside_it(
        #[case] beside: &str,
        #[case] special: &str,
        #[case] expected: Option<i64>,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokenizer.json");
        let load = || CaptionTokenizer::load(&Content::Path(file.clone()), 8).unwrap();
        std::fs::write(&file, json("null", special)).unwrap();
        let alone = load();
        std::fs::write(folder.path().join("tokenizer_config.json"), beside).unwrap();
        let tokenizer = load();
        assert_eq!(tokenizer.pad_id(), expected);
        // Masked captions differ by it, so models do.
        let same = tokenizer.pad_id() == alone.pad_id();
        assert_eq!(tokenizer.digest() == alone.digest(), same);
        std::fs::write(&file, json(FIXED, special)).unwrap();
        assert_eq!(load().pad_id(), Some(3));
    }

    /// CLIP's: the end token stands in where there is no padding token anyway.
    #[test]
    fn one_that_is_the_end_token_changes_no_model() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokenizer.json");
        std::fs::write(&file, json("null", "<s>")).unwrap();
        let load = || CaptionTokenizer::load(&Content::Path(file.clone()), 8).unwrap();
        let alone = load();
        let beside = folder.path().join("tokenizer_config.json");
        std::fs::write(&beside, r#"{"pad_token": "b"}"#).unwrap();
        let tokenizer = load();
        let ids = (tokenizer.pad_id(), tokenizer.end_id());
        assert_eq!(ids, (Some(2), Some(2)));
        assert_eq!(tokenizer.digest(), alone.digest());
    }

    #[test]
    fn a_malformed_file_beside_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokenizer.json");
        std::fs::write(&file, json("null", "<s>")).unwrap();
        for content in ["{", r#"{"pad_token": 3}"#] {
            std::fs::write(folder.path().join("tokenizer_config.json"), content).unwrap();
            let error = CaptionTokenizer::load(&Content::Path(file.clone()), 8);
            let text = error.unwrap_err().to_string();
            assert!(text.contains("tokenizer_config.json"), "{text}");
        }
    }
}
