//! What a reader should know before trusting an explanation, in plain words.

use std::fmt;

use clip_input::Role;
use serde::{Deserialize, Serialize};

/// Something about an explanation that its reader should know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[non_exhaustive]
pub enum Warning {
    /// The caption is no more similar to the image than captions of other things.
    ChanceSimilarity {
        /// The caption's cosine similarity to the image.
        similarity: f32,
        /// How many other captions are at least as similar.
        above: usize,
        /// How many there are.
        captions: usize,
        /// One of the most similar among them, and its similarity.
        best: (String, f32),
    },
    /// The model is one for trying things out.
    Toy {
        /// What it was trained on.
        trained_on: String,
    },
    /// Parts of the image are transparent, and the model sees the colours stored beneath.
    HiddenColours {
        /// The share of pixels that look different on a white page, 0..1.
        share: f64,
    },
    /// The image uses a small part of its 16 bits, so that the model sees it nearly black.
    DarkLevels {
        /// The bits that its values take.
        bits: u32,
    },
    /// The weights' file holds tensors that the model has no place for.
    UnusedTensors {
        /// The first few of them and how many there are, in words.
        note: String,
    },
    /// There was no calibration: noise has the statistics of the image's own patches.
    OwnStatistics,
    /// Another token is read out than the one behind the caption.
    ReadElsewhere {
        /// The token that is read.
        token: String,
        /// The one behind the caption.
        end: String,
    },
    /// The image's tokens that are no patches take most of its nats.
    OthersDominate {
        /// The share of all that lies on them, 0..1.
        share: f32,
    },
    /// The caption was longer than the model's context.
    CaptionCut {
        /// The part that was left out.
        left_out: String,
        /// Tokens of the whole caption.
        tokens: usize,
        /// Positions of the model.
        positions: usize,
    },
    /// The one token that is read out takes most of the text's nats.
    PooledTokenDominates {
        /// What the token is for.
        role: Role,
        /// Its share, 0..1.
        share: f32,
    },
    /// All patches carry the same.
    FlatImageMap,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: f64| match share * 100.0 {
            small if small < 10.0 => format!("{small:.1} %"),
            large => format!("{large:.0} %"),
        };
        match self {
            Self::ChanceSimilarity {
                similarity,
                above,
                captions,
                best: (best, of_best),
            } => write!(
                f,
                "the caption fits this image no better than chance: of {captions} captions of other things {above} are as similar, such as \"{best}\" ({of_best:.3} against {similarity:.3}); a map of what does not fit says little"
            ),
            Self::Toy { trained_on } => {
                write!(f, "this model is a toy for trying things out: {trained_on}")
            }
            Self::HiddenColours { share } => write!(
                f,
                "{} of the image is transparent, and the model sees the colours stored beneath, which viewers hide; lay it on a colour (--background white) to explain what you see",
                percent(*share)
            ),
            Self::DarkLevels { bits } => write!(
                f,
                "the image has {bits} bits of grey in 16, so the model sees it nearly black; spread its levels (--window auto)"
            ),
            Self::UnusedTensors { note } => f.write_str(note),
            Self::OwnStatistics => write!(
                f,
                "no calibration was given: the image's noise has the statistics of its own patches"
            ),
            Self::ReadElsewhere { token, end } => write!(
                f,
                "the model reads the caption out at the token \"{token}\", which has the largest id, and not at the end token \"{end}\"; if that is not meant, set eos_token_id in config.json to the end token's id"
            ),
            Self::OthersDominate { share } => write!(
                f,
                "tokens that are no patches (the class token) take {} of the image's nats, so the map is what is left over; mask the image at an earlier layer",
                percent(f64::from(*share))
            ),
            Self::CaptionCut {
                left_out,
                tokens,
                positions,
            } => write!(
                f,
                "the caption has {tokens} tokens, the model takes {positions}; left out: \"{left_out}\""
            ),
            Self::PooledTokenDominates { role, share } => write!(
                f,
                "the {} takes {:.0} % of the text's nats, so the words' scores are leftovers; mask the text at an earlier layer (the embedding is best)",
                role.name(),
                share * 100.0
            ),
            Self::FlatImageMap => write!(
                f,
                "every patch has the same saliency: there is no heat map; a smaller β or more steps may help"
            ),
        }
    }
}
