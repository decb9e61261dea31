//! Does a caption's explanation point at a name? Measures of words and tokens.
//!
//! A name is a range of the caption's bytes, such as that of "money bag" in "a photo of a money
//! bag". Words and tokens that lie within it belong to it.

use std::ops::Range;

use m2ib_attribution::TextAttribution;

/// Whether the strongest word belongs to the name, and the share of words that do (chance).
///
/// A word counts the sum of its pieces' saliency. A name of several words need not be strong in each:
/// it is enough that one of them is the strongest of all, since "money" already tells what is
/// meant. A tie between the name and another word is no hit.
pub fn word_on_top(text: &TextAttribution, name: &Range<usize>) -> (bool, f64) {
    let words = text.words();
    on_top(
        words
            .iter()
            .map(|word| (word.saliency, within(&word.span, name))),
    )
}

/// The same for single tokens among all tokens, start and end included.
pub fn token_on_top(text: &TextAttribution, name: &Range<usize>) -> (bool, f64) {
    let tokens = text.tokens();
    on_top(
        tokens
            .iter()
            .map(|token| (token.saliency, within(&token.token.span, name))),
    )
}

/// Whether the strongest word of a name is above the strongest of another, which names something that
/// the picture does not show. Chance is a half; a tie is no hit.
pub fn above_absent(text: &TextAttribution, name: &Range<usize>, absent: &Range<usize>) -> bool {
    let words = text.words();
    let strongest = |name: &Range<usize>| {
        let words = words.iter().filter(|word| within(&word.span, name));
        let saliency = words.map(|word| word.saliency);
        saliency.fold(f32::NEG_INFINITY, f32::max)
    };
    strongest(name) > strongest(absent)
}

/// The weaker word of a name of two over the stronger, 0..1, both less the weakest of the caption's
/// other words: what all have tells nothing. None for names that are not of two words, and where neither
/// has more. Where one word alone tells what is meant, it may well have all.
pub fn balance(text: &TextAttribution, name: &Range<usize>) -> Option<f64> {
    let words = text.words();
    let (named, others): (Vec<_>, Vec<_>) = words.iter().partition(|word| within(&word.span, name));
    let others = others.iter().map(|word| f64::from(word.saliency));
    let least = others.reduce(f64::min).unwrap_or(0.0).max(0.0);
    let above = |saliency: f32| (f64::from(saliency) - least).max(0.0);
    let named: Vec<f64> = named.iter().map(|word| above(word.saliency)).collect();
    let &[first, second] = &named[..] else {
        return None;
    };
    let (weaker, stronger) = (first.min(second), first.max(second));
    (stronger > 0.0).then(|| weaker / stronger)
}

/// Start and end tokens span no bytes and so belong to nothing.
fn within(span: &Range<usize>, name: &Range<usize>) -> bool {
    span.start < name.end && name.start < span.end
}

fn on_top(scores: impl Iterator<Item = (f32, bool)>) -> (bool, f64) {
    let (mut named, mut others) = (f32::NEG_INFINITY, f32::NEG_INFINITY);
    let (mut count, mut all) = (0u32, 0u32);
    for (saliency, in_name) in scores {
        let best = if in_name { &mut named } else { &mut others };
        *best = best.max(saliency);
        count += u32::from(in_name);
        all += 1;
    }
    (named > others, f64::from(count) / f64::from(all.max(1)))
}

#[cfg(test)]
mod tests {
    use clip_input::{Caption, Read, Role, Token};
    use m2ib_attribution::Unit;

    use super::*;

    /// "a money bag" with "money" in two pieces.
    fn text(saliency: [f32; 6]) -> TextAttribution {
        let token = |role, span, word| Token {
            id: 0,
            text: String::new(),
            role,
            span,
            word,
        };
        let tokens = vec![
            token(Role::Start, 0..0, None),
            token(Role::Piece, 0..1, Some(0)),
            token(Role::Piece, 2..5, Some(1)),
            token(Role::Piece, 5..7, Some(1)),
            token(Role::Piece, 8..11, Some(2)),
            token(Role::End, 0..0, None),
        ];
        let caption = Caption {
            text: "a money bag".into(),
            tokens,
            cut: None,
        };
        TextAttribution {
            caption,
            saliency: saliency.into(),
            read: Read::Row(5),
            unit: Unit::Nats,
            trace: Vec::new(),
        }
    }

    const NAME: Range<usize> = 2..11;

    #[test]
    fn a_words_pieces_count_together_but_tokens_alone() {
        let text = text([0.0, 5.0, 3.0, 3.0, 1.0, 4.0]);
        assert_eq!(word_on_top(&text, &NAME), (true, 2.0 / 3.0));
        assert_eq!(token_on_top(&text, &NAME), (false, 3.0 / 6.0));
    }

    #[test]
    fn a_name_is_held_against_what_is_absent_and_its_words_against_each_other() {
        let text = text([9.0, 1.0, 3.0, 2.0, 2.0, 9.0]);
        assert_eq!(balance(&text, &NAME), Some(0.25));
        assert_eq!(balance(&text, &(2..7)), None, "one word");
        assert_eq!(balance(&text, &(0..11)), None, "three");
        assert!(above_absent(&text, &(2..7), &(8..11)));
        assert!(!above_absent(&text, &(8..11), &(2..7)));
        assert!(!above_absent(&text, &(8..11), &(8..11)), "a tie");
        let mut below = text;
        below.saliency = vec![-1.0; 6];
        assert_eq!(balance(&below, &NAME), None);
    }

    #[test]
    fn the_end_token_is_no_word() {
        let text = text([0.0, 1.0, 0.0, 0.0, 2.0, 9.0]);
        assert!(word_on_top(&text, &NAME).0);
        assert!(!token_on_top(&text, &NAME).0);
    }

    #[test]
    fn a_tie_is_no_hit() {
        let text = text([1.0; 6]);
        assert!(
            word_on_top(&text, &NAME).0,
            "two pieces weigh more than one"
        );
        assert!(!word_on_top(&text, &(8..11)).0);
        assert!(!token_on_top(&text, &NAME).0);
    }
}
