//! The image with the heat map on top, both inside the page.

use std::io::Cursor;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clip_input::View;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat, RgbImage};
use m2ib_attribution::Attribution;
use maud::{Markup, html};

use crate::heat_layer::clear_layer;
use crate::look::Look;
use crate::number_format::NumberFormat;
use crate::regions::hot_regions;
use crate::{ColorMap, Error, Result};

/// The longer side of the embedded image. Pages show it at half of this or less; a photograph at
/// its full size would make a page of tens of megabytes.
const LONGEST: u32 = 1600;
/// The longer side of the heat map, whatever the image's: it is smooth, so more pixels show
/// nothing more, and a small image's few would show as squares.
pub(crate) const LONGEST_HEAT: u32 = 800;
/// Bytes of a PNG above which the image is taken for a photograph and becomes a JPEG.
const LARGE: usize = 1 << 20;
/// The same of one image of many: hundreds share a page.
const LONGEST_OF_MANY: u32 = 640;
const LONGEST_HEAT_OF_MANY: u32 = 256;
const LARGE_OF_MANY: usize = 1 << 16;
const JPEG_QUALITY: u8 = 88;
/// Images with a longer side below this are shown as their pixels, enlarged, not as a blur.
pub(crate) const SMALL: u32 = 256;

/// The image, the heat map over it, a slider between the two and the scale.
pub(crate) fn figure(
    attribution: &Attribution,
    image: &DynamicImage,
    look: &Look,
) -> Result<Markup> {
    let (colors, opacity) = (look.color_map, look.percent());
    let (width, height) = (image.width(), image.height());
    let flat = attribution.image.is_flat();
    let ratio = f64::from(width) / f64::from(height);
    let pixelated = width.max(height) < SMALL;
    let margins = unseen(&attribution.image.view);
    Ok(html! {
        figure.picture {
            // As wide as the column, but not higher than most of the window.
            div.stack style=(format!("aspect-ratio:{width}/{height};width:min(100%,calc(78vh*{ratio:.5}));--first:{}", look.opacity)) {
                img.photo.pixelated[pixelated] src=(photo(image, LONGEST, LARGE)?) alt="The image that was explained";
                @if !flat {
                    img.heat src=(heat(attribution, colors, LONGEST_HEAT)?) alt=(describe(attribution));
                }
                (super::spread::outline(attribution))
                (margin_marks(&margins))
                (hot_marks(attribution, look))
            }
            figcaption {
                @if flat {
                    p { "Every patch carries the same: there is no heat map." }
                } @else {
                    (scale(attribution, colors))
                    // Scripts show it; without them it would do nothing.
                    label.opacity hidden {
                        "Heat map"
                        input type="range" min="0" max="100" value=(opacity) aria-label="Opacity of the heat map";
                        output { (opacity) " %" }
                    }
                }
                @if !margins.is_empty() {
                    p.note { span.unseen.sample {} "Cropped away: the model never saw it." }
                }
            }
        }
    })
}

/// The image and the heat map over it, small: one of many on a page.
pub(crate) fn small_figure(
    attribution: &Attribution,
    image: &DynamicImage,
    look: &Look,
) -> Result<Markup> {
    let (width, height) = (image.width(), image.height());
    let ratio = f64::from(width) / f64::from(height);
    let pixelated = width.max(height) < SMALL;
    let margins = unseen(&attribution.image.view);
    Ok(html! {
        div.stack style=(format!("aspect-ratio:{width}/{height};--ratio:{ratio:.5};--first:{}", look.opacity)) {
            img.photo.pixelated[pixelated] src=(photo(image, LONGEST_OF_MANY, LARGE_OF_MANY)?)
                alt="The image that was explained" loading="lazy";
            @if !attribution.image.is_flat() {
                img.heat src=(heat(attribution, look.color_map, LONGEST_HEAT_OF_MANY)?)
                    alt=(describe(attribution)) loading="lazy";
            }
            (margin_marks(&margins))
            (hot_marks(attribution, look))
        }
    })
}

/// Boxes around what is hotter than the threshold, if one was given.
fn hot_marks(attribution: &Attribution, look: &Look) -> Markup {
    let view = &attribution.image.view;
    let (width, height) = fitted(view.image_width, view.image_height, LONGEST_HEAT_OF_MANY);
    let areas = match look.boxes {
        Some(threshold) if !attribution.image.is_flat() => {
            hot_regions(&attribution.image.heat_map_at(width, height), threshold)
        }
        _ => Vec::new(),
    };
    let share = |place: u32, whole: u32| f64::from(place) / f64::from(whole) * 100.0;
    html! {
        @for area in areas {
            div.hot style=(format!(
                "left:{:.3}%;top:{:.3}%;width:{:.3}%;height:{:.3}%",
                share(area.left, width),
                share(area.top, height),
                share(area.right - area.left, width),
                share(area.bottom - area.top, height)
            )) {}
        }
    }
}

/// Stripes over what was cropped away.
fn margin_marks(margins: &[[f64; 4]]) -> Markup {
    html! {
        @for [left, top, width, height] in margins {
            div.unseen style=(format!(
                "left:{left:.3}%;top:{top:.3}%;width:{width:.3}%;height:{height:.3}%"
            )) {}
        }
    }
}

/// The colours with what their ends stand for.
fn scale(attribution: &Attribution, colors: ColorMap) -> Markup {
    let patches = attribution.image.saliency();
    let lowest = patches.iter().copied().fold(f32::INFINITY, f32::min);
    let [low, high] = attribution.image.scale().unwrap_or([lowest; 2]);
    let format = NumberFormat::column([low, high]);
    let end = |value| attribution.image.unit.after(&format.write(value));
    // Every 17th of 256 colours: 16, the first and the last among them.
    let stops: Vec<String> = colors
        .table()
        .iter()
        .step_by(17)
        .map(|[r, g, b]| format!("#{r:02x}{g:02x}{b:02x}"))
        .collect();
    html! {
        div.scale {
            div.bar style=(format!("background:linear-gradient(to right,{})", stops.join(","))) {}
            div.ends {
                span { (end(low)) br; "score 0" }
                span { "per patch" }
                span { (end(high)) br; "score 1" }
            }
        }
    }
}

/// What the heat map shows, in words.
fn describe(attribution: &Attribution) -> String {
    let patches = attribution.image.saliency();
    let (rows, columns) = patches.dim();
    let hottest = patches.indexed_iter().max_by(|a, b| a.1.total_cmp(b.1));
    let ((row, column), _) = hottest.unwrap_or(((0, 0), &0.0));
    format!(
        "Heat map: the hottest patch is in row {} of {rows}, column {} of {columns}",
        row + 1,
        column + 1
    )
}

/// What was cropped away, as `[left, top, width, height]` in percent: up to four rectangles that do
/// not overlap.
fn unseen(view: &View) -> Vec<[f64; 4]> {
    let share = |position: f64, whole: u32| (position / f64::from(whole)).clamp(0.0, 1.0) * 100.0;
    let (left, right) = (
        share(view.left, view.image_width),
        share(view.left + view.width, view.image_width),
    );
    let (top, bottom) = (
        share(view.top, view.image_height),
        share(view.top + view.height, view.image_height),
    );
    let margins = [
        [0.0, 0.0, left, 100.0],
        [right, 0.0, 100.0 - right, 100.0],
        [left, 0.0, right - left, top],
        [left, bottom, right - left, 100.0 - bottom],
    ];
    // Below a thousandth it is rounding.
    margins
        .into_iter()
        .filter(|[.., width, height]| width.min(*height) > 1e-3)
        .collect()
}

/// An image as large as the page of one explanation shows it.
pub(crate) fn photo_of_one(image: &DynamicImage) -> Result<String> {
    photo(image, LONGEST, LARGE)
}

/// An image of at most so many pixels along its longer side, as a JPEG where a PNG has more bytes.
fn photo(image: &DynamicImage, longest: u32, large: usize) -> Result<String> {
    let (width, height) = (image.width(), image.height());
    let resized;
    let image = if width.max(height) > longest {
        let (width, height) = fitted(width, height, longest);
        resized = image.resize_exact(width, height, FilterType::CatmullRom);
        &resized
    } else {
        image
    };
    // What the model sees: of sixteen bits eight, and the colours beneath what is transparent.
    let image = image.to_rgb8().into();
    let png = data_uri(&image, ImageFormat::Png)?;
    if png.len() > large {
        data_uri(&image, ImageFormat::Jpeg)
    } else {
        Ok(png)
    }
}

fn heat(attribution: &Attribution, colors: ColorMap, longest: u32) -> Result<String> {
    let view = &attribution.image.view;
    let (width, height) = fitted(view.image_width, view.image_height, longest);
    let map = attribution.image.heat_map_at(width, height);
    data_uri(&clear_layer(&map, colors).into(), ImageFormat::Png)
}

/// The size with this longer side, and the shorter in proportion.
pub(crate) fn fitted(width: u32, height: u32, longest: u32) -> (u32, u32) {
    let scale = f64::from(longest) / f64::from(width.max(height));
    let side = |length: u32| ((f64::from(length) * scale).round() as u32).max(1);
    (side(width), side(height))
}

/// A picture as an address that holds all of it, for a page that needs no other files.
///
/// # Errors
/// [`Error::Drawing`] if it cannot be encoded.
pub fn png_uri(picture: RgbImage) -> Result<String> {
    data_uri(&picture.into(), ImageFormat::Png)
}

pub(crate) fn data_uri(image: &DynamicImage, format: ImageFormat) -> Result<String> {
    let mut bytes = Cursor::new(Vec::new());
    match format {
        ImageFormat::Jpeg => {
            image.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY))
        }
        _ => image.write_to(&mut bytes, format),
    }
    .map_err(|error| Error::Drawing {
        what: "the page's image",
        reason: error.to_string(),
    })?;
    let mime = format.to_mime_type();
    Ok(format!(
        "data:{mime};base64,{}",
        STANDARD.encode(bytes.into_inner())
    ))
}
