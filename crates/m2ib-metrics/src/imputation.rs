//! Noisy linear imputation: removed pixels become what their neighbours suggest, plus a little
//! noise.
//!
//! Rong et al., *A Consistent and Efficient Evaluation Strategy for Attribution Methods (ROAD)*,
//! ICML 2022. Every removed pixel is set to the weighted mean of its eight neighbours, 1/6 for
//! those that share an edge and 1/12 for those at a corner (fewer at the image's border, the
//! weights then sum to less and are rescaled). Removed neighbours are unknowns themselves, so this
//! is a linear system,
//!
//! Σ_j w_ij (x_i − x_j) = 0 for each removed i, over its neighbours j in the image,
//!
//! symmetric and, as soon as one pixel is known, positive definite.

use ndarray::{Array2, Array3, Axis, Zip};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use crate::checks::{pixels as check_pixels, setting};
use crate::relaxation::relaxed;
use crate::{Error, Result};

/// Imputes the pixels `removed` names (`[height, width]`) in all channels of `pixels`
/// (`[channels, height, width]`, normalised), and adds Gaussian noise of deviation `noise` to
/// them. The same seed and mask give the same noise.
///
/// # Errors
/// For sizes that differ, non-finite pixels, a mask that leaves no pixel, or noise below 0.
pub fn impute(
    pixels: &Array3<f32>,
    removed: &Array2<bool>,
    noise: f64,
    seed: u64,
) -> Result<Array3<f32>> {
    check_pixels(pixels)?;
    setting(
        "noise",
        noise,
        noise.is_finite() && noise >= 0.0,
        "a finite number from 0 up",
    )?;
    let (_, height, width) = pixels.dim();
    if removed.dim() != (height, width) {
        return Err(Error::Shape {
            argument: "removed",
            found: removed.shape().to_vec(),
            expected: format!("that of the image, [{height}, {width}]"),
        });
    }
    let count = removed.iter().filter(|&&removed| removed).count();
    setting(
        "the number of removed pixels",
        count,
        count < removed.len(),
        "fewer than the image has: an imputation starts from what is left",
    )?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut output = pixels.clone();
    for mut channel in output.axis_iter_mut(Axis(0)) {
        let known = channel.mapv(f64::from);
        let filled = relaxed(&known, removed)?;
        Zip::from(&mut channel)
            .and(&filled)
            .and(removed)
            .for_each(|pixel, &value, &removed| {
                if removed {
                    let drawn: f64 = rng.sample(StandardNormal);
                    *pixel = (value + noise * drawn) as f32;
                }
            });
    }
    Ok(output)
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use proptest::prelude::*;

    use super::*;

    fn filled(values: &Array2<f32>, removed: &Array2<bool>) -> Array2<f32> {
        let pixels = values.clone().insert_axis(Axis(0));
        impute(&pixels, removed, 0.0, 0)
            .unwrap()
            .index_axis_move(Axis(0), 0)
    }

    #[test]
    fn one_pixel_is_the_weighted_mean_of_its_neighbours() {
        let values = array![[1.0, 2.0, 3.0], [4.0, 99.0, 5.0], [6.0, 7.0, 8.0]];
        let mut removed = Array2::from_elem((3, 3), false);
        removed[[1, 1]] = true;
        let expected = (2.0 + 4.0 + 5.0 + 7.0) / 6.0 + (1.0 + 3.0 + 6.0 + 8.0) / 12.0;
        assert!((filled(&values, &removed)[[1, 1]] - expected).abs() < 1e-5);
    }

    #[test]
    fn at_the_border_the_weights_that_are_there_count_as_all() {
        let values = array![[99.0, 2.0], [4.0, 8.0]];
        let removed = array![[true, false], [false, false]];
        let expected = (2.0 / 6.0 + 4.0 / 6.0 + 8.0 / 12.0) / (2.0 / 6.0 + 1.0 / 12.0);
        assert!((filled(&values, &removed)[[0, 0]] - expected).abs() < 1e-5);
    }

    #[test]
    fn two_neighbouring_pixels_are_solved_together() {
        // In a single row each is the mean of the pixels beside it: a straight line.
        let values = array![[0.0, 99.0, 99.0, 9.0]];
        let removed = array![[false, true, true, false]];
        let filled = filled(&values, &removed);
        assert!((filled[[0, 1]] - 3.0).abs() < 1e-5 && (filled[[0, 2]] - 6.0).abs() < 1e-5);
    }

    #[test]
    fn a_linear_picture_comes_back_from_its_frame() {
        // The mean of symmetric neighbours of a linear function is its value.
        let plane = Array2::from_shape_fn((60, 47), |(y, x)| 0.3 * y as f32 - 0.2 * x as f32);
        let hole = Array2::from_shape_fn(plane.dim(), |(y, x)| {
            (1..59).contains(&y) && (1..46).contains(&x)
        });
        let filled = filled(&plane, &hole);
        let worst = (&filled - &plane).iter().fold(0f32, |w, d| w.max(d.abs()));
        assert!(worst < 1e-4, "{worst}");
    }

    #[test]
    fn noise_has_its_deviation_and_only_removed_pixels_get_it() {
        let pixels = Array3::from_elem((3, 40, 40), 0.5);
        let removed = Array2::from_shape_fn((40, 40), |(y, _)| y > 3);
        let noisy = impute(&pixels, &removed, 0.01, 7).unwrap();
        let noise: Vec<f64> = noisy
            .indexed_iter()
            .filter(|((_, y, _), _)| *y > 3)
            .map(|(_, &x)| f64::from(x) - 0.5)
            .collect();
        let square = noise.iter().map(|x| x * x).sum::<f64>() / noise.len() as f64;
        assert!((square.sqrt() - 0.01).abs() < 5e-4, "{}", square.sqrt());
        let mut known = noisy.indexed_iter().filter(|((_, y, _), _)| *y <= 3);
        assert!(known.all(|(_, &x)| x == 0.5));
        assert_eq!(noisy, impute(&pixels, &removed, 0.01, 7).unwrap());
        assert_ne!(noisy, impute(&pixels, &removed, 0.01, 8).unwrap());
    }

    #[test]
    fn a_large_image_with_little_left_is_solved() {
        let pixels =
            Array3::from_shape_fn((1, 224, 224), |(_, y, x)| ((x * 7 + y * 3) % 11) as f32);
        let removed = Array2::from_shape_fn((224, 224), |(y, x)| y > 20 || x > 60);
        let filled = impute(&pixels, &removed, 0.0, 0).unwrap();
        assert!(filled.iter().all(|x| (-1e-3..=10.001).contains(x)));
    }

    #[test]
    fn nothing_left_is_an_error() {
        let pixels = Array3::zeros((3, 2, 2));
        let error = impute(&pixels, &Array2::from_elem((2, 2), true), 0.0, 0).unwrap_err();
        assert!(
            error.to_string().contains("is 4, expected fewer"),
            "{error}"
        );
        assert!(impute(&pixels, &Array2::from_elem((2, 3), false), 0.0, 0).is_err());
    }

    proptest! {
        /// The equations themselves, written out neighbour by neighbour.
        #[test]
        fn every_removed_pixel_is_its_neighbours_mean(
            (rows, columns) in (1usize..9, 2usize..9), bits in prop::collection::vec(any::<bool>(), 81),
            values in prop::collection::vec(-3f32..3.0, 81),
        ) {
            let values = Array2::from_shape_fn((rows, columns), |(y, x)| values[y * 9 + x]);
            let mut removed = Array2::from_shape_fn((rows, columns), |(y, x)| bits[y * 9 + x]);
            removed[[rows - 1, 0]] = false;
            let filled = filled(&values, &removed).mapv(f64::from);
            for ((y, x), &value) in filled.indexed_iter() {
                if !removed[[y, x]] {
                    prop_assert_eq!(value, f64::from(values[[y, x]]));
                    continue;
                }
                let (mut sum, mut weights) = (0.0, 0.0);
                for (ny, nx) in neighbourhood(y, x, rows, columns) {
                    let weight = if ny == y || nx == x { 1.0 / 6.0 } else { 1.0 / 12.0 };
                    sum += weight * filled[[ny, nx]];
                    weights += weight;
                }
                prop_assert!((value - sum / weights).abs() < 1e-4, "{value} {}", sum / weights);
            }
        }
    }

    /// The neighbours of a pixel within the image.
    fn neighbourhood(y: usize, x: usize, rows: usize, columns: usize) -> Vec<(usize, usize)> {
        let near = |at: usize, end: usize| at.saturating_sub(1)..(at + 2).min(end);
        let all = near(y, rows).flat_map(|ny| near(x, columns).map(move |nx| (ny, nx)));
        all.filter(|&place| place != (y, x)).collect()
    }
}
