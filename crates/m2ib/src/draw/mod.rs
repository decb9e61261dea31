//! Pictures of an explanation: over the image, as a page, in the terminal.
//!
//! - [`Attribution::overlay`](crate::Attribution::overlay): the heat map over the image, with boxes
//!   and the caption's shaded words if wanted.
//! - [`Attribution::to_html`](crate::Attribution::to_html): one self-contained page.
//! - [`TextAttribution::to_ansi`](crate::TextAttribution::to_ansi): the words for a terminal.
//! - [`label`]: a piece of text as a picture, for sheets of several pictures.
//!
//! Drawing reads an explanation's plain numbers; it knows no model and no tensors.

mod caption_panel;
mod color_map;
#[cfg(test)]
mod fixture;
mod fonts;
mod heat_layer;
mod html;
mod label;
mod number_format;
mod overlay;
mod plot;
mod regions;
mod runs;
mod terminal;
mod visible;

pub use color_map::ColorMap;
pub use label::label;
pub use overlay::Overlay;

/// Mixes a colour over another, `cover` from 0 to 1.
fn blend(under: image::Rgb<u8>, over: image::Rgb<u8>, cover: f32) -> image::Rgb<u8> {
    let mix = |a: u8, b: u8| (f32::from(a) + (f32::from(b) - f32::from(a)) * cover).round() as u8;
    image::Rgb(std::array::from_fn(|channel| {
        mix(under.0[channel], over.0[channel])
    }))
}
