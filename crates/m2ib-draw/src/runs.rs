//! The caption cut into its words and what stands between them.

use clip_input::Caption;

use m2ib_attribution::WordScore;

/// A stretch of a caption.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Run<'a> {
    /// A word that has a score.
    Word {
        /// Which of the words.
        index: usize,
        /// As the caption spells it.
        text: &'a str,
    },
    /// Spaces and whatever else the tokenizer passes over.
    Between(&'a str),
    /// What did not fit into the model's positions.
    Cut(&'a str),
}

/// The whole caption in order, every byte once.
pub(crate) fn runs<'a>(caption: &'a Caption, words: &[WordScore]) -> Vec<Run<'a>> {
    let end = caption
        .cut
        .as_ref()
        .map_or(caption.text.len(), |cut| cut.span.start);
    let mut runs = Vec::new();
    let mut done = 0;
    // Pieces of one character may belong to two words: whoever comes first has it.
    let mut take = |until: usize| {
        let text = caption.text.get(done..until).unwrap_or_default();
        done += text.len();
        text
    };
    for (index, word) in words.iter().enumerate() {
        let between = take(word.span.start);
        let text = take(word.span.end);
        runs.push(Run::Between(between));
        runs.push(Run::Word { index, text });
    }
    runs.push(Run::Between(take(end)));
    runs.push(Run::Cut(take(caption.text.len())));
    runs.retain(|run| match run {
        Run::Word { text, .. } | Run::Between(text) | Run::Cut(text) => !text.is_empty(),
    });
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use proptest::prelude::*;

    fn joined(runs: &[Run<'_>]) -> String {
        let text = |run: &Run<'_>| match run {
            Run::Word { text, .. } | Run::Between(text) | Run::Cut(text) => text.to_string(),
        };
        runs.iter().map(text).collect()
    }

    #[test]
    fn wide_and_joined_characters_keep_their_places() {
        let text = fixture::text(" a 猫, 👩\u{200d}🚀!");
        let runs = runs(&text.caption, &text.words());
        let expected = [
            Run::Between(" "),
            Run::Word {
                index: 0,
                text: "a",
            },
            Run::Between(" "),
            Run::Word {
                index: 1,
                text: "猫,",
            },
            Run::Between(" "),
            Run::Word {
                index: 2,
                text: "👩\u{200d}🚀!",
            },
        ];
        assert_eq!(runs, expected);
    }

    #[test]
    fn what_was_cut_stands_apart() {
        let text = fixture::cut("a very long caption", 2);
        let runs = runs(&text.caption, &text.words());
        assert_eq!(runs.last(), Some(&Run::Cut("long caption")));
        assert_eq!(joined(&runs), "a very long caption");
    }

    #[test]
    fn words_that_share_a_character_show_it_once() {
        let mut text = fixture::text("a 🦔");
        let shared = text.caption.tokens[2].clone();
        text.caption.tokens.insert(
            3,
            clip_input::Token {
                word: Some(9),
                ..shared
            },
        );
        text.saliency.push(1.0);
        assert_eq!(text.words().len(), 3);
        assert_eq!(joined(&runs(&text.caption, &text.words())), "a 🦔");
    }

    proptest! {
        #[test]
        fn nothing_of_a_caption_is_lost(caption in any::<String>()) {
            let text = fixture::text(&caption);
            prop_assert_eq!(joined(&runs(&text.caption, &text.words())), caption);
        }
    }
}
