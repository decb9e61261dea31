//! What is said about an explanation before anyone trusts it.

use burn::tensor::Tensor;
use clip_input::PictureFacts;
use clip_model::{CaptionBank, DualEncoder, Note};

use crate::encoded::host;
use crate::{Backend, ImageAttribution, Rank, Result, TextAttribution, Warning};

/// Above this share of the text's nats on the token that is read out, a warning is given, and so
/// above this share of the image's on what is no patch.
const DOMINANT: f32 = 0.5;

/// The share of captions of other things that are as similar to an image as its own above which its
/// own counts as no better than chance. On 300 test scenes of the embedded model against the 220 other
/// names, 1 % of the captions that are true were warned of, and 88 % of those that are not; at half
/// of it, 4 and 94 %.
const CHANCE: f32 = 0.1;

/// The likeness of detail in the three colours above which the embedded model's images count as photographs. Of
/// 600 scenes that it was not trained on, 3 are taken for one; of 74 photographs and quarters of such, 67 are
/// found, and what is missed is blurred. (Its similarities do not tell: it is as sure of photographs as of scenes.)
#[cfg(feature = "emoji")]
const PHOTOGRAPH: f32 = 0.7;

/// With fewer captions in a model's bank, nothing is said of chance.
const FEWEST: usize = 16;

/// Captions of all kinds of things, one a line. Most are of one length, so that they go through a tower
/// together.
const CAPTIONS: &str = include_str!("../captions.txt");

/// A pair and its explanation, by whatever method.
#[derive(Debug)]
pub struct Explained<'a> {
    /// The model.
    pub model: &'a DualEncoder,
    /// What viewers would not expect of the picture.
    pub facts: &'a PictureFacts,
    /// The image's embedding, `[1, embedding]`.
    pub embedding: &'a Tensor<2>,
    /// Its cosine similarity to the caption's.
    pub similarity: f32,
    /// The image's side.
    pub image: &'a ImageAttribution,
    /// The caption's side.
    pub text: &'a TextAttribution,
}

/// Where the pair lies among others, and everything to be said of its explanation by any method.
///
/// # Errors
/// [`Error::Bottleneck`](crate::Error::Bottleneck) for embeddings that are not finite,
/// [`Error::Model`](crate::Error::Model) if other captions do not go through the text tower.
pub fn warnings(explained: &Explained<'_>) -> Result<(Option<Rank>, Vec<Warning>)> {
    let Explained { image, text, .. } = *explained;
    let (rank, chance) = ranked(
        explained.model,
        explained.embedding,
        &text.caption.text,
        explained.similarity,
    )?;
    let mut warnings: Vec<_> = chance.into_iter().collect();
    warnings.extend(of_picture(explained.model, explained.facts));
    warnings.extend(text.cut());
    warnings.extend(text.read_elsewhere());
    // With one or two pieces, half for one token is nothing unusual.
    let pieces = text.caption.tokens.iter();
    let pieces = pieces.filter(|token| token.role.is_input()).count();
    let dominates = text.pooled_share();
    let dominates = dominates.filter(|&(_, share)| share > DOMINANT && pieces > 2);
    let unit = text.unit;
    warnings
        .extend(dominates.map(|(role, share)| Warning::PooledTokenDominates { role, share, unit }));
    let (share, unit) = (image.others_share(), image.unit);
    warnings.extend((share > DOMINANT).then_some(Warning::OthersDominate { share, unit }));
    warnings.extend(Warning::of_maps(image, text));
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    Ok((rank, warnings))
}

/// What is to be said of a model, whatever the pictures.
pub fn model_warnings(model: &DualEncoder) -> Vec<Warning> {
    let mut warnings = Vec::new();
    #[cfg(feature = "emoji")]
    if crate::emoji::is(model) {
        warnings.push(Warning::Toy {
            trained_on: crate::emoji::TRAINED_ON.into(),
        });
    }
    for note in model.notes() {
        if let Note::Unused { .. } = note {
            let note = note.to_string();
            warnings.push(Warning::UnusedTensors { note });
        }
    }
    warnings
}

/// What is to be said of a model and a picture, whatever is asked about it.
pub(crate) fn of_picture(model: &DualEncoder, facts: &PictureFacts) -> Vec<Warning> {
    let mut warnings = model_warnings(model);
    #[cfg(feature = "emoji")]
    if crate::emoji::is(model) {
        let unlike = facts.detail.is_some_and(|detail| detail > PHOTOGRAPH);
        warnings.extend(unlike.then(|| Warning::Unlike {
            trained_on: "drawn scenes of emoji".into(),
        }));
    }
    warnings.extend(picture_warnings(facts));
    warnings
}

/// What is to be said of a picture, whatever the model.
pub fn picture_warnings(facts: &PictureFacts) -> Vec<Warning> {
    /// A few antialiased pixels are nothing to speak of.
    const FEW: f64 = 0.005;
    let share = facts.hidden;
    let hidden = (share > FEW).then_some(Warning::HiddenColours { share });
    let dark = facts.bits.map(|bits| Warning::DarkLevels { bits });
    hidden.into_iter().chain(dark).collect()
}

/// The captions that pairs' similarities are ranked among: the model's own
/// [bank](DualEncoder::with_bank) or, where it was given none, captions of all kinds of things.
///
/// # Errors
/// [`Error::Model`](crate::Error::Model) if they do not go through the text tower,
/// [`Error::Threads`](crate::Error::Threads).
pub fn bank(model: &DualEncoder) -> Result<&CaptionBank> {
    let lanes = Backend::lanes(&model.device(), 1)?;
    Ok(lanes.together(|| model.bank(|| captions(model)))?)
}

/// Where a caption lies among those of the model's bank, and whether they fit the image as well; no
/// place where the bank has no other.
pub(crate) fn ranked(
    model: &DualEncoder,
    embedding: &Tensor<2>,
    caption: &str,
    similarity: f32,
) -> Result<(Option<Rank>, Option<Warning>)> {
    let bank = bank(model)?;
    let embedding = host(embedding.clone(), "the embedding")?;
    let others = bank.similarities(&embedding).into_iter();
    let others: Vec<_> = others
        .filter(|(other, _)| !other.eq_ignore_ascii_case(caption.trim()))
        .collect();
    let Some(&(best, of_best)) = others.first() else {
        return Ok((None, None));
    };
    let above = others.iter().filter(|(_, other)| *other >= similarity);
    let rank = Rank {
        above: above.count(),
        others: others.len(),
    };
    let by_chance = rank.above as f32 > CHANCE * rank.others as f32 && rank.others >= FEWEST;
    let warning = by_chance.then(|| Warning::ChanceSimilarity {
        similarity,
        above: rank.above,
        captions: rank.others,
        best: (best.into(), of_best),
    });
    Ok((Some(rank), warning))
}

/// Captions of other things, in words that the model knows.
fn captions(model: &DualEncoder) -> Vec<String> {
    #[cfg(feature = "emoji")]
    if crate::emoji::is(model) {
        return crate::emoji::captions();
    }
    let _ = model;
    CAPTIONS.lines().map(String::from).collect()
}
