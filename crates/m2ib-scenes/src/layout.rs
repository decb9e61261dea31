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

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn objects_are_inside_and_clear_of_each_other() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        for count in (1..=3).cycle().take(3_000) {
            let places = place(count, &mut rng);
            assert_eq!(places.len(), count);
            for (i, a) in places.iter().enumerate() {
                for at in a.centre {
                    assert!(at - a.side / 2.0 >= 0.0 && at + a.side / 2.0 <= SIZE as f32);
                }
                for b in &places[..i] {
                    let distance = f32::hypot(a.centre[0] - b.centre[0], a.centre[1] - b.centre[1]);
                    assert!(distance >= 0.479_99 * (a.side + b.side));
                }
            }
        }
    }

    #[test]
    fn sizes_and_turns_take_their_whole_range() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let alone: Vec<_> = (0..3_000).map(|_| place(1, &mut rng)[0]).collect();
        let range = |value: fn(&Placement) -> f32| {
            let values = || alone.iter().map(value);
            [
                values().fold(f32::MAX, f32::min),
                values().fold(f32::MIN, f32::max),
            ]
        };
        let near = |[a, b]: [f32; 2], [c, d]: [f32; 2]| (a - c).abs().max((b - d).abs());
        assert!(near(range(|place| place.side), [30.0, 76.0]) < 0.2);
        assert!(near(range(|place| place.rotation.to_degrees()), [-25.0, 25.0]) < 0.2);
        assert!(near(range(|place| place.brightness), [0.85, 1.1]) < 0.01);
        let mirrored = alone.iter().filter(|place| place.mirrored).count();
        assert!((1_350..1_650).contains(&mirrored), "{mirrored}");
    }
}
