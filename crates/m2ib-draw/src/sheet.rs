//! Several pictures side by side, each with its name above.

use image::{RgbImage, imageops};

use crate::caption_panel::PAPER;
use crate::label;

/// Pictures narrower than this are enlarged by a whole factor, so that their names have room.
const READABLE: u32 = 180;
/// Between pictures.
const GAP: u32 = 10;
/// Of the names' letters, in pixels.
const LETTERS: f32 = 15.0;

/// Pictures with their names above, so many in a row, on white. Each has as much room as the largest of them.
///
/// ```
/// use image::RgbImage;
///
/// let sheet = m2ib_draw::sheet(&[("one", RgbImage::new(200, 100)), ("two", RgbImage::new(200, 100))], 2);
/// assert!(sheet.width() > 400 && sheet.height() > 100);
/// ```
pub fn sheet<S: AsRef<str>>(pictures: &[(S, RgbImage)], columns: usize) -> RgbImage {
    let nearest = imageops::FilterType::Nearest;
    let enlarged = pictures.iter().map(|(name, picture)| {
        let (width, height) = (picture.width().max(1), picture.height().max(1));
        let factor = READABLE.div_ceil(width);
        let picture = match factor {
            1 => picture.clone(),
            _ => imageops::resize(picture, width * factor, height * factor, nearest),
        };
        (name.as_ref(), picture)
    });
    let enlarged: Vec<(&str, RgbImage)> = enlarged.collect();
    let largest = |side: fn(&RgbImage) -> u32| {
        let sides = enlarged.iter().map(|(_, picture)| side(picture));
        sides.max().unwrap_or(1)
    };
    let (width, height) = (largest(RgbImage::width), largest(RgbImage::height));
    let names = enlarged.iter().map(|(name, _)| label(name, LETTERS, width));
    let names: Vec<RgbImage> = names.collect();
    let head = names.iter().map(RgbImage::height).max().unwrap_or(0);
    let columns = columns.clamp(1, pictures.len().max(1)) as u32;
    let rows = (pictures.len() as u32).div_ceil(columns);
    let (across, down) = (width + GAP, head + height + GAP);
    let mut sheet = RgbImage::from_pixel(GAP + columns * across, GAP + rows * down, PAPER);
    for (place, ((_, picture), name)) in (0..).zip(enlarged.iter().zip(&names)) {
        let left = i64::from(GAP + place % columns * across);
        let top = i64::from(GAP + place / columns * down);
        imageops::replace(&mut sheet, name, left, top);
        imageops::replace(&mut sheet, picture, left, top + i64::from(head));
    }
    sheet
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn pictures_stand_in_rows_under_their_names() {
        let [red, blue] = [[255, 0, 0], [0, 0, 255]].map(Rgb);
        let picture = |color| RgbImage::from_pixel(200, 100, color);
        let sheet = sheet(
            &[
                ("a", picture(red)),
                ("b", picture(blue)),
                ("c", picture(red)),
            ],
            2,
        );
        assert_eq!(sheet.width(), 10 + 2 * 210);
        let half = sheet.height() / 2;
        assert_eq!(*sheet.get_pixel(15, half - 10), red);
        assert_eq!(*sheet.get_pixel(225, half - 10), blue);
        assert_eq!(*sheet.get_pixel(15, sheet.height() - 15), red);
        assert_eq!(*sheet.get_pixel(225, sheet.height() - 15), PAPER);
        assert!(
            (10..30).any(|y| (10..30).any(|x| *sheet.get_pixel(x, y) != PAPER)),
            "a name"
        );
        let none: [(&str, RgbImage); 0] = [];
        assert!(super::sheet(&none, 3).width() > 0);
    }

    #[test]
    fn small_pictures_are_enlarged() {
        let sheet = sheet(&[("a", RgbImage::new(96, 96))], 1);
        assert_eq!(sheet.width(), 10 + 192 + 10);
    }
}
