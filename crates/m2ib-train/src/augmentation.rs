//! Small changes of a picture that leave true what is said of it, and the patches that are kept.

use clip_model::Patches;
use image::RgbImage;
use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

/// Farthest shift, in pixels of a picture of 96; what comes in is a reflection.
const SHIFT: i32 = 6;
/// How far brightness may be from 1.
const GAIN: f32 = 0.2;
/// How far a channel may be moved, in units of the preprocessed picture (−1 to 1).
const OFFSET: f32 = 0.1;

/// How one picture is changed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Augmentation {
    flip: bool,
    shift: [i32; 2],
    gain: f32,
    offsets: [f32; 3],
}

impl Augmentation {
    pub(crate) fn draw(rng: &mut impl Rng) -> Self {
        let mut shift = || rng.random_range(-SHIFT..=SHIFT);
        let shift = [shift(), shift()];
        let mut around = |middle: f32, width| middle + width * rng.random_range(-1.0..1.0);
        Self {
            shift,
            gain: around(1.0, GAIN),
            offsets: std::array::from_fn(|_| around(0.0, OFFSET)),
            flip: rng.random(),
        }
    }

    /// No change.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self {
            flip: false,
            shift: [0, 0],
            gain: 1.0,
            offsets: [0.0; 3],
        }
    }

    /// Adds the patches at `places` of the changed picture, preprocessed to −1 to 1 (the model's
    /// mean and deviation, .5 and .5).
    pub(crate) fn add_patches(
        &self,
        image: &RgbImage,
        side: usize,
        places: &[usize],
        patches: &mut Patches,
    ) {
        let (width, height) = (image.width() as usize, image.height() as usize);
        let raw = image.as_raw();
        let columns: Vec<usize> = (0..width)
            .map(|x| {
                let x = reflect(x as i32 + self.shift[0], width as i32);
                if self.flip { width - 1 - x } else { x }
            })
            .collect();
        for &place in places {
            let left = place % (width / side) * side;
            let top = place / (width / side) * side;
            for channel in 0..3 {
                let (scale, offset) = (self.gain / 127.5, self.offsets[channel] - self.gain);
                for y in top..top + side {
                    let y = reflect(y as i32 + self.shift[1], height as i32);
                    let row = &raw[y * width * 3..(y + 1) * width * 3];
                    let pixels = columns[left..left + side].iter();
                    let values = pixels.map(|&x| f32::from(row[x * 3 + channel]) * scale + offset);
                    patches.values.extend(values);
                }
            }
        }
        patches.places.extend_from_slice(places);
        patches.images += 1;
    }
}

/// A place outside `0..length` mirrored at the outermost pixels, which are not repeated.
fn reflect(at: i32, length: i32) -> usize {
    let last = (length - 1).max(1);
    let folded = at.rem_euclid(2 * last);
    folded.min(2 * last - folded).min(length - 1) as usize
}

/// `kept` of `patches` places, in order.
pub(crate) fn choose(patches: usize, kept: usize, rng: &mut impl Rng) -> Vec<usize> {
    let mut places: Vec<usize> = (0..patches).collect();
    if kept < patches {
        places.shuffle(rng);
        places.truncate(kept);
        places.sort_unstable();
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn reflection_does_not_repeat_the_edge() {
        let found: Vec<usize> = (-3..7).map(|at| reflect(at, 4)).collect();
        assert_eq!(found, [3, 2, 1, 0, 1, 2, 3, 2, 1, 0]);
    }

    #[test]
    fn an_unchanged_picture_is_what_the_processor_makes_of_it() {
        let image = RgbImage::from_fn(6, 6, |x, y| image::Rgb([(x * 40) as u8, (y * 40) as u8, 9]));
        let mut patches = Patches {
            values: Vec::new(),
            places: Vec::new(),
            images: 0,
        };
        Augmentation::none().add_patches(&image, 3, &[1, 2], &mut patches);
        let json = br#"{"size": 6, "crop_size": 6, "image_mean": [0.5, 0.5, 0.5],
            "image_std": [0.5, 0.5, 0.5]}"#;
        let processor = clip_input::ImageProcessor::from_json(json, "p.json").unwrap();
        let pixels = processor.process(&image::DynamicImage::from(image)).values;
        let at = |place: usize, channel: usize, y: usize, x: usize| {
            pixels[channel * 36 + (place / 2 * 3 + y) * 6 + place % 2 * 3 + x]
        };
        let expected = [1, 2]
            .into_iter()
            .flat_map(|place| (0..27).map(move |i| at(place, i / 9, i % 9 / 3, i % 3)));
        for (found, expected) in patches.values.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6);
        }
        assert_eq!((patches.places, patches.images), (vec![1, 2], 1));
    }

    #[test]
    fn a_flip_and_a_shift_move_pixels() {
        let image = RgbImage::from_fn(4, 4, |x, _| image::Rgb([(x * 10) as u8; 3]));
        let change = Augmentation {
            flip: true,
            shift: [1, 0],
            ..Augmentation::none()
        };
        let mut patches = Patches {
            values: Vec::new(),
            places: Vec::new(),
            images: 0,
        };
        change.add_patches(&image, 4, &[0], &mut patches);
        let row: Vec<i32> = patches.values[..4]
            .iter()
            .map(|value| ((value + 1.0) * 127.5).round() as i32)
            .collect();
        // Mirrored 30 20 10 0, moved one to the left, the edge reflected.
        assert_eq!(row, [20, 10, 0, 10]);
    }

    #[test]
    fn kept_patches_are_distinct() {
        let rng = &mut ChaCha8Rng::seed_from_u64(1);
        let mut places = choose(64, 32, rng);
        assert_eq!(places.len(), 32);
        places.dedup();
        assert_eq!(places.len(), 32);
        assert_eq!(choose(5, 5, rng), [0, 1, 2, 3, 4]);
    }
}
