//! Sanity checks: does an explanation depend on what the model learnt, and on the partner?
//!
//! Adebayo et al., *Sanity Checks for Saliency Maps*, NeurIPS 2018. Maps before and after a change
//! are compared by their [`Likeness`], lower is better: an explanation that stays the same explains
//! something else. What "the same" means for a method that draws random numbers is the *seed level*,
//! the likeness of maps that differ in the seed alone (1 for deterministic methods); no change can
//! be expected to show above it.
//!
//! All checks are drivers: they take a function that explains and know no model. Constant maps
//! have no order; a comparison with one is left out of means.

use crate::likeness::Likeness;
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
}

impl ParameterRandomisation {
    /// Mean correlation over the layers.
    pub fn mean(&self) -> Option<f64> {
        let mean = mean(self.layers.iter().filter_map(|layer| layer.correlation));
        mean.is_finite().then_some(mean)
    }

    /// The correlation with every block randomised.
    pub fn all_blocks(&self) -> Option<f64> {
        self.layers.last()?.correlation
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
/// `explain(from)` gives the map (row by row) with blocks `from..depth` randomised, `from` = `depth`
/// being the trained model; it is asked for `depth`, then `depth` − 1 down to 0. Weights should be
/// drawn alike each time, so that a block once randomised stays as it is.
///
/// # Errors
/// For no blocks, maps of different sizes or not finite, and if `explain` fails.
pub fn parameter_randomisation(
    depth: usize,
    mut explain: impl FnMut(usize) -> Result<Vec<f32>>,
) -> Result<ParameterRandomisation> {
    super::checks::setting("depth", depth, depth > 0, "at least 1 block")?;
    let trained = explain(depth)?;
    let layers = (0..depth).rev().map(|from| {
        let correlation = spearman(&trained, &explain(from)?)?;
        Ok(LayerCorrelation { from, correlation })
    });
    Ok(ParameterRandomisation {
        layers: layers.collect::<Result<_>>()?,
    })
}

/// Explains an image against other captions, or a caption against other images (its tokens stay
/// the same, so scores can be compared): how alike each is to the one against its own.
///
/// `explain(partner)` gives the map (row by row) or the scores.
///
/// # Errors
/// For no other partner, maps of different sizes or not finite, and if `explain` fails.
pub fn partner_randomisation(
    others: usize,
    mut explain: impl FnMut(Partner) -> Result<Vec<f32>>,
) -> Result<Vec<Likeness>> {
    super::checks::setting("others", others, others > 0, "at least 1 other partner")?;
    let own = explain(Partner::True)?;
    let others = (0..others).map(|other| Likeness::of(&own, &explain(Partner::Other(other))?));
    others.collect()
}

/// The seed level: how alike the map by the first seed is to those by the others. None by a single
/// one.
///
/// # Errors
/// For no seeds, maps of different sizes or not finite, and if `explain` fails.
pub fn seed_level(
    seeds: &[u64],
    mut explain: impl FnMut(u64) -> Result<Vec<f32>>,
) -> Result<Likeness> {
    let Some((&first, others)) = seeds.split_first() else {
        return Err(Error::Setting {
            argument: "the number of seeds",
            found: "0".into(),
            expected: "at least 1, and 2 for a seed level",
        });
    };
    if others.is_empty() {
        return Ok(Likeness::default());
    }
    let map = explain(first)?;
    let others = others.iter();
    let alike = others.map(|&seed| Likeness::of(&map, &explain(seed)?));
    Ok(Likeness::mean(&alike.collect::<Result<Vec<_>>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RISING: [f32; 5] = [1.0, 2.0, 3.0, 4.0, 5.0];
    const FALLING: [f32; 5] = [5.0, 4.0, 3.0, 2.0, 1.0];

    #[test]
    fn blocks_are_randomised_from_the_top() {
        let mut asked = Vec::new();
        let found = parameter_randomisation(3, |from| {
            asked.push(from);
            Ok(match from {
                2.. => RISING.to_vec(),
                1 => FALLING.to_vec(),
                _ => vec![0.5; 5],
            })
        });
        let found = found.unwrap();
        assert_eq!(asked, [3, 2, 1, 0]);
        let layers: Vec<_> = found
            .layers
            .iter()
            .map(|l| (l.from, l.correlation))
            .collect();
        assert_eq!(layers, [(2, Some(1.0)), (1, Some(-1.0)), (0, None)]);
        assert_eq!(found.mean(), Some(0.0));
        assert_eq!(found.all_blocks(), None);
    }

    #[test]
    fn other_partners_are_held_against_the_own_one() {
        let found = partner_randomisation(2, |partner| {
            Ok(match partner {
                Partner::True | Partner::Other(1) => RISING.to_vec(),
                Partner::Other(_) => FALLING.to_vec(),
            })
        });
        let found = found.unwrap();
        let correlations = found.iter().map(|alike| alike.correlation);
        assert_eq!(correlations.collect::<Vec<_>>(), [Some(-1.0), Some(1.0)]);
        let overlaps = found.iter().map(|alike| alike.overlap);
        assert_eq!(overlaps.collect::<Vec<_>>(), [Some(0.0), Some(1.0)]);
    }

    #[test]
    fn the_seed_level_is_the_mean_over_further_seeds() {
        let found = seed_level(&[0, 1, 2], |seed| {
            Ok(match seed {
                0 | 1 => RISING.to_vec(),
                _ => FALLING.to_vec(),
            })
        });
        let found = found.unwrap();
        assert_eq!((found.correlation, found.overlap), (Some(0.0), Some(0.5)));
    }

    #[test]
    fn one_seed_has_no_level_and_none_is_refused() {
        assert_eq!(
            seed_level(&[0], |_| Ok(RISING.to_vec())).unwrap(),
            Likeness::default()
        );
        assert!(seed_level(&[], |_| Ok(RISING.to_vec())).is_err());
        assert!(partner_randomisation(0, |_| Ok(RISING.to_vec())).is_err());
        assert!(parameter_randomisation(0, |_| Ok(RISING.to_vec())).is_err());
    }

    #[test]
    fn an_explainers_error_comes_through() {
        let found = parameter_randomisation(2, |from| match from {
            2 => Ok(RISING.to_vec()),
            _ => Err(Error::explainer("out of memory")),
        });
        assert!(matches!(found, Err(Error::Explainer(_))));
    }
}
