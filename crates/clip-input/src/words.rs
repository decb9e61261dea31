//! Which pieces of a caption are one word.
//!
//! Tokenizers cut a caption at what their vocabularies were counted by: "बिल्ली" at each of its
//! vowel signs, "don't" at its apostrophe, and in scripts without spaces nowhere. Words are what
//! Unicode's Annex 29 says; where it says nothing (Thai and its kin are written without spaces and
//! without rules), every piece is a word.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

/// A piece as the tokenizer has it: its bytes in the caption, and which of its words it is of.
pub(crate) type Piece = (Range<usize>, Option<u32>);

/// The word, from 0, of each piece, in order.
pub(crate) fn words(caption: &str, pieces: &[Piece]) -> Vec<usize> {
    // Where a script has no words by rule, they may part at a sign that is written over or beside another:
    // Thai's "ำ". What a reader takes for one letter stays whole.
    let letters: Vec<usize> = caption
        .grapheme_indices(true)
        .map(|(start, _)| start)
        .collect();
    let bounds = caption.split_word_bound_indices().map(|(start, _)| start);
    let starts: Vec<usize> = bounds
        .filter(|start| letters.binary_search(start).is_ok())
        .collect();
    let mut word = 0;
    let mut last: Option<&Piece> = None;
    let number = |piece| {
        let begins = last.is_some_and(|last| begins_word(caption, &starts, last, piece));
        word += usize::from(begins);
        last = Some(piece);
        word
    };
    pieces.iter().map(number).collect()
}

fn begins_word(caption: &str, starts: &[usize], last: &Piece, piece: &Piece) -> bool {
    let (start, end) = (piece.0.start, last.0.end);
    // Bytes of one character may be several pieces.
    if start < end {
        return false;
    }
    let signs = || {
        let text = caption.get(last.0.start..piece.0.end).unwrap_or_default();
        !text.chars().any(char::is_alphanumeric)
    };
    // A row of signs is one to the tokenizer and each its own to Unicode.
    let one_row = || start == end && last.1.is_some() && last.1 == piece.1 && signs();
    start > end || (starts.binary_search(&start).is_ok() && !one_row())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// The words of a caption whose pieces are these, each a tokenizer's word of its own.
    fn of(caption: &str, pieces: &[&str]) -> Vec<String> {
        let mut end = 0;
        let spans = pieces.iter().enumerate().map(|(index, piece)| {
            let start = end + caption[end..].find(piece).unwrap();
            end = start + piece.len();
            (start..end, Some(index as u32))
        });
        let spans: Vec<Piece> = spans.collect();
        let words = words(caption, &spans);
        let mut texts: Vec<Range<usize>> = Vec::new();
        for (word, (span, _)) in words.into_iter().zip(spans) {
            match texts.get_mut(word) {
                Some(text) => text.end = span.end,
                None => texts.push(span),
            }
        }
        texts.into_iter().map(|span| caption[span].into()).collect()
    }

    #[rstest]
    #[case("a hedgehog", &["a", "hedge", "hog"], &["a", "hedgehog"])]
    #[case("बिल्ली सोती", &["ब", "ि", "ल", "्", "ली", "सो", "ती"], &["बिल्ली", "सोती"])]
    #[case("I don't", &["I", "don", "'t"], &["I", "don't"])]
    #[case("一只猫", &["一只", "猫"], &["一只", "猫"])]
    #[case("a red-haired cat.", &["a", "red", "-", "haired", "cat", "."], &["a", "red", "-", "haired", "cat", "."])]
    #[case("3.14 cats", &["3", ".", "14", "cats"], &["3.14", "cats"])]
    #[case("👩\u{200d}🚀!", &["👩", "\u{200d}", "🚀", "!"], &["👩\u{200d}🚀", "!"])]
    #[case("แมวนอน", &["แมว", "นอน"], &["แมว", "นอน"])]
    #[case("น้ำ", &["น", "้", "ำ"], &["น้ำ"])]
    #[case("日本の猫", &["日", "本", "の", "猫"], &["日", "本", "の", "猫"])]
    #[case("ネコと犬", &["ネ", "コ", "と", "犬"], &["ネコ", "と", "犬"])]
    #[case("한국어 고양이", &["한", "국어", "고양", "이"], &["한국어", "고양이"])]
    #[case("cafe\u{301}s", &["cafe", "\u{301}", "s"], &["cafe\u{301}s"])]
    fn words_are_unicodes(
        #[case] caption: &str,
        #[case] pieces: &[&str],
        #[case] expected: &[&str],
    ) {
        assert_eq!(of(caption, pieces), expected);
    }

    #[test]
    fn pieces_of_one_character_are_one_word_and_rows_of_signs_too() {
        let bytes = [(0..4, Some(0)), (0..4, Some(1)), (4..5, Some(2))];
        assert_eq!(words("🦔!", &bytes), [0, 0, 1]);
        let signs = [(0..2, Some(0)), (2..3, Some(0)), (3..4, Some(0))];
        assert_eq!(words("...!", &signs), [0, 0, 0]);
        let apart = [(0..1, Some(0)), (1..2, Some(1))];
        assert_eq!(words("!?", &apart), [0, 1]);
    }
}
