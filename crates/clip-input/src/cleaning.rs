//! What is done to captions before a tokenizer sees them, beyond what its file says.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use tokenizers::normalizers::replace::ReplacePattern;
use tokenizers::normalizers::{Lowercase, NormalizerWrapper, Replace, Sequence, Strip};
use unicode_normalization::UnicodeNormalization;

/// How captions were cleaned when a model was trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cleaning {
    /// As the tokenizer's file says.
    #[default]
    None,
    /// Lower case: SigLIP 2's. Its tokenizer's file does not do it.
    Lower,
    /// Lower case, no ASCII punctuation, single spaces: SigLIP's. Nor does its tokenizer's.
    Siglip,
    /// Typographic quotes, ligatures and full-width letters as plain ones, HTML unescaped, control
    /// characters out, single spaces: OpenAI's and open_clip's, as far as it goes without guessing at
    /// wrongly decoded text.
    OpenClip,
    /// The latter and then the former, underlines as spaces: open_clip's for SigLIP.
    Canonical,
}

/// In words.
impl fmt::Display for Cleaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "as the tokenizer's file says",
            Self::Lower => "in lower case",
            Self::Siglip => "in lower case without ASCII punctuation",
            Self::OpenClip => "HTML and typographic characters made plain, single spaces",
            Self::Canonical => {
                "HTML and typographic characters made plain, lower case without ASCII punctuation"
            }
        })
    }
}

/// string.punctuation of Python.
const PUNCTUATION: &str = r"[!-/:-@\[-`{-~]";

/// A cleaned caption that knows where it comes from.
pub(crate) struct Cleaned {
    pub(crate) text: String,
    /// For each byte of the text, the bytes of the caption that it stands for; none where it is the
    /// caption itself.
    origins: Option<Vec<Range<usize>>>,
}

impl Cleaned {
    /// The caption's bytes that some of the text's stand for.
    pub(crate) fn origin(&self, span: Range<usize>) -> Range<usize> {
        let Some(origins) = &self.origins else {
            return span;
        };
        match (
            origins.get(span.start),
            origins.get(span.end.saturating_sub(1)),
        ) {
            (Some(first), Some(last)) if span.start < span.end => first.start..last.end,
            (Some(first), _) => first.start..first.start,
            _ => {
                let end = origins.last().map_or(0, |last| last.end);
                end..end
            }
        }
    }
}

/// A character, and the bytes of the caption that it stands for.
type Aligned = (char, Range<usize>);

impl Cleaning {
    /// A caption as the tokenizer is to see it.
    pub(crate) fn clean(self, caption: &str) -> Cleaned {
        match self {
            Self::None | Self::Lower | Self::Siglip => Cleaned {
                text: caption.into(),
                origins: None,
            },
            Self::OpenClip | Self::Canonical => {
                let chars = caption.char_indices();
                let chars = chars.map(|(start, c)| (c, start..start + c.len_utf8()));
                let mut chars: Vec<Aligned> = chars.collect();
                if !caption.contains('<') {
                    chars = unescaped(chars);
                }
                chars = fixed(chars);
                chars = unescaped(unescaped(chars));
                if self == Self::Canonical {
                    let spaced = |(c, at)| (if c == '_' { ' ' } else { c }, at);
                    chars = chars.into_iter().map(spaced).collect();
                }
                joined(single_spaced(chars))
            }
        }
    }

    /// What comes before a tokenizer's own normalisation, which keeps count of where in the caption
    /// everything was.
    pub(crate) fn before(
        self,
        own: Option<NormalizerWrapper>,
    ) -> Result<Option<NormalizerWrapper>, String> {
        if matches!(self, Self::None | Self::OpenClip) {
            return Ok(own);
        }
        if self == Self::Lower {
            let steps = [Lowercase.into()].into_iter().chain(own).collect();
            return Ok(Some(Sequence::new(steps).into()));
        }
        let replace = |pattern: &str, content: &str| {
            let pattern = ReplacePattern::Regex(pattern.into());
            Replace::new(pattern, content).map_err(|error| error.to_string())
        };
        let steps: [NormalizerWrapper; 4] = [
            Lowercase.into(),
            replace(PUNCTUATION, "")?.into(),
            replace(r"\s+", " ")?.into(),
            Strip::new(true, true).into(),
        ];
        let steps = steps.into_iter().chain(own).collect();
        Ok(Some(Sequence::new(steps).into()))
    }
}

fn joined(chars: Vec<Aligned>) -> Cleaned {
    let mut text = String::new();
    let mut origins = Vec::new();
    for (c, at) in chars {
        text.push(c);
        origins.resize(text.len(), at);
    }
    Cleaned {
        text,
        origins: Some(origins),
    }
}

/// The longest name of an entity, as Python's html.unescape has it.
const LONGEST_ENTITY: usize = 32;

/// HTML's entities as the characters they stand for.
fn unescaped(chars: Vec<Aligned>) -> Vec<Aligned> {
    let mut result = Vec::with_capacity(chars.len());
    let mut rest = &chars[..];
    while let Some(((c, at), behind)) = rest.split_first() {
        if *c != '&' {
            result.push((*c, at.clone()));
            rest = behind;
            continue;
        }
        let ends = |&&(c, _): &&Aligned| !matches!(c, '\t' | '\n' | '\x0C' | ' ' | '<' | '&' | ';');
        let mut length = 1 + behind.iter().take(LONGEST_ENTITY).take_while(ends).count();
        length += usize::from(rest.get(length).is_some_and(|&(c, _)| c == ';'));
        let (entity, behind) = rest.split_at(length);
        let escaped: String = entity.iter().map(|&(c, _)| c).collect();
        let plain = htmlize::unescape(&escaped);
        match plain == escaped {
            true => result.extend_from_slice(entity),
            false => {
                let whole = at.start..entity[length - 1].1.end;
                result.extend(plain.chars().map(|c| (c, whole.clone())));
            }
        }
        rest = behind;
    }
    result
}

/// Plain characters in place of typographic ones.
fn fixed(chars: Vec<Aligned>) -> Vec<Aligned> {
    let mut result = Vec::with_capacity(chars.len());
    let mut chars = chars.into_iter().peekable();
    while let Some((c, at)) = chars.next() {
        let mut put = |plain: &str| result.extend(plain.chars().map(|c| (c, at.clone())));
        match c {
            '\u{2BC}' | '\u{2018}'..='\u{201B}' => put("'"),
            '\u{201C}'..='\u{201F}' => put("\""),
            '\r' => {
                // One line break with what follows it.
                let _ = chars.next_if(|&(next, _)| next == '\n');
                put("\n");
            }
            '\u{85}' | '\u{2028}' | '\u{2029}' => put("\n"),
            '\0'..='\x08' | '\x0B' | '\x0E'..='\x1F' | '\x7F' => {}
            '\u{206A}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFC}' => {}
            '\u{3000}' | '\u{FF01}'..='\u{FFEE}' => put(&c.nfkc().collect::<String>()),
            c => put(ligature(c).unwrap_or(c.encode_utf8(&mut [0; 4]))),
        }
    }
    result
}

/// Latin ligatures apart.
fn ligature(c: char) -> Option<&'static str> {
    Some(match c {
        'Ĳ' => "IJ",
        'ĳ' => "ij",
        'ŉ' => "'n",
        'Ǳ' => "DZ",
        'ǲ' => "Dz",
        'ǳ' => "dz",
        'Ǆ' => "DŽ",
        'ǅ' => "Dž",
        'ǆ' => "dž",
        'Ǉ' => "LJ",
        'ǈ' => "Lj",
        'ǉ' => "lj",
        'Ǌ' => "NJ",
        'ǋ' => "Nj",
        'ǌ' => "nj",
        'ﬀ' => "ff",
        'ﬁ' => "fi",
        'ﬂ' => "fl",
        'ﬃ' => "ffi",
        'ﬄ' => "ffl",
        'ﬅ' => "ſt",
        'ﬆ' => "st",
        _ => return None,
    })
}

/// White space as single spaces, and none at either end.
fn single_spaced(chars: Vec<Aligned>) -> Vec<Aligned> {
    let mut result: Vec<Aligned> = Vec::with_capacity(chars.len());
    for (c, at) in chars {
        match (c.is_whitespace(), result.last_mut()) {
            (false, _) => result.push((c, at)),
            (true, Some((' ', before))) => before.end = at.end,
            (true, Some(_)) => result.push((' ', at)),
            (true, None) => {}
        }
    }
    if result.last().is_some_and(|&(c, _)| c == ' ') {
        result.pop();
    }
    result
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("a  photo\tof \u{a0}a cat ", "a photo of a cat")]
    #[case("a cat&#39;s \u{201C}toy\u{201D}", "a cat's \"toy\"")]
    #[case("salt &amp;amp; pepper", "salt & pepper")]
    #[case("AT&T &notit; &nothing", "AT&T ¬it; ¬hing")]
    #[case("ﬁre ﬂy Ｃａｔ\u{3000}１", "fire fly Cat 1")]
    #[case("one\r\ntwo\u{2028}three\u{FEFF}\u{7}", "one two three")]
    #[case("", "")]
    #[case(" \u{7} ", "")]
    fn captions_become_plain(#[case] caption: &str, #[case] plain: &str) {
        assert_eq!(Cleaning::OpenClip.clean(caption).text, plain);
    }

    #[test]
    fn what_was_changed_is_found_again_in_the_caption() {
        let caption = "  a ﬁne&nbsp;&nbsp;cat&#39;s toy";
        let cleaned = Cleaning::OpenClip.clean(caption);
        assert_eq!(cleaned.text, "a fine cat's toy");
        let part = |span: Range<usize>| &caption[cleaned.origin(span)];
        assert_eq!(part(2..6), "ﬁne");
        assert_eq!(part(2..3), "ﬁ");
        assert_eq!(part(7..10), "cat");
        assert_eq!(part(10..11), "&#39;");
        assert_eq!(part(13..16), "toy");
        assert_eq!(part(16..16), "");
        assert_eq!(part(99..99), "");
        // Without a cleaning of its own, a caption is what it is.
        assert_eq!(Cleaning::None.clean(caption).origin(3..5), 3..5);
    }

    #[test]
    fn underlines_are_spaces_to_siglips() {
        assert_eq!(Cleaning::Canonical.clean("a_red__cat").text, "a red cat");
    }

    #[derive(serde::Deserialize)]
    struct Expected {
        caption: String,
        open_clip: String,
        open_clip_siglip: Option<String>,
        siglip: String,
    }

    /// What the programs that trained the models make of awkward captions.
    #[test]
    fn captions_are_cleaned_as_in_training() {
        let captions = include_str!("../tests/data/cleaned.json");
        let captions: Vec<Expected> = serde_json::from_str(captions).unwrap();
        let plain = |text: &str| text.nfc().collect::<String>().to_lowercase();
        let canonical = |cleaning: Cleaning, caption: &str| {
            let mut text = tokenizers::NormalizedString::from(cleaning.clean(caption).text);
            let steps = cleaning.before(None).unwrap().unwrap();
            tokenizers::Normalizer::normalize(&steps, &mut text).unwrap();
            text.get().to_owned()
        };
        assert!(captions.len() > 50);
        for expected in captions {
            let caption = &expected.caption;
            let found = Cleaning::OpenClip.clean(caption).text;
            assert_eq!(plain(&found), expected.open_clip, "{caption:?}");
            let found = canonical(Cleaning::Siglip, caption);
            assert_eq!(plain(&found), plain(&expected.siglip), "{caption:?}");
            if let Some(expected) = expected.open_clip_siglip {
                let found = canonical(Cleaning::Canonical, caption);
                assert_eq!(plain(&found), plain(&expected), "{caption:?}");
            }
        }
    }
}
