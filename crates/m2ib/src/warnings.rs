//! What is said about an explanation before anyone trusts it.

use burn::tensor::Tensor;
use clip_input::PictureFacts;
use clip_model::{DualEncoder, Note};

use crate::encoded::host;
use crate::{Backend, ImageAttribution, Result, TextAttribution, Warning};

/// Above this share of the text's nats on the token that is read out, a warning is given, and so
/// above this share of the image's on what is no patch.
const DOMINANT: f32 = 0.5;

/// The share of captions of other things that are as similar to an image as its own above which its
/// own counts as no better than chance. On 300 test scenes of the embedded model against the 220 other
/// names, 1 % of the captions that are true were warned of, and 88 % of those that are not; at half
/// of it, 4 and 94 %.
const CHANCE: f32 = 0.1;

/// With fewer captions that a model's vocabulary knows, nothing is said of chance.
const FEWEST: usize = 16;

/// Captions of all kinds of things. Most are of one length, so that they go through a tower
/// together.
const CAPTIONS: [&str; 40] = [
    "a photo of a dog",
    "a photo of a cat",
    "a photo of a horse",
    "a photo of a bird",
    "a photo of a fish",
    "a photo of a spider",
    "a photo of a cow",
    "a photo of a man",
    "a photo of a woman",
    "a photo of a child",
    "a photo of a crowd",
    "a photo of a car",
    "a photo of a train",
    "a photo of a boat",
    "a photo of a plane",
    "a photo of a bicycle",
    "a photo of a house",
    "a photo of a bridge",
    "a photo of a street",
    "a photo of a church",
    "a photo of a kitchen",
    "a photo of a bed",
    "a photo of a chair",
    "a photo of a clock",
    "a photo of a book",
    "a photo of a piano",
    "a photo of a guitar",
    "a photo of a computer",
    "a photo of a pizza",
    "a photo of a cake",
    "a photo of a banana",
    "a photo of a flower",
    "a photo of a tree",
    "a photo of a mountain",
    "a photo of a beach",
    "a photo of a cloud",
    "a photo of a hammer",
    "a photo of a map",
    "a photo of a letter",
    "a photo of a bone",
];

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

/// Everything to be said of an explanation by any method.
///
/// # Errors
/// [`Error::Bottleneck`](crate::Error::Bottleneck) for embeddings that are not finite,
/// [`Error::Model`](crate::Error::Model) if other captions do not go through the text tower.
pub fn warnings(explained: &Explained<'_>) -> Result<Vec<Warning>> {
    let Explained { image, text, .. } = *explained;
    let mut warnings = Vec::new();
    let own = &text.caption.text;
    warnings.extend(chance(
        explained.model,
        explained.embedding,
        own,
        explained.similarity,
    )?);
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
    Ok(warnings)
}

/// What is to be said of a model and a picture, whatever is asked about it.
pub(crate) fn of_picture(model: &DualEncoder, facts: &PictureFacts) -> Vec<Warning> {
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

/// Whether captions of other things fit an image as well as this one.
pub(crate) fn chance(
    model: &DualEncoder,
    embedding: &Tensor<2>,
    caption: &str,
    similarity: f32,
) -> Result<Option<Warning>> {
    let lanes = Backend::lanes(&model.device(), 1)?;
    let chance = lanes.together(|| model.chance(|| captions(model)))?;
    let embedding = host(embedding.clone(), "the embedding")?;
    let others = chance.similarities(&embedding).into_iter();
    let others: Vec<_> = others
        .filter(|(other, _)| !other.eq_ignore_ascii_case(caption.trim()))
        .collect();
    let above = others.iter().filter(|(_, other)| *other >= similarity);
    let above = above.count();
    let by_chance = above as f32 > CHANCE * others.len() as f32 && others.len() >= FEWEST;
    Ok(others
        .first()
        .filter(|_| by_chance)
        .map(|&(caption, best)| Warning::ChanceSimilarity {
            similarity,
            above,
            captions: others.len(),
            best: (caption.into(), best),
        }))
}

/// Captions of other things, in words that the model knows.
fn captions(model: &DualEncoder) -> Vec<String> {
    #[cfg(feature = "emoji")]
    if crate::emoji::is(model) {
        return crate::emoji::captions();
    }
    let _ = model;
    CAPTIONS.map(String::from).into()
}
