//! A piece of text as a picture, for sheets of several pictures.

use image::RgbImage;

use crate::caption_panel::{INK, PAPER};
use crate::fonts::Typesetter;

/// Text in dark on white, letters `size` pixels high, in a picture of that width; broken into lines
/// where it is longer.
pub fn label(text: &str, size: f32, width: u32) -> RgbImage {
    let mut type_ = Typesetter::new();
    let mut line = type_.line(text, size, width as f32);
    let height = line.height.ceil().max(1.0) as u32;
    let mut picture = RgbImage::from_pixel(width, height, PAPER);
    type_.draw(&mut picture, &mut line, (0.0, 0.0), INK);
    picture
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_drawn_and_broken_where_it_is_too_long() {
        let wide = label("a photo of a piano", 16.0, 400);
        let narrow = label("a photo of a piano", 16.0, 80);
        assert_eq!((wide.width(), narrow.width()), (400, 80));
        assert!(narrow.height() > wide.height());
        assert!(wide.pixels().any(|&pixel| pixel != PAPER));
    }
}
