//! What more was asked than where, as the explorer gets it.

use m2ib::draw::visible;
use m2ib::{Attribution, Baseline, Contrast, Interactions, Spread};
use serde::Serialize;

use super::Named;
use super::map::values;
use super::words::Words;

/// Why this caption rather than others?
#[derive(Debug, Serialize)]
pub(super) struct Opposed {
    against: Baseline,
    /// The heaviest first.
    rivals: Vec<Rival>,
    kappa: f64,
    /// What map and words share out.
    difference: f32,
    /// Above 0 what speaks for the caption, below 0 what speaks for its rival, `[rows][columns]`.
    values: Vec<Vec<f32>>,
    /// What the strongest colours stand for, of either sign.
    largest: f32,
    /// The heaviest rival's words; none of a caption without any.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Words>,
    /// What the strongest colours of words stand for, of both captions.
    largest_word: f32,
}

#[derive(Debug, Serialize)]
struct Rival {
    caption: String,
    similarity: f32,
    weight: f32,
}

/// How sure is it?
#[derive(Debug, Serialize)]
pub(super) struct Sure {
    seeds: Vec<u64>,
    /// Standard deviation between seeds, `[rows][columns]`.
    deviation: Vec<Vec<f32>>,
    /// The share of seeds by which a place is hot, `[rows][columns]`.
    support: Vec<Vec<f32>>,
    /// Each seed's own, `[seeds][rows][columns]`
    maps: Vec<Vec<Vec<f32>>>,
    /// Of two seeds' maps, and words.
    rank_agreement: f32,
    word_rank_agreement: f32,
    /// The share of the hottest tenth that two seeds have in common.
    hottest: f32,
    /// Of each word.
    words: Vec<SureWord>,
}

#[derive(Debug, Serialize)]
struct SureWord {
    deviation: f32,
    /// The share of seeds by which it is the strongest.
    strongest: f32,
}

/// Which word goes with which patch?
#[derive(Debug, Serialize)]
pub(super) struct Together {
    /// How it was found, in words.
    method: String,
    #[serde(flatten)]
    unit: Named,
    /// What the strongest colours stand for, of either sign.
    largest: f32,
    /// In the order of the caption's words.
    words: Vec<WordMap>,
}

#[derive(Debug, Serialize)]
struct WordMap {
    text: String,
    /// `[rows][columns]`
    values: Vec<Vec<f32>>,
    /// All patches together.
    sum: f32,
}

impl Opposed {
    pub(super) fn of(attribution: &Attribution, contrast: &Contrast) -> Self {
        let rivals = contrast.rivals.iter().map(|rival| Rival {
            caption: visible(rival.name()).into(),
            similarity: rival.similarity,
            weight: rival.weight,
        });
        Self {
            against: contrast.against,
            rivals: rivals.collect(),
            kappa: contrast.kappa,
            difference: contrast.difference,
            values: values(&contrast.signed(&attribution.image)),
            largest: contrast.largest(&attribution.image),
            text: contrast.reverse.text.as_ref().map(Words::of),
            largest_word: contrast.largest_word(&attribution.text),
        }
    }
}

impl Sure {
    pub(super) fn of(spread: &Spread) -> Self {
        let words = spread.text.words.iter().zip(&spread.text.strongest);
        Self {
            seeds: spread.seeds.clone(),
            deviation: values(&spread.image.deviation),
            support: values(&spread.image.support),
            maps: spread.image.maps.iter().map(values).collect(),
            rank_agreement: spread.image.rank_agreement,
            word_rank_agreement: spread.text.rank_agreement,
            hottest: spread.image.hottest,
            words: words
                .map(|(&deviation, &strongest)| SureWord {
                    deviation,
                    strongest,
                })
                .collect(),
        }
    }
}

impl Together {
    pub(super) fn of(found: &Interactions) -> Self {
        let settings = found.settings.iter();
        let settings = settings.map(|(name, value)| format!("{name} {value}"));
        let settings = settings.collect::<Vec<_>>().join(", ");
        let words = found.words.iter().zip(found.text_sums());
        Self {
            method: match settings.is_empty() {
                true => found.method.clone(),
                false => format!("{} ({settings})", found.method),
            },
            unit: found.unit.into(),
            largest: found.largest(),
            words: words
                .map(|(word, sum)| WordMap {
                    text: visible(&word.text).into(),
                    values: values(&word.map),
                    sum,
                })
                .collect(),
        }
    }
}
