//! Text in pictures.
//!
//! The fonts come with the crate, so a picture looks the same on every machine; what they lack
//! (Chinese, Devanagari, …) is taken from the system's fonts, which are only searched for then. What those
//! lack as well is told, and a dot stands in its place: never the empty box that fonts have for it.

use cosmic_text::fontdb::{Database, Source};
use cosmic_text::{
    Attrs, Buffer, Color, Family, FontSystem, Metrics, Shaping, SwashCache, Weight, Wrap,
};
use image::{Rgb, RgbImage};
use std::sync::Arc;

/// Lays text out and draws it.
pub(crate) struct Typesetter {
    fonts: FontSystem,
    cache: SwashCache,
    searched_system: bool,
}

/// Text that knows its place and size.
pub(crate) struct Line {
    buffer: Buffer,
    /// In pixels.
    pub(crate) width: f32,
    /// In pixels.
    pub(crate) height: f32,
    /// Whether it reads from right to left.
    pub(crate) right_to_left: bool,
    /// Whether some font had a glyph for all of it; else there are [dots](MISSING) in it.
    pub(crate) complete: bool,
}

/// What stands for letters that no font has.
const MISSING: &str = "·";

impl Typesetter {
    pub(crate) fn new() -> Self {
        let fonts = [
            epaint_default_fonts::UBUNTU_LIGHT,
            epaint_default_fonts::NOTO_EMOJI_REGULAR,
        ];
        let mut database = Database::new();
        for font in fonts {
            database.load_font_source(Source::Binary(Arc::new(font)));
        }
        Self {
            fonts: FontSystem::new_with_locale_and_db("en".into(), database),
            cache: SwashCache::new(),
            searched_system: false,
        }
    }

    /// Lays text out at a size in pixels, broken into lines of at most that width.
    pub(crate) fn line(&mut self, text: &str, size: f32, width: f32) -> Line {
        let mut line = self.lay_out(text, size, width);
        if !line.complete && !self.searched_system {
            self.fonts.db_mut().load_system_fonts();
            self.searched_system = true;
            line = self.lay_out(text, size, width);
        }
        if line.complete {
            return line;
        }
        Line {
            complete: false,
            ..self.lay_out(&with_dots(&line.buffer), size, width)
        }
    }

    fn lay_out(&mut self, text: &str, size: f32, width: f32) -> Line {
        let mut buffer = Buffer::new(&mut self.fonts, Metrics::relative(size, 1.25));
        buffer.set_wrap(Wrap::WordOrGlyph);
        buffer.set_size(Some(width), None);
        let attributes = Attrs::new()
            .family(Family::Name("Ubuntu"))
            .weight(Weight::LIGHT);
        buffer.set_text(text, &attributes, Shaping::Advanced, None);
        buffer.shape_until_scroll(&mut self.fonts, false);
        let (mut right, mut height, mut complete, mut right_to_left) = (0f32, 0f32, true, false);
        for run in buffer.layout_runs() {
            right = right.max(run.line_w);
            height = height.max(run.line_top + run.line_height);
            complete &= run.glyphs.iter().all(|glyph| glyph.glyph_id != 0);
            right_to_left |= run.rtl;
        }
        // Right-to-left lines start at the right border: lay out again in just their width.
        if right_to_left {
            buffer.set_size(Some(right.ceil()), None);
            buffer.shape_until_scroll(&mut self.fonts, false);
        }
        Line {
            buffer,
            width: right,
            height,
            right_to_left,
            complete,
        }
    }

    /// Draws the text with its upper left corner at a place; what lies outside is left out.
    pub(crate) fn draw(
        &mut self,
        canvas: &mut RgbImage,
        line: &mut Line,
        (left, top): (f32, f32),
        Rgb([r, g, b]): Rgb<u8>,
    ) {
        let (left, top) = (left.round() as i32, top.round() as i32);
        let color = Color::rgb(r, g, b);
        line.buffer.draw(
            &mut self.fonts,
            &mut self.cache,
            color,
            |x, y, _, _, color| {
                let (Ok(x), Ok(y)) = (u32::try_from(x + left), u32::try_from(y + top)) else {
                    return;
                };
                if let Some(pixel) = canvas.get_pixel_mut_checked(x, y) {
                    let cover = f32::from(color.a()) / 255.0;
                    *pixel = crate::blend(*pixel, Rgb([color.r(), color.g(), color.b()]), cover);
                }
            },
        );
    }
}

/// A text with a dot for each stretch that no font has.
fn with_dots(buffer: &Buffer) -> String {
    let lines = buffer.lines.iter().enumerate().map(|(place, line)| {
        let text = line.text();
        let runs = buffer.layout_runs().filter(|run| run.line_i == place);
        let glyphs = runs.flat_map(|run| run.glyphs.iter());
        let missing: Vec<_> = glyphs
            .filter(|glyph| glyph.glyph_id == 0)
            .map(|glyph| glyph.start..glyph.end)
            .collect();
        let is_missing = |at: usize| missing.iter().any(|range| range.contains(&at));
        let mut dotted = String::new();
        for (at, letter) in text.char_indices() {
            match is_missing(at) {
                false => dotted.push(letter),
                true if dotted.ends_with(MISSING) => {}
                true => dotted.push_str(MISSING),
            }
        }
        dotted
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ink(text: &str) -> usize {
        let mut typesetter = Typesetter::new();
        let mut canvas = RgbImage::from_pixel(300, 60, Rgb([255; 3]));
        let mut line = typesetter.line(text, 20.0, 280.0);
        typesetter.draw(&mut canvas, &mut line, (10.0, 10.0), Rgb([0; 3]));
        canvas.pixels().filter(|pixel| pixel.0[0] < 128).count()
    }

    #[test]
    fn latin_and_emoji_need_no_system_font() {
        let mut typesetter = Typesetter::new();
        typesetter.line("a hedgehog's Ärger № 7 🎹", 16.0, 400.0);
        assert!(!typesetter.searched_system);
        assert!(ink("piano") > 50 && ink("🎹") > 50 && ink(" ") == 0);
    }

    #[test]
    fn what_no_font_has_is_known() {
        let mut typesetter = Typesetter::new();
        // Private use: no font of this crate or of a system has this one.
        assert!(!typesetter.line("a \u{10fffd}", 16.0, 400.0).complete);
        assert!(typesetter.line("a hedgehog", 16.0, 400.0).complete);
    }

    #[test]
    fn a_dot_stands_for_what_no_font_has_and_never_an_empty_box() {
        let mut typesetter = Typesetter::new();
        // As on a machine without any font.
        typesetter.searched_system = true;
        for text in [
            "一只猫 sleeps",
            "बिल्ली",
            "a \u{10fffd}\u{10fffd} b",
            "แมว",
            "日本\nネコ",
        ] {
            let line = typesetter.line(text, 16.0, 200.0);
            assert!(!line.complete, "{text}");
            let runs = line.buffer.layout_runs();
            let glyphs: Vec<u16> = runs
                .flat_map(|run| run.glyphs)
                .map(|it| it.glyph_id)
                .collect();
            assert!(
                !glyphs.is_empty() && glyphs.iter().all(|&glyph| glyph != 0),
                "{text}"
            );
        }
        let line = typesetter.line("a \u{10fffd}\u{10fffd} b", 16.0, 200.0);
        assert_eq!(line.buffer.lines[0].text(), "a · b");
    }

    #[test]
    fn long_text_breaks_within_the_width_given() {
        let mut typesetter = Typesetter::new();
        let one = typesetter.line("word", 16.0, 400.0);
        let many = typesetter.line(&"Donaudampfschifffahrt".repeat(9), 16.0, 200.0);
        assert!(many.width <= 200.0 && many.height > 3.0 * one.height);
        assert!(one.width > 10.0 && one.width < 60.0);
    }

    #[test]
    fn text_beyond_the_canvas_is_left_out() {
        let mut typesetter = Typesetter::new();
        let mut canvas = RgbImage::new(4, 4);
        let mut line = typesetter.line("wide", 30.0, 400.0);
        typesetter.draw(&mut canvas, &mut line, (-20.0, -20.0), Rgb([255; 3]));
    }
}
