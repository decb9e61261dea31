//! Why this caption rather than that one, drawn: in two colours round zero, both ways side by side.

mod picture;
mod terminal;

pub(crate) use picture::{over, side_by_side};
pub(crate) use terminal::{difference, lines};

use image::{Rgb, Rgba, RgbaImage};
use m2ib_attribution::HeatMap;

use crate::blend;

/// What speaks for the caption, `--for` in pages' style. Told from the other colour by all kinds of colour blindness.
pub(crate) const FOR: Rgb<u8> = Rgb([224, 94, 0]);
/// What speaks for its rival, `--against` in pages' style.
pub(crate) const AGAINST: Rgb<u8> = Rgb([0, 98, 214]);

/// Below this share of the strongest, a place is left as it is: there is some everywhere.
const LEAST: f32 = 0.04;

/// How much of a colour a value takes, as a share of the strongest: little ones are seen, too.
pub(crate) fn cover(share: f32) -> f32 {
    let share = share.abs().min(1.0);
    match share < LEAST {
        true => 0.0,
        false => share.powf(0.8),
    }
}

/// A value's colour, `largest` the strongest.
pub(crate) fn color(value: f32) -> Rgb<u8> {
    if value < 0.0 { AGAINST } else { FOR }
}

/// The map in two colours, the fainter the smaller a value is; nothing where nothing was seen.
pub(crate) fn signed_layer(map: &HeatMap, largest: f32) -> RgbaImage {
    let (height, width) = map.values.dim();
    RgbaImage::from_fn(width as u32, height as u32, |x, y| {
        if !map.seen.contains(x, y) || largest <= 0.0 {
            return Rgba([0; 4]);
        }
        let share = map.values[[y as usize, x as usize]] / largest;
        let Rgb([r, g, b]) = color(share);
        Rgba([r, g, b, (cover(share) * 255.0).round() as u8])
    })
}

/// A photograph as the ground that two colours are told on: grey and light.
pub(crate) fn ground(Rgb([r, g, b]): Rgb<u8>) -> Rgb<u8> {
    let luma = 0.299 * f32::from(r) + 0.587 * f32::from(g) + 0.114 * f32::from(b);
    blend(Rgb([luma as u8; 3]), Rgb([255; 3]), 0.35)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_have_the_same_colours() {
        for (name, Rgb([r, g, b])) in [("for", FOR), ("against", AGAINST)] {
            let line = format!("--{name}: {r} {g} {b};");
            assert!(crate::PAGE_STYLE.contains(&line), "{line}");
        }
    }
}
