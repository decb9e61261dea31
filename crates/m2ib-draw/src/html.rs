//! An explanation as one page that needs nothing else: no network, no other files.

mod contrast;
mod facts;
mod interactions;
mod overview;
mod picture;
mod spread;
mod words;

pub use overview::Overview;
pub use picture::png_uri;

use image::DynamicImage;
use m2ib_attribution::{Attribution, Warning};
use m2ib_settings::Modality;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::overlay::check_size;
use crate::plot::traces;
use crate::visible::visible;
use crate::{Look, Result};

/// The style that all pages of ours begin with: colours by day and by night, the column of text, boxes and
/// tables.
pub const PAGE_STYLE: &str = include_str!("common.css");

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Has the browser itself refuse whatever would leave the page, should anything slip through.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; \
                      script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

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
/// As [`html`], and [`Error::Option`](crate::Error::Option) for a look that makes no sense.
pub fn html_as(attribution: &Attribution, image: &DynamicImage, look: &Look) -> Result<String> {
    check_size(attribution, image)?;
    look.check()?;
    let caption = visible(&attribution.text.caption.text);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                // Without one, browsers ask the server for a favicon.
                link rel="icon" href="data:,";
                title { (caption) " · m2ib" }
                style { (PreEscaped(PAGE_STYLE)) (PreEscaped(STYLE)) }
            }
            body {
                main {
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
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    Ok(page.into_string())
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
