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
            *colour = [0, 1, 2].map(|i| base[i] + amplitude * (colour[i] - 0.5));
        }
        canvas
    }

    /// Blotches of three sizes on each other.
    fn fine(&self, base: Colour, rng: &mut impl Rng) -> Vec<Colour> {
        let amplitude = 1.4 * amplitude(rng);
        let [mut canvas, middle, small] = [0, 1, 2].map(|i| noise(&self.blotches[i], rng));
        for ((colour, middle), small) in canvas.iter_mut().zip(&middle).zip(&small) {
            *colour = [0, 1, 2].map(|i| {
                let sum = 0.5 * colour[i] + 0.3 * middle[i] + 0.3 * small[i];
                base[i] + amplitude * (sum - 0.55)
            });
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
    [0, 1, 2].map(|i| from[i] + (to[i] - from[i]) * share)
}
