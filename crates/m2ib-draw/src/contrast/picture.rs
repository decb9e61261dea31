//! Both ways of a contrast in one picture.

use image::{DynamicImage, Rgb, RgbImage, imageops};
use m2ib_attribution::{Attribution, Contrast, ImageAttribution, TextAttribution};
use ndarray::Array2;

use super::{AGAINST, FOR, cover, ground, signed_layer};
use crate::caption_panel::{INK, PAPER};
use crate::fonts::Typesetter;
use crate::number_format::NumberFormat;
use crate::visible::visible;
use crate::{Result, blend};

/// A panel is at least so wide: words stand beneath.
const NARROWEST: u32 = 360;
/// And at most: two of them stand side by side.
const WIDEST: u32 = 900;
const FAINT: Rgb<u8> = Rgb([105, 105, 115]);
const CAUTION: Rgb<u8> = Rgb([150, 55, 0]);

/// A map in two colours over a grey image of any size.
pub(crate) fn over(
    side: &ImageAttribution,
    map: &Array2<f32>,
    largest: f32,
    image: &RgbImage,
    opacity: f32,
) -> RgbImage {
    let (width, height) = image.dimensions();
    let layer = signed_layer(&side.values_at(map, width, height), largest);
    let mut canvas = image.clone();
    for (pixel, heat) in canvas.pixels_mut().zip(layer.pixels()) {
        let [r, g, b, alpha] = heat.0;
        *pixel = blend(
            ground(*pixel),
            Rgb([r, g, b]),
            f32::from(alpha) / 255.0 * opacity,
        );
    }
    canvas
}

/// The caption instead of its rival on the left, the rival instead of the caption on the right, each with
/// its words beneath; one scale for both.
///
/// # Errors
/// Those of [`check_size`](crate::overlay::check_size).
pub(crate) fn side_by_side(
    attribution: &Attribution,
    contrast: &Contrast,
    image: &DynamicImage,
    opacity: f32,
) -> Result<RgbImage> {
    crate::overlay::check_size(attribution, image)?;
    let shown = resized(image);
    let width = shown.width().max(NARROWEST);
    let em = (width as f32 / 22.0).clamp(14.0, 40.0).round();
    let gap = em as u32;
    let mut type_ = Typesetter::new();
    let rival = contrast.rival().map_or("", |rival| rival.name());
    let caption = &attribution.text.caption.text;
    let titles = [
        (format!("for \u{201c}{}\u{201d}", visible(caption)), FOR),
        (format!("for {}", quoted(rival)), AGAINST),
    ];
    let largest = contrast.largest(&attribution.image);
    let of_words = contrast.largest_word(&attribution.text);
    let forward = contrast.for_caption(&attribution.image);
    let reverse = -contrast.for_rival();
    let sides = [
        (&forward, Some(&attribution.text), FOR),
        (&reverse, contrast.reverse.text.as_ref(), AGAINST),
    ];
    let mut panels = Vec::new();
    for ((title, color), (map, text, shade)) in titles.into_iter().zip(sides) {
        let mut title = type_.line(&title, em, width as f32);
        let picture = over(&attribution.image, map, largest, &shown, opacity);
        let words = words(&mut type_, text, of_words, shade, width, em);
        let top = title.height + em * 0.3;
        let height = top.ceil() as u32 + picture.height() + words.height();
        let mut panel = RgbImage::from_pixel(width, height, PAPER);
        type_.draw(&mut panel, &mut title, (0.0, 0.0), color);
        let left = (width - picture.width()) / 2;
        imageops::replace(&mut panel, &picture, i64::from(left), top as i64);
        let below = i64::from(top as u32 + picture.height());
        imageops::replace(&mut panel, &words, 0, below);
        panels.push(panel);
    }
    let whole = 2 * width + 3 * gap;
    let tallest = panels.iter().map(RgbImage::height).max().unwrap_or(1);
    let foot = foot(
        &mut type_,
        attribution,
        contrast,
        largest,
        (whole - 2 * gap, em),
    );
    let mut canvas = RgbImage::from_pixel(whole, tallest + foot.height() + 2 * gap, PAPER);
    for (place, panel) in panels.iter().enumerate() {
        let left = gap + place as u32 * (width + gap);
        imageops::replace(&mut canvas, panel, i64::from(left), i64::from(gap));
    }
    imageops::replace(&mut canvas, &foot, i64::from(gap), i64::from(gap + tallest));
    Ok(canvas)
}

fn quoted(rival: &str) -> String {
    match rival {
        "an empty caption" => rival.into(),
        caption => format!("\u{201c}{}\u{201d}", visible(caption)),
    }
}

/// Small images enlarged by a whole factor, large ones made smaller.
fn resized(image: &DynamicImage) -> RgbImage {
    let (width, height) = (image.width().max(1), image.height().max(1));
    let image = image.to_rgb8();
    let longest = width.max(height);
    if longest > WIDEST {
        let scaled = |side: u32| (u64::from(side) * u64::from(WIDEST) / u64::from(longest)).max(1);
        let (width, height) = (scaled(width) as u32, scaled(height) as u32);
        return imageops::resize(&image, width, height, imageops::FilterType::Triangle);
    }
    let factor = NARROWEST.div_ceil(width).min((2 * WIDEST / longest).max(1));
    imageops::resize(
        &image,
        width * factor,
        height * factor,
        imageops::FilterType::Nearest,
    )
}

/// The words in a panel's width, each on its shade.
fn words(
    type_: &mut Typesetter,
    text: Option<&TextAttribution>,
    largest: f32,
    shade: Rgb<u8>,
    width: u32,
    em: f32,
) -> RgbImage {
    let words = text.map_or(Vec::new(), TextAttribution::words);
    let format = NumberFormat::column(words.iter().map(|word| word.saliency).chain([largest]));
    let (room, padding) = (width as f32, em * 0.3);
    let (mut left, mut top, mut bottom) = (0.0, em * 0.6, em * 0.6);
    let mut placed = Vec::new();
    for (number, word) in (1..).zip(&words) {
        let room_inside = room - 2.0 * padding;
        let written = type_.line(&visible(&word.text), em, room_inside);
        let written = match written.complete {
            true => written,
            false => type_.line(&format!("word {number}"), em, room_inside),
        };
        let value = type_.line(&format.write(word.saliency), em * 0.62, room);
        let tile = written.width.max(value.width) + 2.0 * padding;
        if left > 0.0 && left + tile > room {
            (left, top) = (0.0, bottom + em * 0.4);
        }
        bottom = bottom.max(top + written.height + padding + value.height);
        let share = word.saliency / largest.max(f32::MIN_POSITIVE);
        // Below 0 it speaks for the other side.
        let shade = match (share < 0.0, shade == FOR) {
            (false, _) => shade,
            (true, true) => AGAINST,
            (true, false) => FOR,
        };
        let fill = blend(PAPER, shade, 0.6 * cover(share));
        placed.push((written, value, fill, tile, left, top));
        left += tile + em * 0.25;
    }
    let mut canvas = RgbImage::from_pixel(width, (bottom + em * 0.5).ceil() as u32, PAPER);
    for (mut written, mut value, fill, tile, x, y) in placed {
        let area = (x, y, tile, written.height + padding);
        filled(&mut canvas, area, fill);
        let middle = |inner: f32| x + (tile - inner) / 2.0;
        let at = (middle(written.width), y + padding / 2.0);
        type_.draw(&mut canvas, &mut written, at, INK);
        let at = (middle(value.width), y + written.height + padding);
        type_.draw(&mut canvas, &mut value, at, FAINT);
    }
    canvas
}

/// The scale, what was held against what, and what is to be known before it is trusted.
fn foot(
    type_: &mut Typesetter,
    attribution: &Attribution,
    contrast: &Contrast,
    largest: f32,
    (width, em): (u32, f32),
) -> RgbImage {
    let size = em * 0.62;
    let room = width as f32;
    let mut lines = vec![(super::terminal::difference(attribution, contrast), FAINT)];
    let warnings = attribution.warnings.iter();
    lines.extend(warnings.map(|warning| (format!("! {}", visible(&warning.to_string())), CAUTION)));
    let lines = lines
        .into_iter()
        .map(|(text, color)| (type_.line(&text, size, room), color));
    let lines: Vec<_> = lines.collect();
    let bar = em * 0.35;
    let below = bar + em * 1.3;
    let height = below
        + lines
            .iter()
            .map(|(line, _)| line.height + em * 0.2)
            .sum::<f32>();
    let mut canvas = RgbImage::from_pixel(width, height.ceil() as u32, PAPER);
    for column in 0..width {
        let share = 1.0 - 2.0 * (column as f32 + 0.5) / room;
        let color = blend(ground(Rgb([150; 3])), super::color(share), cover(share));
        filled(&mut canvas, (column as f32, 0.0, 1.0, bar), color);
    }
    let written = NumberFormat::column([largest]).write(largest);
    let ends = [
        (format!("{written} for the caption"), 0.0),
        (format!("0 {} per patch", attribution.image.unit), 0.5),
        (format!("{written} for the rival"), 1.0),
    ];
    for (text, align) in ends {
        let mut line = type_.line(&text, size, room);
        let at = ((room - line.width) * align, bar * 1.4);
        type_.draw(&mut canvas, &mut line, at, FAINT);
    }
    let mut top = below;
    for (mut line, color) in lines {
        type_.draw(&mut canvas, &mut line, (0.0, top), color);
        top += line.height + em * 0.2;
    }
    canvas
}

fn filled(canvas: &mut RgbImage, (x, y, width, height): (f32, f32, f32, f32), color: Rgb<u8>) {
    let size = |length: f32| length.round().max(1.0) as u32;
    let area = imageproc::rect::Rect::at(x.round() as i32, y.round() as i32);
    let area = area.of_size(size(width), size(height));
    imageproc::drawing::draw_filled_rect_mut(canvas, area, color);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{fixture, overlay};

    fn gray(width: u32, height: u32) -> DynamicImage {
        RgbImage::from_pixel(width, height, Rgb([120, 140, 160])).into()
    }

    fn counted(picture: &RgbImage, left: bool, is: fn(&Rgb<u8>) -> bool) -> usize {
        let half = picture.width() / 2;
        let pixels = picture.enumerate_pixels();
        let pixels = pixels.filter(|(x, _, _)| (*x < half) == left);
        pixels.filter(|(_, _, pixel)| is(pixel)).count()
    }

    #[test]
    fn each_way_has_its_colour_and_its_half() {
        let image = gray(200, 100);
        let attribution = fixture::contrast(200, 100);
        let picture = overlay(&attribution, &image).render_with_caption().unwrap();
        let orange: fn(&Rgb<u8>) -> bool = |p| p[0] > p[2].saturating_add(60);
        let blue: fn(&Rgb<u8>) -> bool = |p| p[2] > p[0].saturating_add(60);
        // Over more than the words: over the maps.
        assert!(counted(&picture, true, orange) > 5_000);
        assert!(counted(&picture, false, blue) > 5_000);
        assert!(
            counted(&picture, true, blue) < 2_500,
            "the scale alone reaches over"
        );
        // At the image's own size, both in one.
        let one = overlay(&attribution, &image).render().unwrap();
        assert_eq!(one.dimensions(), (200, 100));
        assert!(one.pixels().any(orange) && one.pixels().any(blue));
    }

    #[test]
    fn large_and_tiny_images_have_panels_that_can_be_read() {
        for (width, height) in [(3000, 2000), (1, 1), (1, 4000), (96, 96)] {
            let attribution = fixture::contrast(width, height);
            let picture = overlay(&attribution, &gray(width, height)).render_with_caption();
            let picture = picture.unwrap();
            assert!(
                (720..3000).contains(&picture.width()),
                "{}",
                picture.width()
            );
            assert!(picture.height() < 3000, "{}", picture.height());
        }
    }
}
