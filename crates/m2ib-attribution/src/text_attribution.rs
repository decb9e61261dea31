//! The caption's side of an explanation: saliency of tokens, and of the words that they spell.

use clip_input::{Caption, Read, Role, Token};
use m2ib_settings::Step;
use serde::{Deserialize, Serialize, Serializer};

use crate::heat_map::Range;
use crate::{RoleScore, Unit, Warning};

/// The caption's side of an explanation. In JSON it has its [words](Self::words) too, which are not read back:
/// they are made of the tokens.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct TextAttribution {
    /// The caption as given, and what of it did not fit.
    pub caption: Caption,
    /// Saliency per token, in the caption's order, start and end tokens included: M2IB's is the
    /// information in nats.
    pub saliency: Vec<f32>,
    /// Which tokens' outputs the embedding is read out of.
    pub read: Read,
    /// What saliency is measured in.
    pub unit: Unit,
    /// The bottleneck's objective, evaluation by evaluation; empty for other methods.
    pub trace: Vec<Step>,
}

impl Serialize for TextAttribution {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Written<'a> {
            caption: &'a Caption,
            words: Vec<WordScore>,
            saliency: &'a [f32],
            read: &'a Read,
            unit: Unit,
            trace: &'a [Step],
        }
        let written = Written {
            caption: &self.caption,
            words: self.words(),
            saliency: &self.saliency,
            read: &self.read,
            unit: self.unit,
            trace: &self.trace,
        };
        written.serialize(serializer)
    }
}

/// One token with its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TokenScore<'a> {
    /// The token.
    pub token: &'a Token,
    /// Its saliency, M2IB's in nats.
    pub saliency: f32,
    /// Its saliency as a share of the largest of the caption's pieces, 0..1, and of at least what is
    /// not [next to nothing](Unit::negligible); 0 for other tokens.
    pub score: f32,
}

/// One word with its score: its tokens' saliency summed, or the mean of it where it is a
/// [share](Unit::Share).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WordScore {
    /// The word as the caption spells it.
    pub text: String,
    /// Its bytes in the caption.
    pub span: std::ops::Range<usize>,
    /// Its saliency, M2IB's in nats.
    pub saliency: f32,
    /// Its saliency as a share of the largest of the caption's words, 0..1, and of at least what is not
    /// [next to nothing](Unit::negligible): a word alone has 1 if it carries anything, and where no
    /// word does, all have about 0.
    pub score: f32,
}

impl TextAttribution {
    /// The tokens with their scores.
    pub fn tokens(&self) -> Vec<TokenScore<'_>> {
        let pieces = || self.pairs().filter(|(token, _)| token.role == Role::Piece);
        let whole = self.whole(pieces().map(|(_, saliency)| saliency));
        self.pairs()
            .map(|(token, saliency)| {
                let score = match token.role {
                    Role::Piece => share(saliency, whole),
                    _ => 0.0,
                };
                TokenScore {
                    token,
                    saliency,
                    score,
                }
            })
            .collect()
    }

    /// The words with their scores.
    pub fn words(&self) -> Vec<WordScore> {
        let mut words: Vec<(Option<usize>, WordScore)> = Vec::new();
        // Pieces of the last word.
        let mut pieces = 0;
        for (token, saliency) in self.pairs().filter(|(token, _)| token.role == Role::Piece) {
            match words.last_mut() {
                Some((word, score)) if *word == token.word && word.is_some() => {
                    pieces += 1;
                    score.span.end = token.span.end;
                    match self.unit {
                        // The mean of shares is one.
                        Unit::Share => {
                            score.saliency += (saliency - score.saliency) / pieces as f32;
                        }
                        _ => score.saliency += saliency,
                    }
                }
                _ => {
                    pieces = 1;
                    let span = token.span.clone();
                    let score = WordScore {
                        text: String::new(),
                        span,
                        saliency,
                        score: 0.0,
                    };
                    words.push((token.word, score));
                }
            }
        }
        let mut words: Vec<WordScore> = words.into_iter().map(|(_, word)| word).collect();
        let whole = self.whole(words.iter().map(|word| word.saliency));
        for word in &mut words {
            word.text = self
                .caption
                .text
                .get(word.span.clone())
                .unwrap_or_default()
                .into();
            word.score = share(word.saliency, whole);
        }
        words
    }

    /// The words with the largest saliency, the largest first; of equals the first.
    pub fn top_words(&self, count: usize) -> Vec<WordScore> {
        let mut words = self.words();
        words.sort_by(|a, b| b.saliency.total_cmp(&a.saliency));
        words.truncate(count);
        words
    }

    /// What a score of 1 stands for.
    fn whole(&self, saliency: impl Iterator<Item = f32>) -> f32 {
        saliency.fold(self.unit.negligible(), f32::max)
    }

    /// Whether no word carries more than [next to nothing](Unit::negligible).
    pub fn is_empty(&self) -> bool {
        let mut words = self.words().into_iter();
        words.all(|word| word.saliency.abs() <= self.unit.negligible())
    }

    /// The tokens that are no piece of the caption, those of one role together.
    pub fn others(&self) -> Vec<RoleScore> {
        let others = self.pairs().filter(|(token, _)| !token.role.is_input());
        RoleScore::by_role(others.map(|(token, saliency)| RoleScore {
            role: token.role,
            saliency,
        }))
    }

    /// The one token whose output is read out, and the share of all saliency that it takes, 0..1
    /// (signed values count by size); none where several are read. Behind the first blocks it
    /// already holds the whole caption, and then the words' scores are what is left over.
    pub fn pooled_share(&self) -> Option<(Role, f32)> {
        let &Read::Row(row) = &self.read else {
            return None;
        };
        let (token, pooled) = self.pairs().nth(row)?;
        let total: f32 = self.saliency.iter().map(|value| value.abs()).sum();
        let share = if total > 0.0 {
            pooled.abs() / total
        } else {
            0.0
        };
        Some((token.role, share))
    }

    /// What is to be said where another token is read out than the one behind the caption, as
    /// happens where the largest id counts and a token was added to the vocabulary. (Families that
    /// read padding mean to.)
    pub fn read_elsewhere(&self) -> Option<Warning> {
        let &Read::Row(row) = &self.read else {
            return None;
        };
        let tokens = &self.caption.tokens;
        let end = tokens.iter().position(|token| token.role == Role::End)?;
        let text = |place: usize| tokens.get(place).map(|token| token.text.clone());
        let role = tokens.get(row)?.role;
        let meant = row == end || !matches!(role, Role::Piece | Role::End);
        (!meant).then_some(Warning::ReadElsewhere {
            token: text(row)?,
            end: text(end)?,
        })
    }

    /// What the one token that is read out is called, if it is one.
    pub fn read_name(&self) -> Option<String> {
        let (role, _) = self.pooled_share()?;
        Some(match self.read_elsewhere() {
            Some(Warning::ReadElsewhere { token, .. }) => format!("token \"{token}\""),
            _ => role.name().into(),
        })
    }

    /// What is to be said of a caption that was longer than the model's context.
    pub fn cut(&self) -> Option<Warning> {
        let cut = self.caption.cut.as_ref()?;
        let left_out = self.caption.text.get(cut.span.clone());
        Some(Warning::CaptionCut {
            left_out: left_out.unwrap_or_default().into(),
            tokens: cut.tokens,
            positions: cut.positions,
        })
    }

    /// Min–max over all tokens, start and end included, as the released code scales them; padding,
    /// which that code does not know, has 0. There the end token's score drowns the words';
    /// [`tokens`](Self::tokens) leaves both out.
    pub fn released_scores(&self) -> Vec<f32> {
        let said = self
            .pairs()
            .filter(|(token, _)| token.role != Role::Padding);
        let range = Range::of(said.map(|(_, saliency)| saliency));
        let scores = self.pairs().map(|(token, saliency)| match token.role {
            Role::Padding => 0.0,
            _ => range.map_or(0.0, |range| range.scale(saliency)),
        });
        scores.collect()
    }

    fn pairs(&self) -> impl Iterator<Item = (&Token, f32)> {
        self.caption
            .tokens
            .iter()
            .zip(self.saliency.iter().copied())
    }
}

/// A part of what counts as the whole, 0..1; what is below 0 speaks against the pair.
fn share(saliency: f32, whole: f32) -> f32 {
    match whole > 0.0 {
        true => (saliency / whole).clamp(0.0, 1.0),
        false => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use clip_input::View;

    use super::*;
    use crate::ImageAttribution;
    use crate::fixture::text;

    #[test]
    fn a_token_that_is_read_in_place_of_the_end_is_named() {
        let mut text = text(&[1.0; 5]);
        assert_eq!(text.read_elsewhere(), None);
        assert_eq!(text.read_name().as_deref(), Some("end token"));
        text.read = Read::Row(3);
        let warning = text.read_elsewhere().unwrap().to_string();
        assert!(
            warning.contains("hog</w>") && warning.contains("</s>"),
            "{warning}"
        );
        assert_eq!(text.read_name().as_deref(), Some("token \"hog</w>\""));
        // A second token behind the caption is not its end.
        let behind = Token {
            text: "<added>".into(),
            ..text.caption.tokens[4].clone()
        };
        text.caption.tokens.push(behind);
        text.read = Read::Row(5);
        assert!(
            text.read_elsewhere()
                .unwrap()
                .to_string()
                .contains("<added>")
        );
        text.read = Read::Mean(vec![1]);
        assert_eq!((text.read_elsewhere(), text.read_name()), (None, None));
    }

    #[test]
    fn a_words_pieces_are_summed_and_start_and_end_left_out() {
        let text = text(&[9.0, 1.0, 2.0, 3.0, 15.0]);
        let words = text.words();
        assert_eq!(words.len(), 2);
        assert_eq!(
            (words[1].text.as_str(), words[1].span.clone()),
            ("hedgehog", 2..10)
        );
        assert_eq!((words[1].saliency, words[1].score), (5.0, 1.0));
        assert_eq!((words[0].saliency, words[0].score), (1.0, 0.2));
        let top = |count| text.top_words(count).into_iter().map(|word| word.text);
        assert_eq!(top(1).collect::<Vec<_>>(), ["hedgehog"]);
        assert_eq!(top(9).collect::<Vec<_>>(), ["hedgehog", "a"]);
        let scores: Vec<f32> = text.tokens().iter().map(|token| token.score).collect();
        assert_eq!(scores, [0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0, 0.0]);
        let mut shares = text.clone();
        shares.unit = Unit::Share;
        assert_eq!(shares.words()[1].saliency, 2.5);
        assert_eq!(text.pooled_share(), Some((Role::End, 0.5)));
        let others = text.others();
        let others: Vec<_> = others.iter().map(|it| (it.role, it.saliency)).collect();
        assert_eq!(others, [(Role::Start, 9.0), (Role::End, 15.0)]);
        assert_eq!(text.released_scores()[4], 1.0);
    }

    #[test]
    fn where_several_tokens_are_read_none_dominates_and_padding_counts_as_one() {
        let mut text = text(&[1.0, 2.0, 3.0, 4.0, 5.0]);
        text.read = Read::Mean(vec![1, 2]);
        assert_eq!(text.pooled_share(), None);
        for place in [0, 4] {
            text.caption.tokens[place].role = Role::Padding;
        }
        let padding = RoleScore {
            role: Role::Padding,
            saliency: 6.0,
        };
        assert_eq!(text.others(), [padding]);
        // Nor does it take part in the scale: 2 is the least there, 4 the largest.
        assert_eq!(text.released_scores(), [0.0, 0.0, 0.5, 1.0, 0.0]);
    }

    #[test]
    fn a_word_alone_scores_by_what_it_carries() {
        let mut text = text(&[0.3, 2.0, 0.0, 0.0, 0.1]);
        text.caption.tokens.drain(2..4);
        text.saliency.drain(2..4);
        let score = |text: &TextAttribution| text.words()[0].score;
        assert_eq!((score(&text), text.words().len()), (1.0, 1));
        text.saliency[1] = 1.9e-5;
        assert!(score(&text) < 0.05, "{}", score(&text));
        assert!(text.is_empty());
        text.saliency[1] = 0.0;
        assert_eq!(score(&text), 0.0);
        assert_eq!(text.tokens()[1].score, 0.0);
    }

    #[test]
    fn next_to_nothing_is_not_blown_up_and_said() {
        let text = text(&[1.9e-5; 5]);
        assert!(text.tokens().iter().all(|token| token.score < 0.05));
        let view = View {
            image_width: 2,
            image_height: 1,
            left: 0.0,
            top: 0.0,
            width: 2.0,
            height: 1.0,
        };
        let image = |hot: f32, unit| {
            let map = ndarray::array![[0.0, hot]];
            ImageAttribution::new(map, unit, [1, 2], view)
        };
        let faint = image(2e-5, Unit::Nats);
        assert!(faint.heat_map().values.iter().all(|&value| value < 0.05));
        let said: Vec<String> = Warning::of_maps(&faint, &text)
            .iter()
            .map(Warning::to_string)
            .collect();
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(
            said[0].contains("no patch carries more than 2.0e-5 nats"),
            "{said:?}"
        );
        assert!(said[1].contains("no word carries more than"), "{said:?}");
        // What has no unit has no measure of nothing, and no nats.
        let arbitrary = image(2e-5, Unit::Arbitrary);
        assert_eq!(arbitrary.heat_map().values, ndarray::array![[0.0, 1.0]]);
        let strong = image(2.0, Unit::Nats);
        assert_eq!(strong.scale(), Some([0.0, 2.0]));
        let cosine = Warning::of_maps(&image(1e-7, Unit::Cosine), &text)[0].to_string();
        assert!(
            !cosine.contains("nats") && !cosine.contains('β'),
            "{cosine}"
        );
    }

    #[test]
    fn equal_saliency_is_no_difference_and_never_nan() {
        let text = text(&[2.0; 5]);
        let scores: Vec<f32> = text.tokens().iter().map(|token| token.score).collect();
        assert_eq!(scores, [0.0, 1.0, 1.0, 1.0, 0.0]);
        assert!(text.released_scores().iter().all(|score| *score == 0.0));
        let mut below = text;
        below.saliency = vec![-1.0; 5];
        assert!(below.tokens().iter().all(|token| token.score == 0.0));
    }
}
