//! An explanation as one page that needs nothing else: no network, no other files.

mod contrast;
mod facts;
mod interactions;
mod overview;
mod picture;
mod shell;
mod spread;
mod words;

pub use overview::Overview;
pub use picture::png_uri;
pub use shell::{LOOK_CLOSER, PAGE_STYLE, page};

use image::DynamicImage;
use m2ib_attribution::{Attribution, Warning};
use m2ib_settings::Modality;
use maud::{Markup, PreEscaped, html};

use crate::overlay::check_size;
use crate::plot::traces;
use crate::visible::visible;
use crate::{Look, Result};

const STYLE: &str = include_str!("page.css");
/// The slider of the map and the tips, which all pages of pictures have, and what one explanation's has.
const SCRIPT: &str = concat!(include_str!("common.js"), include_str!("page.js"));

/// One self-contained page: the image under its heat map, the words with their saliency,
/// the optimisation's course and the provenance. Works without scripts, too.
///
/// # Errors
/// [`Error::ImageSize`](crate::Error::ImageSize) for an image that is not the one explained.
pub fn html(attribution: &Attribution, image: &DynamicImage) -> Result<String> {
    html_as(attribution, image, &Look::default())
}

/// The same with another look.
///
/// # Errors
/// As [`html()`], and [`Error::Option`](crate::Error::Option) for a look that makes no sense.
pub fn html_as(attribution: &Attribution, image: &DynamicImage, look: &Look) -> Result<String> {
    check_size(attribution, image)?;
    look.check()?;
    let caption = visible(&attribution.text.caption.text);
    let main = html! {
        header {
            h1 { "What the model relied on" }
            p { (visible(&attribution.provenance.model)) " · " (attribution.provenance.method.to_string()) }
        }
        (warnings(&attribution.warnings))
        @if let Some(contrast) = &attribution.asked.contrast {
            section.card aria-label="This rather than that" {
                (contrast::section(attribution, contrast, image)?)
            }
        }
        div.columns {
            section.card aria-label="Image" { (picture::figure(attribution, image, look)?) }
            section.card aria-label="Caption" {
                (words::caption(&attribution.text))
                (facts::summary(attribution))
            }
        }
        @if let Some(found) = &attribution.asked.interactions {
            section.card aria-label="Which word goes with which patch?" {
                (interactions::section(attribution, found, image)?)
            }
        }
        @if let Some(found) = &attribution.asked.spread {
            section.card aria-label="How sure is it?" { (spread::section(attribution, found)) }
        }
        section.card { (words::tokens(&attribution.text)) }
        @if !attribution.image.trace.is_empty() { section.card { (course(attribution)?) } }
        section.card { (facts::provenance(&attribution.provenance)) }
    };
    let title = format!("{caption} · m2ib");
    Ok(page(&title, STYLE, SCRIPT, &main.into_string()))
}

fn warnings(warnings: &[Warning]) -> Markup {
    html! {
        @if !warnings.is_empty() {
            aside.warnings aria-label="Warnings" {
                h2 { "Before you trust this" }
                ul {
                    @for warning in warnings { li { (visible(&warning.to_string())) } }
                }
            }
        }
    }
}

fn course(attribution: &Attribution) -> Result<Markup> {
    let image = traces(Modality::Image, &attribution.image.trace)?;
    let text = traces(Modality::Text, &attribution.text.trace)?;
    let mut steps = attribution
        .image
        .trace
        .iter()
        .chain(&attribution.text.trace);
    let two_sided = steps.any(|step| step.withheld_fit.is_some());
    Ok(html! {
        h2 { "Optimisation" }
        p.note {
            "total = β · compression − fit"
            @if two_sided { " + γ · withheld fit" }
            "; at the end, compression and fit should have settled."
        }
        div.plots {
            @for (name, plot) in [("Image", image), ("Text", text)] {
                figure { figcaption { (name) } (PreEscaped(plot)) }
            }
        }
    })
}

#[cfg(test)]
mod tests;
