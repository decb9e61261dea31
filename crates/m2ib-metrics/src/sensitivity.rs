//! Sensitivity-max: how much does an explanation move when its input hardly does?
//!
//! Yeh et al., *On the (In)fidelity and Sensitivity of Explanations*, NeurIPS 2019:
//! max over draws of ‖Φ(x) − Φ(x + δ)‖ / ‖Φ(x)‖, δ uniform in ±radius at every number of the input.
//! 0 and up, lower is better; but a map that ignores its input has 0, so it says nothing alone.
//!
//! Pixels are normalised, so of size 1. Token embeddings are far smaller (about 0.01 in OpenAI's
//! models): for text the radius is a share of the embeddings' root mean square.
//!
//! A map of zeros that stays one has 0; if it does not stay zero, no ratio exists: `None`.

use ndarray::{Array, Array3, Dimension};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::checks::{finite, pixels as check_pixels, setting};
use crate::{Error, InputExplainer, Result};

/// How inputs are disturbed.
#[derive(Debug, Clone, PartialEq)]
pub struct SensitivitySettings {
    /// Largest change of a number; see the module for text.
    pub radius: f64,
    /// Draws that the maximum is taken of. More draws can only give more.
    pub draws: usize,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for SensitivitySettings {
    fn default() -> Self {
        Self {
            radius: 0.02,
            draws: 10,
            seed: 0,
        }
    }
}

/// Of an image's explanation: pixels `[3, height, width]`, normalised.
///
/// # Errors
/// For empty or non-finite input, no draws, a radius below 0, and if the explainer fails or gives
/// maps that are not finite or change their size.
pub fn image_sensitivity(
    explainer: &impl InputExplainer,
    pixels: &Array3<f32>,
    settings: &SensitivitySettings,
) -> Result<Option<f64>> {
    check_pixels(pixels)?;
    let explain = |pixels: &Array3<f32>| {
        let map = explainer.image(pixels)?;
        Ok(map.iter().copied().collect())
    };
    sensitivity(pixels, settings.radius, settings, explain)
}

/// Of a caption's explanation: all scores that the explainer gives.
///
/// # Errors
/// As [`image_sensitivity`].
pub fn text_sensitivity(
    explainer: &impl InputExplainer,
    settings: &SensitivitySettings,
) -> Result<Option<f64>> {
    let embeddings = explainer.embeddings()?;
    finite("the explainer's embeddings", &embeddings)?;
    let size = norm(embeddings.iter().map(|&x| x.into())) / (embeddings.len().max(1) as f64).sqrt();
    let explain = |embeddings: &_| explainer.text(embeddings);
    sensitivity(&embeddings, settings.radius * size, settings, explain)
}

fn sensitivity<D: Dimension>(
    input: &Array<f32, D>,
    radius: f64,
    settings: &SensitivitySettings,
    explain: impl Fn(&Array<f32, D>) -> Result<Vec<f32>>,
) -> Result<Option<f64>> {
    let valid = radius.is_finite() && radius >= 0.0;
    setting("radius", radius, valid, "a finite number from 0 up")?;
    setting("draws", settings.draws, settings.draws > 0, "at least 1")?;
    let explain = |input: &Array<f32, D>| {
        let map = explain(input)?;
        finite("the explainer's map", &map)?;
        Ok(map)
    };
    let map = explain(input)?;
    let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
    let mut largest = 0.0f64;
    for _ in 0..settings.draws {
        let disturbed = input.mapv(|x| {
            let change = (2.0 * rng.random::<f64>() - 1.0) * radius;
            (f64::from(x) + change) as f32
        });
        let other = explain(&disturbed)?;
        if other.len() != map.len() {
            return Err(Error::Shape {
                argument: "the explainer's map",
                found: vec![other.len()],
                expected: format!("that of the undisturbed input's, [{}]", map.len()),
            });
        }
        let pairs = map.iter().zip(&other);
        let moved = norm(pairs.map(|(&a, &b)| f64::from(a) - f64::from(b)));
        largest = largest.max(moved);
    }
    let size = norm(map.iter().map(|&x| x.into()));
    if largest == 0.0 {
        return Ok(Some(0.0));
    }
    Ok((size > 0.0).then(|| largest / size))
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|value| value * value).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Axis};

    use super::*;

    /// Maps are given functions of the input.
    struct Given(fn(f32) -> f32);

    impl InputExplainer for Given {
        fn image(&self, pixels: &Array3<f32>) -> Result<Array2<f32>> {
            Ok(pixels.index_axis(Axis(0), 0).mapv(self.0))
        }
        fn embeddings(&self) -> Result<Array2<f32>> {
            Ok(Array2::from_elem((4, 250), 0.01))
        }
        fn text(&self, embeddings: &Array2<f32>) -> Result<Vec<f32>> {
            Ok(embeddings.iter().map(|&x| (self.0)(x)).collect())
        }
    }

    fn settings(radius: f64, draws: usize) -> SensitivitySettings {
        SensitivitySettings {
            radius,
            draws,
            seed: 3,
        }
    }

    fn image(map: fn(f32) -> f32, settings: &SensitivitySettings) -> Option<f64> {
        let pixels = Array3::from_elem((1, 40, 40), 1.0);
        image_sensitivity(&Given(map), &pixels, settings).unwrap()
    }

    #[test]
    fn the_input_as_its_own_map_moves_by_the_noise() {
        // ‖δ‖ / ‖x‖ = radius / √3 where every number is 1; a factor cancels.
        let expected = 0.02 / 3f64.sqrt();
        let maps: [fn(f32) -> f32; 2] = [|x| x, |x| 7.0 * x];
        for map in maps {
            let found = image(map, &settings(0.02, 10)).unwrap();
            assert!((found - expected).abs() < 0.05 * expected, "{found}");
        }
        // Twice as far, twice as much; steep maps move more than their input.
        let wide = image(|x| x, &settings(0.04, 10)).unwrap();
        assert!((wide - 2.0 * expected).abs() < 0.1 * expected);
        let steep = image(|x| x.powi(3), &settings(0.02, 10)).unwrap();
        assert!((steep - 3.0 * expected).abs() < 0.2 * expected);
    }

    #[test]
    fn for_text_the_radius_is_a_share_of_the_embeddings_size() {
        let found = text_sensitivity(&Given(|x| x), &settings(0.02, 10)).unwrap();
        let expected = 0.02 / 3f64.sqrt();
        assert!(
            (found.unwrap() - expected).abs() < 0.05 * expected,
            "{found:?}"
        );
    }

    #[test]
    fn more_draws_can_only_give_more() {
        let few = image(|x| x, &settings(0.02, 2)).unwrap();
        let many = image(|x| x, &settings(0.02, 30)).unwrap();
        assert!(many >= few);
    }

    #[test]
    fn constant_maps_do_not_move_and_zero_has_no_share() {
        assert_eq!(image(|_| 0.3, &settings(0.02, 3)), Some(0.0));
        assert_eq!(image(|_| 0.0, &settings(0.02, 3)), Some(0.0));
        assert_eq!(
            image(|x| if x == 1.0 { 0.0 } else { x }, &settings(0.02, 3)),
            None
        );
    }

    #[test]
    fn maps_that_are_not_finite_are_errors() {
        let pixels = Array3::from_elem((1, 2, 2), 1.0);
        let broken = Given(|x| if x == 1.0 { x } else { f32::NAN });
        assert!(image_sensitivity(&broken, &pixels, &settings(0.02, 1)).is_err());
        assert!(image_sensitivity(&Given(|x| x), &pixels, &settings(-1.0, 1)).is_err());
        assert!(image_sensitivity(&Given(|x| x), &pixels, &settings(0.02, 0)).is_err());
    }
}
