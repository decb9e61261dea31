//! Which word goes with which patch, as a picture: a small map for each word.

use image::{DynamicImage, Rgb, RgbImage, imageops};
use m2ib_attribution::{Attribution, Interactions};

use crate::caption_panel::{INK, PAPER};
use crate::contrast::over;
use crate::fonts::Typesetter;
use crate::visible::visible;

/// A panel is about so wide.
const PANEL: u32 = 150;

/// The panels in rows, at a width in pixels.
pub(crate) fn word_panels(
    attribution: &Attribution,
    found: &Interactions,
    image: &DynamicImage,
    width: u32,
) -> RgbImage {
    let along = (width / PANEL).clamp(1, found.words.len().max(1) as u32);
    let gap = 10;
    let side = ((width - gap * (along + 1)) / along).min(PANEL * 2);
    let small = shrunk(image, side);
    let size = 15.0;
    let largest = found.largest();
    let mut type_ = Typesetter::new();
    let title = format!("which word goes with which patch, by {}", found.method);
    let mut title = type_.line(&title, size, (width - 2 * gap) as f32);
    let top = title.height.ceil() as u32 + gap;
    let line = small.height() + (size * 1.6) as u32 + gap;
    let rows = (found.words.len() as u32).div_ceil(along);
    let mut canvas = RgbImage::from_pixel(width, top + rows * line + gap, PAPER);
    type_.draw(
        &mut canvas,
        &mut title,
        (gap as f32, 0.0),
        Rgb([105, 105, 115]),
    );
    for (number, word) in (0..).zip(&found.words) {
        let (x, y) = (
            gap + number % along * (side + gap),
            top + number / along * line,
        );
        let panel = over(&attribution.image, &word.map, largest, &small, 1.0);
        imageops::replace(&mut canvas, &panel, i64::from(x), i64::from(y));
        let written = type_.line(&visible(&word.text), size, side as f32);
        let mut written = match written.complete {
            true => written,
            false => type_.line(&format!("word {}", number + 1), size, side as f32),
        };
        let at = (x as f32, (y + panel.height()) as f32);
        type_.draw(&mut canvas, &mut written, at, INK);
    }
    canvas
}

/// The image at a longer side of so many pixels.
fn shrunk(image: &DynamicImage, longest: u32) -> RgbImage {
    let (width, height) = (image.width().max(1), image.height().max(1));
    let of = |side: u32| {
        (u64::from(side) * u64::from(longest) / u64::from(width.max(height))).max(1) as u32
    };
    let filter = imageops::FilterType::Triangle;
    imageops::resize(&image.to_rgb8(), of(width), of(height), filter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fixture, overlay};

    #[test]
    fn every_word_has_its_panel() {
        let image: DynamicImage = RgbImage::from_pixel(96, 64, Rgb([120, 140, 160])).into();
        let plain = fixture::attribution(96, 64);
        let plain = overlay(&plain, &image).render_with_caption().unwrap();
        let attribution = fixture::interactions(96, 64);
        let picture = overlay(&attribution, &image).render_with_caption().unwrap();
        assert!(picture.height() > plain.height() + 100);
        let beneath = picture
            .enumerate_pixels()
            .filter(|(_, y, _)| *y > plain.height());
        let orange = beneath.filter(|(_, _, pixel)| pixel[0] > pixel[2].saturating_add(60));
        assert!(orange.count() > 1_000);
    }
}
