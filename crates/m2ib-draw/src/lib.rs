//! Everything that is drawn: pictures of explanations, and charts and tables of many.
//!
//! - [`overlay`]: the heat map over the image, with boxes and the caption's shaded words if wanted.
//! - [`heat_picture`]: the heat map alone.
//! - [`html`]: one self-contained page; [`Overview`]: one for many pairs; [`page`]: any other, with our head and
//!   style; [`png_uri`]: a picture within a page.
//! - [`ansi`]: the words for a terminal.
//! - [`label`]: a piece of text as a picture; [`sheet`]: several pictures with their names.
//! - [`means`], [`Grid`]: charts of means with intervals, and of two settings' values.
//! - [`aligned`], [`separated`]: tables as Markdown and as comma-separated values.
//!
//! **What this crate may know:** results, which are plain numbers. It knows no model and no
//! tensors.

mod asked;
mod caption_panel;
mod color_map;
mod contrast;
mod error;
#[cfg(test)]
mod fixture;
mod fonts;
mod grid;
mod heat_layer;
mod html;
mod label;
mod look;
mod means;
mod night;
mod number_format;
mod outline;
mod overlay;
mod percent;
mod plot;
mod regions;
mod runs;
mod segments;
mod sheet;
mod table;
mod terminal;
mod visible;
mod word_panels;

pub use asked::ansi_asked;
pub use color_map::ColorMap;
pub use error::{Error, Result};
pub use grid::{Grid, GridAxis, GridCell, GridPanel};
pub use heat_layer::heat_picture;
pub use html::{LOOK_CLOSER, Overview, PAGE_STYLE, html, html_as, page, png_uri};
pub use label::label;
pub use look::Look;
pub use means::{Mean, Panel, means};
pub use overlay::{OPACITY, Overlay, overlay};
pub use percent::percent;
pub use regions::hot_regions;
pub use sheet::sheet;
pub use table::{aligned, separated};
pub use terminal::ansi;
pub use visible::visible;

/// Mixes a colour over another, `cover` from 0 to 1.
fn blend(under: image::Rgb<u8>, over: image::Rgb<u8>, cover: f32) -> image::Rgb<u8> {
    let mix = |a: u8, b: u8| (f32::from(a) + (f32::from(b) - f32::from(a)) * cover).round() as u8;
    image::Rgb(std::array::from_fn(|channel| {
        mix(under.0[channel], over.0[channel])
    }))
}
