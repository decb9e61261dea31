//! What an explanation says: plain numbers on the host, serialisable both ways.

use clip_input::{Caption, Read, Role, Token, View};
use m2ib_settings::{Shifts, Step};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::heat_map::{self, HeatMap, Range};
use crate::{Asked, Provenance, Unit, Warning, rows};

/// The explanation of one image–caption pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attribution {
    /// Which patches carried information about the caption.
    pub image: ImageAttribution,
    /// Which tokens and words carried information about the image.
    pub text: TextAttribution,
    /// Cosine similarity of the two embeddings, nothing masked.
    pub similarity: f32,
    /// How likely the two belong together, 0..1, by models that were trained to say so of each pair by
    /// itself (SigLIP); their cosines are small even for what does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f32>,
    /// Where the similarity lies among those of captions of other things.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<Rank>,
    /// What a reader should know before trusting the numbers.
    pub warnings: Vec<Warning>,
    /// What more was asked of the pair.
    #[serde(default, skip_serializing_if = "Asked::is_nothing")]
    pub asked: Asked,
    /// How it was made.
    pub provenance: Provenance,
}

/// Where a caption lies among captions of other things, by their similarity to one image. A cosine
/// means little by itself; its place among others does not depend on where a model's lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rank {
    /// How many of the others are at least as similar.
    pub above: usize,
    /// How many others there are.
    pub others: usize,
}

impl Rank {
    /// From 1, the most similar.
    pub fn place(self) -> usize {
        self.above + 1
    }

    /// How many captions there are, this one included.
    pub fn of(self) -> usize {
        self.others + 1
    }
}

/// The image's side of an explanation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageAttribution {
    #[serde(with = "rows")]
    saliency: Array2<f32>,
    /// How many times finer than the grid of patches the map is, along each side.
    #[serde(default)]
    pub shifts: Shifts,
    /// The tokens that are no patch, in order; empty where a method gives them nothing.
    pub others: Vec<RoleScore>,
    /// What saliency is measured in.
    pub unit: Unit,
    /// Side lengths of the model's input in pixels, `[height, width]`.
    pub input_size: [usize; 2],
    /// The part of the original image that the model saw.
    pub view: View,
    /// The bottleneck's objective, evaluation by evaluation; empty for other methods.
    pub trace: Vec<Step>,
}

impl ImageAttribution {
    /// A map over patches, `[rows, columns]`, of an input of this size.
    pub fn new(saliency: Array2<f32>, unit: Unit, input_size: [usize; 2], view: View) -> Self {
        Self {
            saliency,
            shifts: Shifts::ONE,
            others: Vec::new(),
            unit,
            input_size,
            view,
            trace: Vec::new(),
        }
    }

    /// The same with another map of the same grid.
    pub fn with_saliency(self, saliency: Array2<f32>) -> Self {
        Self { saliency, ..self }
    }

    /// Saliency per patch, `[rows, columns]`: M2IB's is the information in nats. A map over
    /// [shifted](Self::shifts) grids is finer, and says at each cell what a patch there would carry.
    pub fn saliency(&self) -> &Array2<f32> {
        &self.saliency
    }

    /// The share of all saliency that lies on tokens that are no patches, 0..1 (signed values count
    /// by size).
    pub fn others_share(&self) -> f32 {
        let size = |values: &mut dyn Iterator<Item = f32>| values.map(f32::abs).sum::<f32>();
        let others = size(&mut self.others.iter().map(|other| other.saliency));
        // Patches of shifted grids overlap.
        let patches = size(&mut self.saliency.iter().copied()) / self.shifts.count() as f32;
        match others + patches {
            all if all > 0.0 => others / all,
            _ => 0.0,
        }
    }

    /// Whether all patches carry the same, so that there is no map to speak of.
    pub fn is_flat(&self) -> bool {
        heat_map::normalize(&self.saliency).1
    }

    /// The saliency scaled to 0..1, `[rows, columns]`; zeros if [flat](Self::is_flat).
    pub fn normalized(&self) -> Array2<f32> {
        heat_map::normalize(&self.saliency).0
    }

    /// The map over the model's input, bilinear, 0..1, `[height, width]`.
    pub fn input_heat_map(&self) -> Array2<f32> {
        let [height, width] = self.input_size;
        heat_map::normalize(&heat_map::upsample(&self.saliency, height, width)).0
    }

    /// The map over the original image, with the part that was cropped away marked. Its ends are
    /// those of the [`scale`](Self::scale): where next to nothing was passed, all of it is cold.
    pub fn heat_map(&self) -> HeatMap {
        heat_map::in_original(&self.saliency, &self.view, self.unit.negligible())
    }

    /// The map over the original image scaled to another size, for drawing.
    pub fn heat_map_at(&self, width: u32, height: u32) -> HeatMap {
        heat_map::in_original(
            &self.saliency,
            &self.view_at(width, height),
            self.unit.negligible(),
        )
    }

    /// Another map of this image, over the original scaled to another size, with its own values: for
    /// what has a sign, or shares a scale with others.
    pub fn values_at(&self, map: &Array2<f32>, width: u32, height: u32) -> HeatMap {
        heat_map::spread_over(map, &self.view_at(width, height))
    }

    /// The same explanation beside a scaled copy of the image: what was explained stays what it was.
    pub fn shown_at(&self, width: u32, height: u32) -> Self {
        Self {
            view: self.view_at(width, height),
            ..self.clone()
        }
    }

    fn view_at(&self, width: u32, height: u32) -> View {
        let across = f64::from(width) / f64::from(self.view.image_width);
        let down = f64::from(height) / f64::from(self.view.image_height);
        View {
            image_width: width,
            image_height: height,
            left: self.view.left * across,
            top: self.view.top * down,
            width: self.view.width * across,
            height: self.view.height * down,
        }
    }

    /// What the coldest and the hottest colour stand for: the least and the largest saliency, unless
    /// they differ by [next to nothing](Unit::negligible), which is not blown up. None if
    /// [flat](Self::is_flat).
    pub fn scale(&self) -> Option<[f32; 2]> {
        let range = Range::of(self.saliency.iter().copied())?;
        Some(range.at_least(self.unit.negligible()).ends())
    }
}

/// The caption's side of an explanation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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

/// A token that stands for no part of the input, or several of one role together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RoleScore {
    /// What it is for.
    pub role: Role,
    /// Its saliency, M2IB's in nats.
    pub saliency: f32,
}

impl RoleScore {
    /// One for each role, in the order in which they come first: saliency summed.
    pub fn by_role(scores: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut sums: Vec<Self> = Vec::new();
        for score in scores {
            match sums.iter_mut().find(|sum| sum.role == score.role) {
                Some(sum) => sum.saliency += score.saliency,
                None => sums.push(score),
            }
        }
        sums
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
    use super::*;

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

    fn text(saliency: &[f32]) -> TextAttribution {
        let token = |text: &str, role, span: std::ops::Range<usize>, word| Token {
            id: 0,
            text: text.into(),
            role,
            span,
            word,
        };
        let tokens = vec![
            token("<s>", Role::Start, 0..0, None),
            token("a</w>", Role::Piece, 0..1, Some(0)),
            token("hedge", Role::Piece, 2..7, Some(1)),
            token("hog</w>", Role::Piece, 7..10, Some(1)),
            token("</s>", Role::End, 0..0, None),
        ];
        let caption = Caption {
            text: "a hedgehog".into(),
            tokens,
            cut: None,
        };
        TextAttribution {
            caption,
            saliency: saliency.into(),
            read: Read::Row(4),
            unit: Unit::Nats,
            trace: vec![],
        }
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
    fn a_map_read_has_rows_of_one_length() {
        let view = View {
            image_width: 4,
            image_height: 4,
            left: 0.0,
            top: 0.0,
            width: 4.0,
            height: 4.0,
        };
        let map = ndarray::array![[1.0, 2.0], [3.0, 4.0]];
        let image = ImageAttribution::new(map, Unit::Nats, [4, 4], view);
        let mut json = serde_json::to_value(&image).unwrap();
        let read =
            |json: &serde_json::Value| serde_json::from_value::<ImageAttribution>(json.clone());
        assert_eq!(read(&json).unwrap(), image);
        for (rows, words) in [
            (
                serde_json::json!([[1.0], [1.0, 2.0, 3.0]]),
                "row 2 of a map has 3",
            ),
            (serde_json::json!([[1.0, 2.0], []]), "row 2 of a map has 0"),
            (serde_json::json!([]), "no values"),
            (serde_json::json!([[], []]), "no values"),
        ] {
            json["saliency"] = rows;
            let error = read(&json).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
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
