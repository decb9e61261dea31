//! Text from elsewhere, fit to be shown: nothing in it steers the terminal or turns the line
//! around.

use std::borrow::Cow;

/// The text with characters that act rather than show replaced, one for one: line breaks and tabs
/// by spaces, other controls by their pictures (`␛`), and what reorders its surroundings by `�`.
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.chars().all(|char| shown(char) == char) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(shown).collect())
}

fn shown(char: char) -> char {
    match char {
        '\t'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => ' ',
        // The pictures lie in the order of the characters they stand for.
        '\0'..='\u{1f}' => char::from_u32(0x2400 + char as u32).unwrap_or('\u{fffd}'),
        '\u{7f}' => '␡',
        '\u{80}'..='\u{9f}' => '\u{fffd}',
        // Embeddings, overrides and isolates: what follows them would be out of order too.
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn controls_become_pictures_and_line_breaks_spaces() {
        assert_eq!(visible("\u{1b}[31m\na\u{7f}\t"), "␛[31m a␡ ");
        assert_eq!(visible("abc\u{202e}cba"), "abc\u{fffd}cba");
    }

    #[test]
    fn words_and_joined_emoji_stay() {
        let text = "a 👩\u{200d}🚀 猫 שלום";
        assert!(matches!(visible(text), Cow::Borrowed(same) if same == text));
    }

    proptest! {
        #[test]
        fn no_control_is_left(text in any::<String>()) {
            let shown = visible(&text);
            prop_assert!(!shown.chars().any(char::is_control));
            prop_assert_eq!(shown.chars().count(), text.chars().count());
        }
    }
}
