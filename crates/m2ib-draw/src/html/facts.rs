//! The numbers beside the picture, and how the explanation was made.

use m2ib_attribution::{Attribution, Method, Provenance, RoleScore, Unit};
use m2ib_settings::{ModalitySettings, Noise, Shifts};
use maud::{Markup, Render, html};

use crate::number_format::NumberFormat;
use crate::percent::percent;
use crate::visible::visible;

/// Similarity and what belongs to no patch and no word.
pub(crate) fn summary(attribution: &Attribution) -> Markup {
    let (image, text) = (&attribution.image, &attribution.text);
    let value = |unit: Unit, value| unit.after(&NumberFormat::column([value]).write(value));
    let of_image = RoleScore::by_role(image.others.iter().copied());
    let of_image = of_image.into_iter().map(|other| (image.unit, other));
    let of_text = text.others().into_iter().map(|other| (text.unit, other));
    let units = [image.unit, text.unit];
    html! {
        dl.summary {
            (entry("Cosine similarity", format!("{:.4}", attribution.similarity)))
            @if let Some(probability) = attribution.probability {
                (entry("Probability", percent(probability)))
            }
            @if let Some(rank) = attribution.rank {
                (entry("Rank", format!("{} of {} captions", rank.place(), rank.of())))
            }
            @for (unit, other) in of_image.chain(of_text) {
                (entry(capitalized(other.role.name()), value(unit, other.saliency)))
            }
            @if let (Some((_, share)), Some(name)) = (text.pooled_share(), text.read_name()) {
                (entry(visible(&format!("{}'s share", capitalized(&name))), format!("{:.0} %", share * 100.0)))
            }
        }
        p.note {
            @if units.contains(&Unit::Nats) {
                "Nats measure how much information a patch or word had to pass on for the fit to hold. "
            }
            @if units.contains(&Unit::Share) {
                "What passed is a share, 0 to 1, of a patch or word. "
            }
            "These tokens belong to no patch and no word."
        }
    }
}

fn capitalized(name: &str) -> String {
    name[..1].to_uppercase() + &name[1..]
}

/// Everything needed to make the explanation again.
pub(crate) fn provenance(provenance: &Provenance) -> Markup {
    html! {
        h2 { "Provenance" }
        div.provenance {
            div {
                h3 { "Explanation" }
                dl {
                (entry("Model", visible(&provenance.model)))
                (entry("Identity", html! { code { (visible(&provenance.identity)) } }))
                (entry("Method", visible(&provenance.method.to_string())))
                @if let Some(bottlenecks) = provenance.bottlenecks() {
                    (entry("Calibration", visible(bottlenecks.calibration.as_deref().unwrap_or("none"))))
                }
                @if let Some(window) = provenance.adjustment.window {
                    (entry("Levels shown", window.to_string()))
                }
                @if let Some(background) = provenance.adjustment.background {
                    (entry("Laid on", background.to_string()))
                }
                (entry("Image's fit", visible(&provenance.fits.image)))
                (entry("Text's fit", visible(&provenance.fits.text)))
                (entry("Seed", provenance.seed))
                (entry("Backend", visible(&provenance.backend)))
                (entry("Precision", visible(&provenance.precision)))
                (entry("Version", format!("m2ib {}", visible(&provenance.version))))
                }
            }
            (settings(&provenance.method))
        }
    }
}

fn settings(method: &Method) -> Markup {
    match method {
        Method::M2ib(bottlenecks) => html! {
            (bottleneck("Image bottleneck", &bottlenecks.image))
            (bottleneck("Text bottleneck", &bottlenecks.text))
        },
        Method::Other { settings, .. } => html! {
            @if !settings.is_empty() {
                div {
                    h3 { "Settings" }
                    dl { @for (name, value) in settings { (entry(visible(name), visible(value))) } }
                }
            }
        },
    }
}

fn bottleneck(name: &str, settings: &ModalitySettings) -> Markup {
    let noise = match settings.noise {
        Noise::Isotropic { sigma } => format!("isotropic, σ = {sigma}"),
        Noise::Matched => "matched".into(),
    };
    let bottleneck = settings.bottleneck;
    html! {
        div {
            h3 { (name) }
            dl {
                (entry("Layer", settings.layer.to_string()))
                (entry("Noise", noise))
                (entry("β", bottleneck.beta.to_string()))
                @if bottleneck.two_sided() { (entry("γ", bottleneck.gamma.to_string())) }
                (entry("Gates", format!("{}, from α = {}", bottleneck.gates, bottleneck.start)))
                (entry("Learning rate", bottleneck.learning_rate.to_string()))
                (entry("Steps", bottleneck.steps))
                (entry("Samples", format!("{}, {}", bottleneck.samples, settings.sampling)))
                (entry("Shown", bottleneck.quantity.to_string()))
                @if settings.shifts != Shifts::ONE {
                    (entry("Shifted grids", settings.shifts.count()))
                }
            }
        }
    }
}

fn entry(name: impl Render, value: impl Render) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}
