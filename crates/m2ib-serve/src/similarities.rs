//! How similar captions are to a picture, and to each other.

use m2ib::clip_input::Picture;
use m2ib::draw::visible;
use m2ib::m2ib_core::cosine_similarity;
use serde::{Deserialize, Serialize};

use crate::engine::Engine;

/// As clients ask it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    pub(crate) picture: String,
    pub(crate) captions: Vec<String>,
}

/// Of one picture and some captions, in their order.
#[derive(Debug, Serialize)]
pub(crate) struct Similarities {
    captions: Vec<Similarity>,
    /// Cosines between captions, `[captions][captions]`.
    among: Vec<Vec<f32>>,
    /// What is to be said of the picture.
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Similarity {
    caption: String,
    /// Cosine with the picture.
    similarity: f32,
    /// How likely it belongs to the picture, by models that say so of each caption by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    probability: Option<f32>,
    /// Its share of all captions given, by models that say so of several together: not told of one
    /// alone, whose share would be 1 whatever it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    share: Option<f32>,
    /// Its place among captions of other things.
    #[serde(skip_serializing_if = "Option::is_none")]
    rank: Option<Place>,
    /// What fits as well, if a tenth of them does.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
    /// What of it did not fit into the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    cut: Option<String>,
}

/// A place among captions.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Place {
    place: usize,
    of: usize,
}

impl From<m2ib::Rank> for Place {
    fn from(rank: m2ib::Rank) -> Self {
        Self {
            place: rank.place(),
            of: rank.of(),
        }
    }
}

pub(crate) fn similarities(
    engine: &Engine,
    image: &Picture,
    captions: &[String],
) -> Result<Similarities, m2ib::Error> {
    let (explainer, model) = (engine.plain(), engine.model());
    let image = explainer.encode_image(image)?;
    let texts = captions
        .iter()
        .map(|caption| explainer.encode_text(caption));
    let texts = texts.collect::<Result<Vec<_>, _>>()?;
    let mut told = Vec::with_capacity(texts.len());
    for (caption, text) in captions.iter().zip(&texts) {
        let similarity = explainer.similarity(&image, text)?;
        let (rank, warning) = explainer.rank(&image, text)?;
        let cut = text.caption().cut.as_ref();
        let cut = cut.and_then(|cut| caption.get(cut.span.clone()));
        told.push(Similarity {
            caption: visible(caption).into(),
            similarity,
            probability: model.probability(similarity),
            share: None,
            rank: rank.map(Place::from),
            warning: warning.map(|warning| warning.to_string()),
            cut: cut.map(|cut| visible(cut).into()),
        });
    }
    if model.bias().is_none() && told.len() > 1 {
        let values: Vec<f32> = told.iter().map(|told| told.similarity).collect();
        for (told, share) in told.iter_mut().zip(shares(&values, model.scale())) {
            told.share = Some(share);
        }
    }
    let cosine = |a: usize, b: usize| {
        let [a, b] = [a, b].map(|text: usize| texts[text].embedding.clone());
        let cosine = cosine_similarity(a, b).into_data().iter::<f32>().next();
        cosine.unwrap_or(f32::NAN)
    };
    let among = (0..texts.len()).map(|row| {
        let columns = 0..texts.len();
        let cosines = columns.map(|column| match row == column {
            true => 1.0,
            false => cosine(row.min(column), row.max(column)),
        });
        cosines.collect()
    });
    let warnings = explainer.warnings(&image);
    Ok(Similarities {
        captions: told,
        among: among.collect(),
        warnings: warnings.iter().map(ToString::to_string).collect(),
    })
}

/// Softmax of scaled cosines.
fn shares(values: &[f32], scale: f32) -> impl Iterator<Item = f32> {
    let largest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weight = move |value: &f32| ((value - largest) * scale).exp();
    let total: f32 = values.iter().map(weight).sum();
    values.iter().map(move |value| weight(value) / total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_one_whole_and_as_a_softmax_has_them() {
        let found: Vec<f32> = shares(&[0.3, 0.2], 10.0).collect();
        // e / (e + 1)
        assert!((found[0] - 0.731_058_6).abs() < 1e-5, "{found:?}");
        assert!((found[0] + found[1] - 1.0).abs() < 1e-6);
    }
}
