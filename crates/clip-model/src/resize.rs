//! Antialiased separable resizing that equals Pillow's to the byte.
//!
//! CLIP's embeddings were learnt on what Pillow makes of an image, and the crates that resize
//! images differ from it by up to 6 of 255 levels. This is Pillow's scheme for 8-bit images: the
//! filter, widened by the scale where the image shrinks, is sampled at pixel centres, normalised,
//! and rounded to 22-bit fixed point; rows first, then columns, each pass rounded to 8 bits.

use image::RgbImage;

/// A resampling filter, by Pillow's number in `preprocessor_config.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// 1: Lanczos with three lobes.
    Lanczos,
    /// 2: triangle.
    Bilinear,
    /// 3: cubic with a = −0.5, CLIP's own.
    Bicubic,
    /// 4: box.
    Box,
    /// 5: Hamming-windowed sinc with one lobe.
    Hamming,
}

impl Filter {
    /// The filter with Pillow's number; 0 (nearest neighbour) is none of these.
    pub fn from_pillow(number: u64) -> Option<Self> {
        Some(match number {
            1 => Self::Lanczos,
            2 => Self::Bilinear,
            3 => Self::Bicubic,
            4 => Self::Box,
            5 => Self::Hamming,
            _ => return None,
        })
    }

    /// Half the filter's width at scale 1.
    fn support(self) -> f64 {
        match self {
            Self::Lanczos => 3.0,
            Self::Bicubic => 2.0,
            Self::Bilinear | Self::Hamming => 1.0,
            Self::Box => 0.5,
        }
    }

    fn weight(self, x: f64) -> f64 {
        let sinc = |x: f64| match x * std::f64::consts::PI {
            0.0 => 1.0,
            x => x.sin() / x,
        };
        let t = x.abs();
        match self {
            Self::Lanczos if t < 3.0 => sinc(x) * sinc(x / 3.0),
            Self::Bilinear if t < 1.0 => 1.0 - t,
            Self::Bicubic if t < 1.0 => (1.5 * t - 2.5) * t * t + 1.0,
            Self::Bicubic if t < 2.0 => ((-0.5 * t + 2.5) * t - 4.0) * t + 2.0,
            Self::Box if x > -0.5 && x <= 0.5 => 1.0,
            Self::Hamming if t < 1.0 => sinc(x) * (0.54 + 0.46 * (x * std::f64::consts::PI).cos()),
            _ => 0.0,
        }
    }
}

/// Bits of the fixed-point weights; Pillow leaves 8 for the pixel and 2 for the filter's overshoot.
const PRECISION: u32 = 32 - 8 - 2;

/// The weights of one output pixel: the first input pixel and one weight for it and each next.
struct Window {
    start: usize,
    weights: Vec<i32>,
}

fn windows(input: usize, output: usize, filter: Filter) -> Vec<Window> {
    let scale = input as f64 / output as f64;
    let widening = scale.max(1.0);
    let support = filter.support() * widening;
    let window = |index: usize| {
        let center = (index as f64 + 0.5) * scale;
        let start = (center - support + 0.5).max(0.0) as usize;
        let end = ((center + support + 0.5) as usize).min(input);
        let weights: Vec<f64> = (start..end)
            .map(|x| filter.weight((x as f64 - center + 0.5) * (1.0 / widening)))
            .collect();
        let sum: f64 = weights.iter().sum();
        let weights = weights
            .into_iter()
            .map(|weight| (weight / sum * f64::from(1 << PRECISION)).round() as i32)
            .collect();
        Window { start, weights }
    };
    (0..output).map(window).collect()
}

/// Weighs pixels of `row` that lie `stride` bytes apart, for the channel at `offset`.
fn weigh(pixels: &[u8], window: &Window, stride: usize, offset: usize) -> u8 {
    let half = 1i32 << (PRECISION - 1);
    let sum = window
        .weights
        .iter()
        .enumerate()
        .fold(half, |sum, (index, weight)| {
            sum + i32::from(pixels[offset + (window.start + index) * stride]) * weight
        });
    (sum >> PRECISION).clamp(0, 255) as u8
}

/// Resizes to `width` × `height`, both positive.
pub fn resize(image: &RgbImage, width: u32, height: u32, filter: Filter) -> RgbImage {
    let narrowed = if image.width() == width {
        image.clone()
    } else {
        let windows = windows(image.width() as usize, width as usize, filter);
        let row_bytes = image.width() as usize * 3;
        let pixels = image
            .as_raw()
            .chunks_exact(row_bytes)
            .flat_map(|row| {
                windows
                    .iter()
                    .flat_map(move |window| (0..3).map(move |c| weigh(row, window, 3, c)))
            })
            .collect();
        RgbImage::from_raw(width, image.height(), pixels).expect("three bytes a pixel")
    };
    if narrowed.height() == height {
        return narrowed;
    }
    let row_bytes = width as usize * 3;
    let source = narrowed.as_raw();
    let pixels = windows(narrowed.height() as usize, height as usize, filter)
        .iter()
        .flat_map(|window| (0..row_bytes).map(move |byte| weigh(source, window, row_bytes, byte)))
        .collect();
    RgbImage::from_raw(width, height, pixels).expect("three bytes a pixel")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Weights sum to one up to rounding, so a flat image stays flat under every filter.
        #[test]
        fn a_flat_image_stays_flat(
            (w, h) in (1u32..40, 1u32..40), (to_w, to_h) in (1u32..40, 1u32..40),
            level in any::<u8>(), number in 1u64..6,
        ) {
            let image = RgbImage::from_pixel(w, h, image::Rgb([level, 0, 255]));
            let filter = Filter::from_pillow(number).unwrap();
            let resized = resize(&image, to_w, to_h, filter);
            prop_assert_eq!(resized.dimensions(), (to_w, to_h));
            prop_assert!(resized.pixels().all(|pixel| pixel.0 == [level, 0, 255]));
        }
    }

    #[test]
    fn halving_with_a_box_averages_pairs() {
        let image = RgbImage::from_fn(4, 1, |x, _| image::Rgb([x as u8 * 10; 3]));
        let resized = resize(&image, 2, 1, Filter::Box);
        assert_eq!(resized.as_raw(), &[5, 5, 5, 25, 25, 25]);
    }
}
