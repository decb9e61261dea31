//! Sanity checks: does an explanation depend on what the model learnt, and on the partner?
//!
//! Adebayo et al., *Sanity Checks for Saliency Maps*, NeurIPS 2018. Maps before and after a change
//! are compared by Spearman's [rank correlation](super::spearman), −1..1, lower is better: an
//! explanation that stays the same explains something else. What "the same" means for a method
//! that draws random numbers is the *seed level*, the correlation between maps that differ in the
//! seed alone (1 for deterministic methods); no change can be expected to show above it.
//!
//! Both checks are drivers: they take a function that explains and know no model. Constant maps
//! have no order; a comparison with one is `None` and left out of means.

use crate::resampling::mean;
use crate::spearman::spearman;
use crate::{Error, Result};

/// Correlation with the trained model's map, blocks from `from` up randomised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerCorrelation {
    /// The lowest randomised block, zero-based.
    pub from: usize,
    /// Spearman's correlation; none if a map is constant.
    pub correlation: Option<f64>,
}

/// Model-parameter randomisation, from the top down.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterRandomisation {
    /// From the last block alone to all blocks.
    pub layers: Vec<LayerCorrelation>,
    /// Mean correlation between seeds of the trained model; none with a single seed.
    pub seed_level: Option<f64>,
}

impl ParameterRandomisation {
    /// Mean correlation over the layers.
    pub fn mean(&self) -> Option<f64> {
        mean_of(self.layers.iter().map(|layer| layer.correlation))
    }

    /// The correlation with every block randomised.
    pub fn all_blocks(&self) -> Option<f64> {
        self.layers.last()?.correlation
    }
}

/// Prompt randomisation.
#[derive(Debug, Clone, PartialEq)]
pub struct PartnerRandomisation {
    /// Correlation with the map for each other partner; none if a map is constant.
    pub correlations: Vec<Option<f64>>,
    /// Mean correlation between seeds for the true partner; none with a single seed.
    pub seed_level: Option<f64>,
}

impl PartnerRandomisation {
    /// Mean correlation over the partners.
    pub fn mean(&self) -> Option<f64> {
        mean_of(self.correlations.iter().copied())
    }
}

/// Whom an input is explained against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Partner {
    /// Its own: the image's caption, the caption's image.
    True,
    /// Another one, by number.
    Other(usize),
}

/// Randomises blocks cumulatively from the top.
///
/// `explain(from, seed)` gives the map (row by row) with blocks `from..depth` randomised, `from` =
/// `depth` being the trained model; it is asked for `depth`, then `depth` − 1 down to 0. Weights
/// should be drawn alike each time, so that a block once randomised stays as it is. The first of
/// `seeds` is used throughout, the others for the seed level.
///
/// # Errors
/// For no blocks or no seeds, maps of different sizes or not finite, and if `explain` fails.
pub fn parameter_randomisation(
    depth: usize,
    seeds: &[u64],
    mut explain: impl FnMut(usize, u64) -> Result<Vec<f32>>,
) -> Result<ParameterRandomisation> {
    super::checks::setting("depth", depth, depth > 0, "at least 1 block")?;
    let first = first_of(seeds)?;
    let trained = explain(depth, first)?;
    let seed_level = seed_level(&trained, seeds, |seed| explain(depth, seed))?;
    let layers = (0..depth).rev().map(|from| {
        let correlation = spearman(&trained, &explain(from, first)?)?;
        Ok(LayerCorrelation { from, correlation })
    });
    Ok(ParameterRandomisation {
        layers: layers.collect::<Result<_>>()?,
        seed_level,
    })
}

/// Explains an image against other captions, or a caption against other images (its tokens stay
/// the same, so scores can be compared).
///
/// `explain(partner, seed)` gives the map (row by row) or the scores. The first of `seeds` is used
/// throughout, the others for the seed level.
///
/// # Errors
/// For no other partner or no seeds, maps of different sizes or not finite, and if `explain` fails.
pub fn partner_randomisation(
    others: usize,
    seeds: &[u64],
    mut explain: impl FnMut(Partner, u64) -> Result<Vec<f32>>,
) -> Result<PartnerRandomisation> {
    super::checks::setting("others", others, others > 0, "at least 1 other partner")?;
    let first = first_of(seeds)?;
    let own = explain(Partner::True, first)?;
    let seed_level = seed_level(&own, seeds, |seed| explain(Partner::True, seed))?;
    let correlations = (0..others).map(|other| {
        let map = explain(Partner::Other(other), first)?;
        spearman(&own, &map)
    });
    Ok(PartnerRandomisation {
        correlations: correlations.collect::<Result<_>>()?,
        seed_level,
    })
}

fn first_of(seeds: &[u64]) -> Result<u64> {
    seeds.first().copied().ok_or(Error::Setting {
        argument: "the number of seeds",
        found: "0".into(),
        expected: "at least 1, and 2 for a seed level",
    })
}

fn seed_level(
    map: &[f32],
    seeds: &[u64],
    mut explain: impl FnMut(u64) -> Result<Vec<f32>>,
) -> Result<Option<f64>> {
    let others = seeds.iter().skip(1);
    let correlations = others.map(|&seed| spearman(map, &explain(seed)?));
    Ok(mean_of(
        correlations.collect::<Result<Vec<_>>>()?.into_iter(),
    ))
}

/// The mean of those that exist.
fn mean_of(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let mean = mean(values.flatten());
    mean.is_finite().then_some(mean)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RISING: [f32; 5] = [1.0, 2.0, 3.0, 4.0, 5.0];
    const FALLING: [f32; 5] = [5.0, 4.0, 3.0, 2.0, 1.0];

    #[test]
    fn blocks_are_randomised_from_the_top() {
        let mut asked = Vec::new();
        let found = parameter_randomisation(3, &[7, 8], |from, seed| {
            asked.push((from, seed));
            Ok(match from {
                2.. => RISING.to_vec(),
                1 => FALLING.to_vec(),
                _ => vec![0.5; 5],
            })
        });
        let found = found.unwrap();
        assert_eq!(asked, [(3, 7), (3, 8), (2, 7), (1, 7), (0, 7)]);
        let layers: Vec<_> = found
            .layers
            .iter()
            .map(|l| (l.from, l.correlation))
            .collect();
        assert_eq!(layers, [(2, Some(1.0)), (1, Some(-1.0)), (0, None)]);
        assert_eq!(found.seed_level, Some(1.0));
        assert_eq!(found.mean(), Some(0.0));
        assert_eq!(found.all_blocks(), None);
    }

    #[test]
    fn the_seed_level_is_the_mean_over_further_seeds() {
        let found = partner_randomisation(2, &[0, 1, 2], |partner, seed| {
            Ok(match (partner, seed) {
                (Partner::True, 0 | 1) | (Partner::Other(1), _) => RISING.to_vec(),
                _ => FALLING.to_vec(),
            })
        });
        let found = found.unwrap();
        assert_eq!(found.seed_level, Some(0.0));
        assert_eq!(found.correlations, [Some(-1.0), Some(1.0)]);
        assert_eq!(found.mean(), Some(0.0));
    }

    #[test]
    fn one_seed_has_no_level_and_none_is_refused() {
        let explain = |_, _| Ok(RISING.to_vec());
        let found = partner_randomisation(1, &[0], explain).unwrap();
        assert_eq!(found.seed_level, None);
        assert!(partner_randomisation(1, &[], explain).is_err());
        assert!(partner_randomisation(0, &[0], explain).is_err());
        assert!(parameter_randomisation(0, &[0], |_, _| Ok(RISING.to_vec())).is_err());
    }

    #[test]
    fn an_explainers_error_comes_through() {
        let found = parameter_randomisation(2, &[0], |from, _| match from {
            2 => Ok(RISING.to_vec()),
            _ => Err(Error::explainer("out of memory")),
        });
        assert!(matches!(found, Err(Error::Explainer(_))));
    }
}
