//! What a reader should know before trusting an explanation, in plain words.

use std::fmt;

use clip_input::Role;
use m2ib_settings::Modality;
use serde::{Deserialize, Serialize};

use crate::{ImageAttribution, TextAttribution, Unit};

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
    /// A caption that was held against another fits the image less than that one does.
    RivalFitsBetter {
        /// The other caption.
        rival: String,
        /// Its cosine similarity to the image.
        of_rival: f32,
        /// The caption's own.
        similarity: f32,
    },
    /// The model is one for trying things out.
    Toy {
        /// What it was trained on.
        trained_on: String,
    },
    /// The image is unlike any that the model was trained on.
    Unlike {
        /// What it was trained on, in a word or two.
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
        /// Of what.
        #[serde(default)]
        unit: Unit,
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
        /// Of what.
        #[serde(default)]
        unit: Unit,
    },
    /// All patches carry the same.
    FlatImageMap,
    /// No patch, or no word, carries more than next to nothing.
    NextToNothing {
        /// Of which side.
        modality: Modality,
        /// The largest saliency.
        largest: f32,
        /// What it is measured in.
        unit: Unit,
    },
}

impl Warning {
    /// Whether it is about a pair; others are about the model, alike for all pairs.
    pub fn is_of_pair(&self) -> bool {
        !matches!(
            self,
            Self::Toy { .. } | Self::UnusedTensors { .. } | Self::OwnStatistics
        )
    }

    /// What is to be said of maps without differences, or with next to nothing in them.
    pub fn of_maps(image: &ImageAttribution, text: &TextAttribution) -> Vec<Self> {
        let largest = |values: &mut dyn Iterator<Item = f32>| values.fold(0.0, f32::max);
        let of_image = largest(&mut image.saliency().iter().map(|value| value.abs()));
        let least = image.unit.negligible();
        let image = match image.is_flat() {
            true => Some(Self::FlatImageMap),
            false => (of_image <= least).then_some(Self::NextToNothing {
                modality: Modality::Image,
                largest: of_image,
                unit: image.unit,
            }),
        };
        let words = text.words().into_iter();
        let of_words = largest(&mut words.map(|word| word.saliency.abs()));
        let words = text.is_empty().then_some(Self::NextToNothing {
            modality: Modality::Text,
            largest: of_words,
            unit: text.unit,
        });
        image.into_iter().chain(words).collect()
    }
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
            Self::RivalFitsBetter {
                rival,
                of_rival,
                similarity,
            } => write!(
                f,
                "the image fits \"{rival}\" better ({of_rival:.3}) than the caption that is held against it ({similarity:.3}): what speaks for the caption is the lesser part"
            ),
            Self::Toy { trained_on } => {
                write!(f, "this model is a toy for trying things out: {trained_on}")
            }
            Self::Unlike { trained_on } => write!(
                f,
                "the model has never seen anything like this image: its detail is a photograph's, and the model was trained on {trained_on} alone; what it says of the image means nothing"
            ),
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
            Self::OthersDominate { share, unit } => write!(
                f,
                "tokens that are no patches (the class token) take {} of the image's {}, so the map is what is left over{}",
                percent(f64::from(*share)),
                unit.amount(),
                match unit {
                    Unit::Nats => "; mask the image at an earlier layer",
                    _ => "",
                }
            ),
            Self::CaptionCut {
                left_out,
                tokens,
                positions,
            } => write!(
                f,
                "the caption has {tokens} tokens, the model takes {positions}; left out: \"{left_out}\""
            ),
            Self::PooledTokenDominates { role, share, unit } => write!(
                f,
                "the {} takes {:.0} % of the text's {}, so the words' scores are leftovers{}",
                role.name(),
                share * 100.0,
                unit.amount(),
                match unit {
                    Unit::Nats => "; mask the text at an earlier layer (the embedding is best)",
                    _ => "",
                }
            ),
            Self::FlatImageMap => {
                write!(f, "every patch has the same saliency: there is no heat map")
            }
            Self::NextToNothing {
                modality,
                largest,
                unit,
            } => write!(
                f,
                "no {} carries more than {}, which is next to nothing: its differences mean nothing{}",
                match modality {
                    Modality::Image => "patch",
                    Modality::Text => "word",
                },
                unit.after(&format!("{largest:.1e}")),
                match unit {
                    Unit::Nats => "; a smaller β lets more through",
                    _ => "",
                }
            ),
        }
    }
}
