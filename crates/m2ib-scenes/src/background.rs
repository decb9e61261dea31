//! What is behind the objects: plain, shaded, blotched or striped, and a little noisy.

use std::f32::consts::TAU;

use rand::{Rng, RngExt};

use crate::SIZE;
use crate::normal::NormalTable;
use crate::upsampling::Upsampling;

/// Share of pictures drawn towards white, and what is left of their contrast.
const PALE: f32 = 0.33;
const PALE_CONTRAST: f32 = 0.4;
/// Largest standard deviation of the noise, of a range of 1.
const NOISE: f32 = 0.05;

type Colour = [f32; 3];

/// Draws backgrounds; holds the tables for it.
#[derive(Debug)]
pub(crate) struct Backgrounds {
    normal: NormalTable,
    /// From 3, 6 and 12 cells a side.
    blotches: [Upsampling; 3],
}

impl Backgrounds {
    pub(crate) fn new() -> Self {
        Self {
            normal: NormalTable::new(),
            blotches: [3, 6, 12].map(Upsampling::from),
        }
    }

    /// # Shapes
    /// `[SIZE, SIZE]` colours row by row, in 0..=1.
    pub(crate) fn draw(&self, rng: &mut impl Rng) -> Vec<Colour> {
        let base: Colour = rng.random();
        let mut canvas = match rng.random_range(0..5_u32) {
            0 => vec![base; SIZE * SIZE],
            1 => gradient(base, rng),
            2 => self.coarse(base, rng),
            3 => self.fine(base, rng),
            _ => stripes(base, rng),
        };
        let pale = rng.random::<f32>() < PALE;
        let contrast = if pale { PALE_CONTRAST } else { 1.0 };
        for value in canvas.as_flattened_mut() {
            *value = value.clamp(0.0, 1.0) * contrast + (1.0 - contrast);
        }
        let deviation = NOISE * rng.random::<f32>();
        self.normal.add(canvas.as_flattened_mut(), deviation, rng);
        for value in canvas.as_flattened_mut() {
            *value = value.clamp(0.0, 1.0);
        }
        canvas
    }

    /// Large soft blotches.
    fn coarse(&self, base: Colour, rng: &mut impl Rng) -> Vec<Colour> {
        let amplitude = amplitude(rng);
        let mut canvas = noise(&self.blotches[0], rng);
        for colour in &mut canvas {
            for (value, base) in colour.iter_mut().zip(base) {
                *value = base + amplitude * (*value - 0.5);
            }
        }
        canvas
    }

    /// Blotches of three sizes on each other.
    fn fine(&self, base: Colour, rng: &mut impl Rng) -> Vec<Colour> {
        let amplitude = 1.4 * amplitude(rng);
        let [mut canvas, middle, small] = [0, 1, 2].map(|i| noise(&self.blotches[i], rng));
        let others = middle.as_flattened().iter().zip(small.as_flattened());
        for (value, (middle, small)) in canvas.as_flattened_mut().iter_mut().zip(others) {
            *value = amplitude * (0.5 * *value + 0.3 * middle + 0.3 * small - 0.55);
        }
        for colour in &mut canvas {
            for (value, base) in colour.iter_mut().zip(base) {
                *value += base;
            }
        }
        canvas
    }
}

fn amplitude(rng: &mut impl Rng) -> f32 {
    rng.random_range(0.3..1.0)
}

/// Uniform colours, one a cell, made smooth; in 0..=1.
fn noise(upsampling: &Upsampling, rng: &mut impl Rng) -> Vec<Colour> {
    let cells = upsampling.cells * upsampling.cells;
    let grid: Vec<Colour> = (0..cells).map(|_| rng.random()).collect();
    let mut canvas = upsampling.apply(&grid);
    for value in canvas.as_flattened_mut() {
        *value = value.clamp(0.0, 1.0);
    }
    canvas
}

/// From one colour to another across the picture, in any direction.
fn gradient(base: Colour, rng: &mut impl Rng) -> Vec<Colour> {
    let other: Colour = rng.random();
    let (sin, cos) = libm::sincosf(rng.random_range(0.0..TAU));
    let place = |i: usize| i as f32 / (SIZE - 1) as f32 - 0.5;
    let share = |i| place(i % SIZE) * cos + place(i / SIZE) * sin + 0.5;
    let pixels = (0..SIZE * SIZE).map(|i| mix(base, other, share(i).clamp(0.0, 1.0)));
    pixels.collect()
}

/// Stripes in any direction, two to eight across, halfway towards another colour.
fn stripes(base: Colour, rng: &mut impl Rng) -> Vec<Colour> {
    let other: Colour = rng.random();
    let (sin, cos) = libm::sincosf(rng.random_range(0.0..TAU));
    let cycles = rng.random_range(2.0..8.0_f32) / (SIZE - 1) as f32;
    let phase: f32 = rng.random();
    let (across, down) = (cycles * cos, cycles * sin);
    // Whether a pixel is on a stripe; a pixel more on every side than the picture has.
    let wide = SIZE + 2;
    let on = |i: usize| {
        let along = (i % wide) as f32 * across + (i / wide) as f32 * down;
        // Positive, so that the cast rounds down.
        let cycle = along + phase + 32.0;
        u8::from(cycle - (cycle as u32 as f32) < 0.5)
    };
    let on: Vec<u8> = (0..wide * wide).map(on).collect();
    // Edges are softened by the mean of three by three.
    let share = |i: usize| {
        let first = i / SIZE * wide + i % SIZE;
        let rows = [first, first + wide, first + 2 * wide];
        let count = rows.map(|at| on[at] + on[at + 1] + on[at + 2]);
        f32::from(count[0] + count[1] + count[2]) / 9.0
    };
    let pixels = (0..SIZE * SIZE).map(|i| mix(base, other, 0.5 * share(i)));
    pixels.collect()
}

fn mix(from: Colour, to: Colour, share: f32) -> Colour {
    let channel = |i: usize| from[i] + (to[i] - from[i]) * share;
    [channel(0), channel(1), channel(2)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    /// Over 400 pictures: mean, and mean deviation of pixels from their left neighbour.
    fn measure(draw: impl Fn(&Backgrounds, &mut ChaCha8Rng) -> Vec<Colour>) -> (f32, f32) {
        let backgrounds = Backgrounds::new();
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let (mut mean, mut step) = (0.0, 0.0);
        for _ in 0..400 {
            let canvas = draw(&backgrounds, &mut rng);
            assert_eq!(canvas.len(), SIZE * SIZE);
            let red: Vec<f32> = canvas.iter().map(|colour| colour[0]).collect();
            mean += red.iter().sum::<f32>() / (400 * red.len()) as f32;
            for row in red.chunks(SIZE) {
                let steps = row.windows(2).map(|pair| (pair[1] - pair[0]).abs());
                step += steps.sum::<f32>() / (400 * SIZE * (SIZE - 1)) as f32;
            }
        }
        (mean, step)
    }

    const BASE: Colour = [0.5; 3];

    #[test]
    fn colours_are_in_range_and_a_third_is_paled() {
        let (mean, step) = measure(|backgrounds, rng| {
            let canvas = backgrounds.draw(rng);
            assert!(
                canvas
                    .as_flattened()
                    .iter()
                    .all(|value| (0.0..=1.0).contains(value))
            );
            canvas
        });
        // (1 − .33) · .5 + .33 · .8, but for the part of the noise below 0 and above 1.
        assert!((mean - 0.6).abs() < 0.04, "{mean}");
        // Noise alone: 2 σ / √π with σ .025 on average.
        assert!((0.02..0.06).contains(&step), "{step}");
    }

    #[test]
    fn kinds_are_centred_on_their_colours_and_ever_finer() {
        let (gradient, slope) = measure(|_, rng| gradient(BASE, rng));
        let (coarse, large) = measure(|backgrounds, rng| backgrounds.coarse(BASE, rng));
        let (fine, small) = measure(|backgrounds, rng| backgrounds.fine(BASE, rng));
        let (striped, edges) = measure(|_, rng| stripes(BASE, rng));
        for mean in [gradient, coarse, fine, striped] {
            assert!((mean - 0.5).abs() < 0.03, "{mean}");
        }
        assert!(slope < large && large < small, "{slope} {large} {small}");
        assert!(edges > slope);
    }

    #[test]
    fn stripes_are_as_many_as_they_should_be() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for _ in 0..200 {
            let canvas = stripes(BASE, &mut rng);
            let changes = |line: Vec<f32>| {
                let off = |value: &f32| (value - 0.5).abs() < 1e-6;
                line.windows(2)
                    .filter(|pair| off(&pair[0]) != off(&pair[1]))
                    .count()
            };
            let across = changes((0..SIZE).map(|x| canvas[40 * SIZE + x][0]).collect());
            let down = changes((0..SIZE).map(|y| canvas[y * SIZE + 40][0]).collect());
            // An edge each way per cycle; eight cycles at most along either axis.
            assert!(
                across.max(down) >= 2 && across.max(down) <= 17,
                "{across} {down}"
            );
        }
    }
}
