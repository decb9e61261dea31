//! Where objects go: size, place, and how they are turned.

use std::f32::consts::PI;

use rand::{Rng, RngExt};

use crate::SIZE;

/// Longer sides in pixels, `[smallest, largest]`, of scenes with one, two and three objects.
const SIDES: [[f32; 2]; 3] = [[30.0, 76.0], [28.0, 54.0], [26.0, 42.0]];
/// Least distance of two centres as a share of the sum of their sides: ½ would keep circles apart.
const CLEARANCE: f32 = 0.48;
/// Places tried before all sides are drawn again, smaller.
const TRIES: usize = 20;
const SHRINKAGE: f32 = 0.95;
/// Largest rotation either way, in radians.
const TILT: f32 = 25.0 * PI / 180.0;
/// The range of factors on an object's colours.
const BRIGHTNESS: [f32; 2] = [0.85, 1.1];

/// How an object lies on the canvas.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// `[x, y]` of the centre in pixels from the top left corner.
    pub centre: [f32; 2],
    /// The longer side before rotation, in pixels.
    pub side: f32,
    /// In radians, clockwise.
    pub rotation: f32,
    /// Left and right exchanged, before rotation.
    pub mirrored: bool,
    /// A factor on the colours.
    pub brightness: f32,
}

/// Places for `count` objects that are inside the canvas and mostly clear of each other.
pub(crate) fn place(count: usize, rng: &mut impl Rng) -> Vec<Placement> {
    let [smallest, largest] = SIDES[count - 1];
    let mut shrinkage = 1.0;
    loop {
        let draw = |_| shrinkage * rng.random_range(smallest..largest);
        let sides: Vec<f32> = (0..count).map(draw).collect();
        for _ in 0..TRIES {
            let centres: Vec<_> = sides.iter().map(|&side| centre(side, rng)).collect();
            if clear(&sides, &centres) {
                let places = sides.into_iter().zip(centres);
                return places
                    .map(|(side, centre)| Placement {
                        centre,
                        side,
                        rotation: rng.random_range(-TILT..TILT),
                        mirrored: rng.random(),
                        brightness: rng.random_range(BRIGHTNESS[0]..BRIGHTNESS[1]),
                    })
                    .collect();
            }
        }
        shrinkage *= SHRINKAGE;
    }
}

fn centre(side: f32, rng: &mut impl Rng) -> [f32; 2] {
    let mut draw = || rng.random_range(0.5 * side..SIZE as f32 - 0.5 * side);
    [draw(), draw()]
}

fn clear(sides: &[f32], centres: &[[f32; 2]]) -> bool {
    let apart = |i: usize, j: usize| {
        let ([x, y], [other_x, other_y]) = (centres[i], centres[j]);
        let (dx, dy) = (x - other_x, y - other_y);
        (dx * dx + dy * dy).sqrt() >= CLEARANCE * (sides[i] + sides[j])
    };
    (1..sides.len()).all(|i| (0..i).all(|j| apart(i, j)))
}
