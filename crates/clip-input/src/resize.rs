//! Antialiased separable resizing that equals Pillow's to the byte.
//!
//! CLIP's embeddings were learnt on what Pillow makes of an image, and the crates that resize
//! images differ from it by up to 6 of 255 levels. This is Pillow's scheme for 8-bit images: the
//! filter, widened by the scale where the image shrinks, is sampled at pixel centres, normalised,
//! and rounded to 22-bit fixed point; one axis after the other, each pass rounded to 8 bits.

use std::ops::Range;

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

    /// What place `index` of `output` is made of when `input` places are resized to so many: the first of
    /// them that counts, and the weights of it and of those next to it, which add up to 1. Widened where
    /// places become fewer, as Pillow and PyTorch (with antialiasing) do.
    pub fn window(self, input: usize, output: usize, index: usize) -> (usize, Vec<f64>) {
        let scale = input as f64 / output as f64;
        let widening = scale.max(1.0);
        let support = self.support() * widening;
        let center = (index as f64 + 0.5) * scale;
        let start = (center - support + 0.5).max(0.0) as usize;
        let end = ((center + support + 0.5) as usize).min(input);
        let weights =
            (start..end).map(|place| self.weight((place as f64 - center + 0.5) * (1.0 / widening)));
        let weights: Vec<f64> = weights.collect();
        let sum: f64 = weights.iter().sum();
        (
            start,
            weights.into_iter().map(|weight| weight / sum).collect(),
        )
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

/// The weights of one output pixel: the first input pixel, counted from the pass's first, and one
/// weight for it and each next.
struct Window {
    start: usize,
    weights: Vec<i32>,
}

/// Resizing along one axis.
struct Pass {
    /// Input pixels that some output pixel is made from.
    input: Range<usize>,
    windows: Vec<Window>,
}

impl Pass {
    /// The output pixels in `range` of `input` pixels resized to `output`.
    fn new(input: u32, output: u32, range: Range<u32>, filter: Filter) -> Self {
        let mut windows: Vec<Window> = if input == output {
            let whole = |index| Window {
                start: index as usize,
                weights: vec![1 << PRECISION],
            };
            range.map(whole).collect()
        } else {
            windows(input as usize, output as usize, range, filter)
        };
        let start = windows.first().map_or(0, |window| window.start);
        let end = windows
            .last()
            .map_or(0, |window| window.start + window.weights.len());
        windows.iter_mut().for_each(|window| window.start -= start);
        Self {
            input: start..end,
            windows,
        }
    }

    /// Resizes `rows` of an image along x, the pass's input beginning at column `left`.
    fn across(&self, image: &RgbImage, left: usize, rows: Range<usize>) -> RgbImage {
        let height = rows.len() as u32;
        let row_bytes = image.width() as usize * 3;
        let pixels = image.as_raw()[rows.start * row_bytes..rows.end * row_bytes]
            .chunks_exact(row_bytes)
            .flat_map(|row| {
                self.windows
                    .iter()
                    .flat_map(move |Window { start, weights }| {
                        (0..3).map(move |c| weigh(row, (left + start) * 3 + c, weights, 3))
                    })
            })
            .collect();
        RgbImage::from_raw(self.windows.len() as u32, height, pixels).expect("three bytes a pixel")
    }

    /// Resizes `columns` of an image along y, the pass's input beginning at row `top`.
    fn down(&self, image: &RgbImage, top: usize, columns: Range<usize>) -> RgbImage {
        let width = columns.len() as u32;
        let row_bytes = image.width() as usize * 3;
        let bytes = columns.start * 3..columns.end * 3;
        let source = image.as_raw();
        let pixels = self
            .windows
            .iter()
            .flat_map(|Window { start, weights }| {
                let row = (top + start) * row_bytes;
                bytes
                    .clone()
                    .map(move |byte| weigh(source, row + byte, weights, row_bytes))
            })
            .collect();
        RgbImage::from_raw(width, self.windows.len() as u32, pixels).expect("three bytes a pixel")
    }
}

fn windows(input: usize, output: usize, range: Range<u32>, filter: Filter) -> Vec<Window> {
    let whole = f64::from(1 << PRECISION);
    let window = |index: u32| {
        let (start, weights) = filter.window(input, output, index as usize);
        let weights = weights.into_iter();
        let weights = weights.map(|weight| (weight * whole).round() as i32);
        Window {
            start,
            weights: weights.collect(),
        }
    };
    range.map(window).collect()
}

/// Weighs bytes that lie `stride` apart, the first at `offset`.
fn weigh(bytes: &[u8], offset: usize, weights: &[i32], stride: usize) -> u8 {
    let half = 1i32 << (PRECISION - 1);
    let sum = weights
        .iter()
        .enumerate()
        .fold(half, |sum, (index, weight)| {
            sum + i32::from(bytes[offset + index * stride]) * weight
        });
    (sum >> PRECISION).clamp(0, 255) as u8
}

/// Whether the pass along y comes first: where it takes away more than twice as many rows as the
/// other takes columns, so for pictures more than twice as tall as wide.
///
/// Pillow does so since version 13 (found by trial: 1,479 random sizes agree). Before, the pass
/// along x always came first; the rounding between the passes makes levels differ by one.
fn down_first(from: (u32, u32), to: (u32, u32)) -> bool {
    let columns = i64::from(from.0) - i64::from(to.0);
    let rows = i64::from(from.1) - i64::from(to.1);
    rows > 0 && rows > 2 * columns
}

/// Resizes to `width` × `height`, both positive.
pub fn resize(image: &RgbImage, width: u32, height: u32, filter: Filter) -> RgbImage {
    resize_part(image, (width, height), filter, 0..width, 0..height)
}

/// The given columns and rows of the image resized to `size`; no other pixel is computed, so that
/// a sliver of an image, resized by its short side, needs no more than its crop.
pub(crate) fn resize_part(
    image: &RgbImage,
    size: (u32, u32),
    filter: Filter,
    columns: Range<u32>,
    rows: Range<u32>,
) -> RgbImage {
    let across = Pass::new(image.width(), size.0, columns, filter);
    let down = Pass::new(image.height(), size.1, rows, filter);
    if down_first(image.dimensions(), size) {
        let shortened = down.down(image, down.input.start, across.input.clone());
        across.across(&shortened, 0, 0..down.windows.len())
    } else {
        let narrowed = across.across(image, across.input.start, down.input.clone());
        down.down(&narrowed, 0, 0..across.windows.len())
    }
}

/// The same by Pillow's nearest neighbour: for pictures whose pixels are numbers, between which nothing lies.
pub(crate) fn nearest_part(
    image: &RgbImage,
    size: (u32, u32),
    columns: Range<u32>,
    rows: Range<u32>,
) -> RgbImage {
    // Added up step by step, as there: a product may round to the other side of a pixel.
    let places = |input: u32, output: u32, range: Range<u32>| -> Vec<u32> {
        let step = f64::from(input) / f64::from(output);
        let centers = std::iter::successors(Some(step * 0.5), |center| Some(center + step));
        let places = centers.map(|center| (center as u32).min(input - 1));
        places
            .skip(range.start as usize)
            .take(range.len())
            .collect()
    };
    let columns = places(image.width(), size.0, columns);
    let rows = places(image.height(), size.1, rows);
    RgbImage::from_fn(columns.len() as u32, rows.len() as u32, |x, y| {
        *image.get_pixel(columns[x as usize], rows[y as usize])
    })
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

    proptest! {
        #[test]
        fn a_part_is_cut_from_the_whole(
            (w, h) in (1u32..30, 1u32..30), (to_w, to_h) in (1u32..40, 1u32..40),
            (x, y) in (0f64..1.0, 0f64..1.0), number in 1u64..6,
        ) {
            let image = RgbImage::from_fn(w, h, |x, y| image::Rgb([(x * y) as u8, x as u8 * 9, y as u8 * 8]));
            let filter = Filter::from_pillow(number).unwrap();
            let (left, top) = ((x * f64::from(to_w)) as u32, (y * f64::from(to_h)) as u32);
            let part = resize_part(&image, (to_w, to_h), filter, left..to_w, top..to_h);
            let whole = resize(&image, to_w, to_h, filter);
            let cut = image::imageops::crop_imm(&whole, left, top, to_w - left, to_h - top).to_image();
            prop_assert_eq!(part, cut);
        }
    }

    #[test]
    fn halving_with_a_box_averages_pairs() {
        let image = RgbImage::from_fn(4, 1, |x, _| image::Rgb([x as u8 * 10; 3]));
        let resized = resize(&image, 2, 1, Filter::Box);
        assert_eq!(resized.as_raw(), &[5, 5, 5, 25, 25, 25]);
    }
}
