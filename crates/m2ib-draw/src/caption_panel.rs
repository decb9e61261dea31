//! The strip beneath the picture: the caption's words shaded by their scores, with their saliency, and
//! the heat map's scale.

use image::{Rgb, RgbImage};
use imageproc::drawing::draw_filled_rect_mut;
use imageproc::rect::Rect as Area;
use m2ib_attribution::{Attribution, TextAttribution};

use crate::fonts::{Line, Typesetter};
use crate::number_format::NumberFormat;
use crate::{ColorMap, blend};

pub(crate) const PAPER: Rgb<u8> = Rgb([255, 255, 255]);
pub(crate) const INK: Rgb<u8> = Rgb([28, 28, 32]);
const FAINT: Rgb<u8> = Rgb([105, 105, 115]);
/// What a word of score 1 lies on; dark ink stays readable on it.
const WARM: Rgb<u8> = Rgb([246, 130, 70]);

/// A word with its saliency, laid out.
struct Tile {
    word: Line,
    saliency: Line,
    shade: Rgb<u8>,
}

impl Tile {
    fn width(&self) -> f32 {
        self.word.width.max(self.saliency.width)
    }
}

/// Draws the strip at a width in pixels; its height follows from the caption.
pub(crate) fn caption_panel(attribution: &Attribution, colors: ColorMap, width: u32) -> RgbImage {
    let em = (width as f32 / 30.0).clamp(15.0, 96.0).round();
    let (margin, padding) = (em * 0.9, em * 0.3);
    let room = width as f32 - 2.0 * margin;
    let mut type_ = Typesetter::new();
    let tiles = tiles(&mut type_, &attribution.text, em, room - 2.0 * padding);
    let right_to_left = type_
        .line(&attribution.text.caption.text, em, room)
        .right_to_left;

    let mut places = Vec::new();
    let (mut left, mut top, mut bottom) = (0.0, margin, margin);
    for tile in &tiles {
        let tile_width = tile.width() + 2.0 * padding;
        if left > 0.0 && left + tile_width > room {
            (left, top) = (0.0, bottom + em * 0.45);
        }
        let x = if right_to_left {
            room - left - tile_width
        } else {
            left
        };
        places.push((margin + x, top));
        left += tile_width + em * 0.3;
        bottom = bottom.max(top + tile.word.height + tile.saliency.height + padding);
    }

    let scale_top = bottom + em * 0.7;
    let height = (scale_top + em * 1.9 + margin * 0.5).ceil() as u32;
    let mut canvas = RgbImage::from_pixel(width, height, PAPER);
    for (mut tile, (x, y)) in tiles.into_iter().zip(places) {
        let tile_width = tile.width() + 2.0 * padding;
        fill(
            &mut canvas,
            (x, y),
            (tile_width, tile.word.height + padding),
            tile.shade,
        );
        let middle = |line: &Line| x + (tile_width - line.width) / 2.0;
        let (word_x, number_x) = (middle(&tile.word), middle(&tile.saliency));
        type_.draw(
            &mut canvas,
            &mut tile.word,
            (word_x, y + padding / 2.0),
            INK,
        );
        let number_y = y + tile.word.height + padding;
        type_.draw(&mut canvas, &mut tile.saliency, (number_x, number_y), FAINT);
    }
    scale(
        &mut canvas,
        &mut type_,
        attribution,
        colors,
        (margin, scale_top),
        (room, em),
    );
    canvas
}

fn tiles(type_: &mut Typesetter, text: &TextAttribution, em: f32, room: f32) -> Vec<Tile> {
    let words = text.words();
    let format = NumberFormat::column(words.iter().map(|word| word.saliency));
    words
        .into_iter()
        .map(|word| Tile {
            word: type_.line(&word.text, em, room),
            saliency: type_.line(&format.write(word.saliency), em * 0.62, room),
            shade: blend(PAPER, WARM, 0.06 + 0.94 * word.score),
        })
        .collect()
}

/// The bar of the heat map's colours, with the coldest and the hottest patch's saliency.
fn scale(
    canvas: &mut RgbImage,
    type_: &mut Typesetter,
    attribution: &Attribution,
    colors: ColorMap,
    (left, top): (f32, f32),
    (room, em): (f32, f32),
) {
    let table = colors.table();
    let bar = em * 0.3;
    for column in 0..room as u32 {
        let [r, g, b] = table[(column as f32 / room * 255.0) as usize];
        fill(
            canvas,
            (left + column as f32, top),
            (1.0, bar),
            Rgb([r, g, b]),
        );
    }
    let patches = attribution.image.saliency();
    let low = patches.iter().copied().fold(f32::INFINITY, f32::min);
    let high = patches.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let format = NumberFormat::column([low, high]);
    let mut label = |text: &str, align: f32| {
        let mut line = type_.line(text, em * 0.62, room);
        let x = left + (room - line.width) * align;
        type_.draw(canvas, &mut line, (x, top + bar * 1.5), FAINT);
    };
    label(&format.write(low), 0.0);
    label(&format!("{} per patch", attribution.image.unit), 0.5);
    label(&format.write(high), 1.0);
}

fn fill(canvas: &mut RgbImage, (x, y): (f32, f32), (width, height): (f32, f32), color: Rgb<u8>) {
    let size = |length: f32| length.round().max(1.0) as u32;
    let area = Area::at(x.round() as i32, y.round() as i32).of_size(size(width), size(height));
    draw_filled_rect_mut(canvas, area, color);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn the_strip_grows_with_the_caption_not_beyond_the_width() {
        let attribution = fixture::attribution(200, 100);
        let wide = caption_panel(&attribution, ColorMap::Turbo, 900);
        let narrow = caption_panel(&attribution, ColorMap::Turbo, 120);
        assert_eq!((wide.width(), narrow.width()), (900, 120));
        assert!(narrow.height() > 60);
        for canvas in [wide, narrow] {
            let border = canvas.enumerate_pixels().filter(|(x, y, _)| {
                *x == 0 || *y == 0 || *x == canvas.width() - 1 || *y == canvas.height() - 1
            });
            assert!(
                border.into_iter().all(|(_, _, pixel)| *pixel == PAPER),
                "nothing is cut off"
            );
        }
    }

    #[test]
    fn the_strongest_word_has_the_strongest_shade() {
        let attribution = fixture::attribution(200, 100);
        let canvas = caption_panel(&attribution, ColorMap::Viridis, 900);
        let full = canvas.pixels().filter(|pixel| **pixel == WARM).count();
        assert!(full > 200, "one tile is shaded fully, found {full} pixels");
    }
}
