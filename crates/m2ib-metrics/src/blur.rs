//! A Gaussian blur of normalised pixels, border pixels repeated outwards.

use imageproc::filter::gaussian_blur_f32;
use imageproc::image::{ImageBuffer, Luma};
use ndarray::{Array3, Axis};

use crate::checks::setting;
use crate::{Error, Result};

/// Pixels `[channels, height, width]` blurred with a deviation in pixels; 0 changes nothing.
///
/// The filter is cut at two deviations and each channel stays within its own range.
pub(crate) fn blurred(pixels: &Array3<f32>, deviation: f64) -> Result<Array3<f32>> {
    let valid = deviation.is_finite() && deviation >= 0.0;
    setting("blur", deviation, valid, "a finite number from 0 up")?;
    let mut output = pixels.clone();
    let (_, height, width) = pixels.dim();
    // Below a hundredth of a pixel the filter is one cell wide.
    if deviation < 0.01 {
        return Ok(output);
    }
    for mut channel in output.axis_iter_mut(Axis(0)) {
        let values: Vec<f32> = channel.iter().copied().collect();
        let image: ImageBuffer<Luma<f32>, _> =
            ImageBuffer::from_raw(width as u32, height as u32, values).ok_or_else(|| {
                Error::Shape {
                    argument: "pixels",
                    found: pixels.shape().to_vec(),
                    expected: "fewer than 2^32 rows and columns".into(),
                }
            })?;
        let soft = gaussian_blur_f32(&image, deviation as f32);
        channel
            .iter_mut()
            .zip(soft.iter())
            .for_each(|(pixel, &soft)| *pixel = soft);
    }
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_below_zero_and_above_one_survive() {
        let pixels = Array3::from_shape_fn((2, 9, 9), |(channel, _, x)| {
            let side = if x < 4 { -3.0 } else { 3.0 };
            side * (channel as f32 + 1.0)
        });
        let soft = blurred(&pixels, 1.0).unwrap();
        for (channel, high) in [(0, 3.0), (1, 6.0)] {
            // Far from the edge nothing changes; at the edge the sides mix.
            assert!((soft[[channel, 4, 0]] + high).abs() < 1e-5);
            assert!((soft[[channel, 4, 8]] - high).abs() < 1e-5);
            assert!(soft[[channel, 4, 4]].abs() < 0.9 * high);
            assert!(soft[[channel, 4, 4]] > 0.0);
        }
    }

    #[test]
    fn a_blur_spreads_a_point_and_keeps_its_sum() {
        let mut pixels = Array3::zeros((1, 21, 21));
        pixels[[0, 10, 10]] = 1.0;
        let soft = blurred(&pixels, 2.0).unwrap();
        assert!((soft.sum() - 1.0).abs() < 1e-5);
        // Neighbours at distance d: exp(−d² / 2σ²) of the centre.
        let ratio = f64::from(soft[[0, 10, 12]] / soft[[0, 10, 10]]);
        assert!((ratio - (-0.5f64).exp()).abs() < 1e-5, "{ratio}");
    }

    #[test]
    fn no_blur_and_bad_blur() {
        let pixels = Array3::from_shape_fn((1, 3, 4), |(_, y, x)| (x * y) as f32);
        assert_eq!(blurred(&pixels, 0.0).unwrap(), pixels);
        assert!(blurred(&pixels, -1.0).is_err());
        assert!(blurred(&pixels, f64::NAN).is_err());
    }
}
