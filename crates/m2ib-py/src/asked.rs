//! What more is asked of a pair than where, and the answers.

use std::sync::Arc;

use m2ib::{Against, Ask};
use m2ib_methods::Interacting;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::array;
use crate::failure::Failure;
use crate::given::{all_captions, caption_of, count};
use crate::python::{call, name_of};
use crate::settings::wrong;
use crate::sides::TextAttribution;

/// As keywords have it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    pub(crate) instead_of: Option<Vec<String>>,
    pub(crate) baseline: Option<String>,
    pub(crate) kappa: Option<f64>,
    pub(crate) seeds: Option<usize>,
    pub(crate) interactions: Option<Interacting>,
}

impl Wanted {
    /// # Errors
    /// For a value that a keyword does not take.
    pub(crate) fn of(
        instead_of: Option<&Bound<'_, PyAny>>,
        baseline: Option<String>,
        kappa: Option<f64>,
        seeds: Option<i64>,
        interactions: Option<&str>,
    ) -> PyResult<Self> {
        let by = interactions.map(Interacting::parse).transpose();
        let by = by.map_err(Failure::from)?;
        let instead_of = instead_of.map(rivals).transpose()?;
        let seeds = seeds.map(|seeds| count("seeds", seeds)).transpose()?;
        Ok(Self {
            instead_of,
            baseline,
            kappa,
            seeds,
            interactions: by,
        })
    }

    /// # Errors
    /// For what does not go together.
    pub(crate) fn ask(&self) -> Result<Ask, Failure> {
        let baseline = self.baseline.as_deref().unwrap_or("none");
        let refuse = |reason: String| Err(Failure::new(crate::failure::Kind::Settings, reason));
        let against = match (&self.instead_of, baseline) {
            (None, "none") => None,
            (None, "empty") => Some(Against::empty()),
            (None, "bank") => Some(Against::bank()),
            (Some(captions), "none") => Some(Against::captions(captions)),
            (_, "empty" | "bank") => {
                return refuse(format!(
                    "baseline is \"{baseline}\" and instead_of is given, expected one of the two: what a caption shares with its rival takes the baseline with it"
                ));
            }
            (_, other) => {
                return refuse(format!(
                    "baseline is \"{other}\", expected \"none\", \"empty\" or \"bank\""
                ));
            }
        };
        let Some(against) = against else {
            return match self.kappa {
                Some(kappa) if kappa != 1.0 => refuse(format!(
                    "kappa is {kappa} and there is nothing that it weighs, expected instead_of or baseline with it"
                )),
                _ => Ok(Ask {
                    against: None,
                    seeds: self.seeds,
                }),
            };
        };
        Ok(Ask {
            against: Some(against.kappa(self.kappa.unwrap_or(1.0))),
            seeds: self.seeds,
        })
    }
}

/// A caption or several.
pub(crate) fn rivals(given: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    if given.is_instance_of::<PyString>() {
        return Ok(vec![caption_of("instead_of", given)?]);
    }
    let several = all_captions("instead_of", given);
    several.map_err(|_| wrong("instead_of", given, "a caption as a str, or a list of them").into())
}

/// The contrast of an attribution, if one was asked for.
pub(crate) fn contrast<'py>(
    py: Python<'py>,
    whole: &Arc<m2ib::Attribution>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Some(contrast) = &whole.asked.contrast else {
        return Ok(None);
    };
    let rivals = contrast.rivals.iter().map(|rival| {
        let parts = (&rival.caption, rival.similarity, rival.weight);
        call(py, "_asked", "Rival", parts)
    });
    let rivals = rivals.collect::<PyResult<Vec<_>>>()?;
    let words = match &contrast.reverse.text {
        None => Vec::new(),
        Some(text) => {
            let whole = m2ib::Attribution {
                text: text.clone(),
                ..(**whole).clone()
            };
            let side = TextAttribution {
                whole: Arc::new(whole),
            };
            side.words(py)?
        }
    };
    let map = array::map(py, contrast.signed(&whole.image))?;
    let reverse = array::map(py, contrast.reverse.image.saliency().clone())?;
    let against = name_of(contrast.against);
    let parts = (
        rivals,
        against,
        contrast.kappa,
        contrast.difference,
        map,
        reverse,
        words,
    );
    call(py, "_asked", "Contrast", parts).map(Some)
}

/// What several seeds differ in, if several were asked for.
pub(crate) fn spread<'py>(
    py: Python<'py>,
    whole: &m2ib::Attribution,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Some(spread) = &whole.asked.spread else {
        return Ok(None);
    };
    let (image, text) = (&spread.image, &spread.text);
    let of_image = (
        array::map(py, image.deviation.clone())?,
        array::map(py, image.support.clone())?,
        image.rank_agreement,
        image.hottest,
    );
    let of_image = call(py, "_asked", "ImageSpread", of_image)?;
    let of_text = (&text.words, text.rank_agreement, &text.strongest);
    let of_text = call(py, "_asked", "TextSpread", of_text)?;
    let parts = (&spread.seeds, of_image, of_text);
    call(py, "_asked", "Spread", parts).map(Some)
}

/// Words and patches, if they were asked for.
pub(crate) fn interactions<'py>(
    py: Python<'py>,
    whole: &m2ib::Attribution,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Some(found) = &whole.asked.interactions else {
        return Ok(None);
    };
    let [rows, columns] = found.grid();
    let values = found.words.iter().flat_map(|word| word.map.iter().copied());
    let maps = array::floats(py, values.collect(), &[found.words.len(), rows, columns])?;
    let words: Vec<&str> = found.words.iter().map(|word| word.text.as_str()).collect();
    let alone = match &found.alone {
        None => None,
        Some(alone) => Some((array::map(py, alone.patches.clone())?, &alone.words)),
    };
    let parts = (
        words,
        maps,
        &found.method,
        &found.settings,
        name_of(found.unit),
        alone,
    );
    call(py, "_asked", "Interactions", parts).map(Some)
}
