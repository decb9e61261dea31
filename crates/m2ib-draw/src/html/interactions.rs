//! Which word goes with which patch, on the page: point at a word to see its patches, at a patch to see
//! its words. Without scripts, every word has its small map.

use clip_input::View;
use image::{DynamicImage, ImageFormat, Rgb, Rgba, RgbaImage};
use m2ib_attribution::{Attribution, Interactions, WordMap};
use maud::{Markup, html};

use super::picture::{SMALL, data_uri, photo_of_one};
use crate::Result;
use crate::contrast::{color, cover};
use crate::number_format::NumberFormat;
use crate::visible::visible;

/// Values are handed on as whole numbers, the largest as this.
const WHOLE: f32 = 1000.0;

pub(crate) fn section(
    attribution: &Attribution,
    found: &Interactions,
    image: &DynamicImage,
) -> Result<Markup> {
    let largest = found.largest();
    let [rows, columns] = found.grid();
    let pixelated = image.width().max(image.height()) < SMALL;
    let ratio = f64::from(image.width()) / f64::from(image.height());
    let area = area(&attribution.image.view);
    let minis = found.words.iter().map(|word| mini(word, largest));
    let minis = minis.collect::<Result<Vec<_>>>()?;
    let sums = found.text_sums();
    let format = NumberFormat::column(sums.iter().copied());
    let ways: Vec<String> = found
        .settings
        .iter()
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    let way = match ways.is_empty() {
        true => found.method.clone(),
        false => format!("{} ({})", found.method, ways.join(", ")),
    };
    Ok(html! {
        h2 { "Which word goes with which patch?" }
        p.note {
            "By " (visible(&way)) ". Orange: the patch speaks for the word; blue: against it."
        }
        div.together data-rows=(rows) data-columns=(columns) data-area=(area)
            data-largest=(largest) data-unit=(found.unit.after("").trim()) {
            div.stack.opposed style=(format!(
                "aspect-ratio:{}/{};width:min(100%,calc(60vh*{ratio:.5}))", image.width(), image.height()
            )) {
                img.photo.pixelated[pixelated] src=(photo_of_one(image)?) alt="";
            }
            div.word-maps {
                @for (place, word) in found.words.iter().enumerate() {
                    button.word-map type="button" aria-pressed="false" data-values=(values(word, largest)) {
                        img.pixelated src=(minis[place]) alt="";
                        span.name dir="auto" { (visible(&word.text)) }
                        span.number title="all patches together" { (format.write(sums[place])) }
                    }
                }
                output.said aria-live="polite" {}
            }
        }
        p.note.pointed hidden {
            "Point at a word, or reach it with the tab key, to see its patches; press it to keep it. Point at a patch, "
            "or move over them with the arrow keys, to see its words."
        }
    })
}

/// The part of the picture that patches cover: left, top, width, height in percent.
fn area(view: &View) -> String {
    let share = |length: f64, whole: u32| length / f64::from(whole) * 100.0;
    format!(
        "{:.3} {:.3} {:.3} {:.3}",
        share(view.left, view.image_width),
        share(view.top, view.image_height),
        share(view.width, view.image_width),
        share(view.height, view.image_height)
    )
}

/// The word's values, row by row.
fn values(word: &WordMap, largest: f32) -> String {
    let whole = |value: &f32| match largest > 0.0 {
        true => ((value / largest * WHOLE).round() as i32).to_string(),
        false => "0".into(),
    };
    word.map.iter().map(whole).collect::<Vec<_>>().join(" ")
}

/// The word's map, a pixel a patch.
fn mini(word: &WordMap, largest: f32) -> Result<String> {
    let (rows, columns) = word.map.dim();
    let map = RgbaImage::from_fn(columns as u32, rows as u32, |x, y| {
        let share = word.map[[y as usize, x as usize]] / largest.max(f32::MIN_POSITIVE);
        let Rgb([r, g, b]) = color(share);
        Rgba([r, g, b, (cover(share) * 255.0) as u8])
    });
    data_uri(&map.into(), ImageFormat::Png)
}
