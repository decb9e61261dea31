//! Both ways of a contrast on the page, side by side.

use image::{DynamicImage, ImageFormat, Rgb};
use m2ib_attribution::{Attribution, Contrast, TextAttribution};
use maud::{Markup, html};
use ndarray::Array2;

use super::picture::{LONGEST_HEAT, data_uri, fitted, photo_of_one};
use crate::Result;
use crate::contrast::{AGAINST, FOR, color, cover, difference, signed_layer};
use crate::number_format::NumberFormat;
use crate::runs::{Run, runs};
use crate::visible::visible;

/// What speaks for the caption and what for its rival, in two colours round zero.
pub(crate) fn section(
    attribution: &Attribution,
    contrast: &Contrast,
    image: &DynamicImage,
) -> Result<Markup> {
    let side = &attribution.image;
    let largest = contrast.largest(side);
    let of_words = contrast.largest_word(&attribution.text);
    let photo = photo_of_one(image)?;
    let forward = contrast.for_caption(side);
    let reverse = -contrast.for_rival();
    let rival = contrast.rival().map_or("", |rival| rival.name());
    let pixelated = image.width().max(image.height()) < super::picture::SMALL;
    let ratio = f64::from(image.width()) / f64::from(image.height());
    let heat = |map: &Array2<f32>| -> Result<String> {
        let view = &side.view;
        let (width, height) = fitted(view.image_width, view.image_height, LONGEST_HEAT);
        let layer = signed_layer(&side.values_at(map, width, height), largest);
        data_uri(&layer.into(), ImageFormat::Png)
    };
    let stack = |map: &Array2<f32>, what: &str| -> Result<Markup> {
        Ok(html! {
            div.stack.opposed style=(format!(
                "aspect-ratio:{}/{};width:min(100%,calc(60vh*{ratio:.5}))", image.width(), image.height()
            )) {
                img.photo.pixelated[pixelated] src=(photo) alt="";
                img.way-heat src=(heat(map)?) alt=(describe(map, what));
            }
        })
    };
    let captions = [attribution.text.caption.text.as_str(), rival];
    let left = stack(&forward, "the caption")?;
    let right = stack(&reverse, "its rival")?;
    let written = NumberFormat::column([largest]).write(largest);
    let unit = side.unit;
    Ok(html! {
        h2 { "This rather than that" }
        p.note { (difference(attribution, contrast)) }
        div.ways {
            figure {
                figcaption.way style=(variable(FOR)) { "For " q dir="auto" { (visible(captions[0])) } }
                (left)
                (words(Some(&attribution.text), of_words, true))
            }
            figure {
                figcaption.way style=(variable(AGAINST)) {
                    "For "
                    @match contrast.rival().is_some_and(|rival| rival.caption.is_empty()) {
                        true => (rival),
                        false => q dir="auto" { (visible(captions[1])) },
                    }
                }
                (right)
                (words(contrast.reverse.text.as_ref(), of_words, false))
            }
        }
        div.scale {
            div.bar style=(format!("background:linear-gradient(to right,{})", stops())) {}
            div.ends {
                span { (unit.after(&written)) " for the caption" }
                span { "0" }
                span { (unit.after(&written)) " for the rival" }
            }
        }
        p.note {
            "Each picture has the patches that speak for one caption instead of the other, on one scale. "
            "What both captions share has no colour."
        }
    })
}

/// The words shaded by what they add, on one scale for both ways.
fn words(text: Option<&TextAttribution>, largest: f32, is_caption: bool) -> Markup {
    let Some(text) = text else {
        return html! {};
    };
    let words = text.words();
    let format = NumberFormat::column(words.iter().map(|word| word.saliency).chain([largest]));
    let way = if is_caption { "for" } else { "against" };
    let shade = |saliency: f32| {
        let share = saliency / largest.max(f32::MIN_POSITIVE);
        let own = if is_caption { share } else { -share };
        let Rgb([r, g, b]) = color(own);
        format!("background:rgb({r} {g} {b} / {:.3})", 0.55 * cover(share))
    };
    html! {
        p.caption.small dir="auto" {
            @for run in runs(&text.caption, &words) {
                @match run {
                    Run::Word { index, text: written } => {
                        span.word tabindex="0" role="note" style=(shade(words[index].saliency))
                            aria-describedby=(format!("{way}-{index}")) {
                            (visible(written))
                            span.tip #(format!("{way}-{index}")) role="tooltip" dir="ltr" {
                                b { (text.unit.after(&format.write(words[index].saliency))) }
                            }
                        }
                    }
                    Run::Between(text) => (visible(text)),
                    Run::Cut(text) => s.cut { (visible(text)) },
                }
            }
        }
    }
}

fn variable(Rgb([r, g, b]): Rgb<u8>) -> String {
    format!("--way:rgb({r} {g} {b})")
}

fn stops() -> String {
    let stop = |step: i32| {
        let share = 1.0 - step as f32 / 8.0;
        let Rgb([r, g, b]) = color(share);
        format!("rgb({r} {g} {b} / {:.3})", cover(share))
    };
    (0..=16).map(stop).collect::<Vec<_>>().join(",")
}

/// What a map shows, in words.
fn describe(map: &Array2<f32>, what: &str) -> String {
    let (rows, columns) = map.dim();
    let hottest = map
        .indexed_iter()
        .max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
    let ((row, column), _) = hottest.unwrap_or(((0, 0), &0.0));
    format!(
        "What speaks for {what} most is in row {} of {rows}, column {} of {columns}",
        row + 1,
        column + 1
    )
}
