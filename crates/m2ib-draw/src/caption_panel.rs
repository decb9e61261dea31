//! The strip beneath the picture: the caption's words shaded by their scores, with their saliency, the
//! heat map's scale, and what is to be known before it is trusted.

use image::{Rgb, RgbImage};
use imageproc::drawing::draw_filled_rect_mut;
use imageproc::rect::Rect as Area;
use m2ib_attribution::{Attribution, TextAttribution, WordScore};

use crate::fonts::{Line, Typesetter};
use crate::number_format::NumberFormat;
use crate::visible::visible;
use crate::{ColorMap, blend};

pub(crate) const PAPER: Rgb<u8> = Rgb([255, 255, 255]);
pub(crate) const INK: Rgb<u8> = Rgb([28, 28, 32]);
const FAINT: Rgb<u8> = Rgb([105, 105, 115]);
/// What warnings are written in.
const CAUTION: Rgb<u8> = Rgb([150, 55, 0]);
/// What a word of score 1 lies on; dark ink stays readable on it.
const WARM: Rgb<u8> = Rgb([246, 130, 70]);

/// A word with its saliency, laid out.
struct Tile {
    word: Line,
    saliency: Line,
    shade: Rgb<u8>,
    /// Whether the word's number stands for it, because no font has its letters.
    is_numbered: bool,
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
    let notes_top = scale_top + em * 1.9;
    let mut notes = notes(&mut type_, attribution, &tiles, em * 0.62, room);
    let notes_height: f32 = notes.iter().map(|note| note.height + em * 0.2).sum();
    let height = (notes_top + notes_height + margin * 0.5).ceil() as u32;
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
    let mut top = notes_top;
    for note in &mut notes {
        type_.draw(&mut canvas, note, (margin, top), CAUTION);
        top += note.height + em * 0.2;
    }
    canvas
}

/// The warnings, and what this picture lacks.
fn notes(
    type_: &mut Typesetter,
    attribution: &Attribution,
    tiles: &[Tile],
    size: f32,
    room: f32,
) -> Vec<Line> {
    let warnings = attribution.warnings.iter();
    let texts: Vec<String> = warnings
        .map(|warning| format!("! {}", visible(&warning.to_string())))
        .collect();
    let mut lines: Vec<Line> = texts
        .iter()
        .map(|text| type_.line(text, size, room))
        .collect();
    let what = match tiles.iter().any(|tile| tile.is_numbered) {
        true => Some("of the caption, so some words are numbered in place of being written"),
        false if lines.iter().any(|line| !line.complete) => Some("of this, so dots stand for some"),
        false => None,
    };
    if let Some(what) = what {
        let lacking = format!(
            "! no font on this machine has all letters {what}; install a font that has them (Noto Sans, Noto \
             Sans CJK), or read them on the page or in the terminal"
        );
        lines.push(type_.line(&lacking, size, room));
    }
    lines
}

fn tiles(type_: &mut Typesetter, text: &TextAttribution, em: f32, room: f32) -> Vec<Tile> {
    let words = text.words();
    let format = NumberFormat::column(words.iter().map(|word| word.saliency));
    let tile = |(number, word): (usize, WordScore)| {
        let written = type_.line(&visible(&word.text), em, room);
        let is_numbered = !written.complete;
        Tile {
            word: match is_numbered {
                true => type_.line(&format!("word {number}"), em, room),
                false => written,
            },
            saliency: type_.line(&format.write(word.saliency), em * 0.62, room),
            shade: blend(PAPER, WARM, 0.06 + 0.94 * word.score),
            is_numbered,
        }
    };
    (1..).zip(words).map(tile).collect()
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
    let lowest = patches.iter().copied().fold(f32::INFINITY, f32::min);
    let [low, high] = attribution.image.scale().unwrap_or([lowest; 2]);
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
    use m2ib_attribution::Warning;

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
    fn warnings_and_missing_letters_are_written_beneath() {
        let mut attribution = fixture::attribution(200, 100);
        let panel = |attribution: &Attribution| caption_panel(attribution, ColorMap::Turbo, 600);
        let plain = panel(&attribution);
        attribution.warnings.push(Warning::FlatImageMap);
        let warned = panel(&attribution);
        let mut beneath = warned.enumerate_pixels();
        assert!(warned.height() > plain.height());
        assert!(beneath.any(|(_, y, pixel)| y > plain.height() - 9 && *pixel != PAPER));
        attribution.warnings.clear();
        // A letter that no font has.
        attribution.text = fixture::text("a b");
        let plain = panel(&attribution);
        attribution.text = fixture::text("a \u{10fffd}");
        assert!(panel(&attribution).height() > plain.height());
    }

    #[test]
    fn the_strongest_word_has_the_strongest_shade() {
        let attribution = fixture::attribution(200, 100);
        let canvas = caption_panel(&attribution, ColorMap::Viridis, 900);
        let full = canvas.pixels().filter(|pixel| **pixel == WARM).count();
        assert!(full > 200, "one tile is shaded fully, found {full} pixels");
    }
}
