//! A contrast for a terminal.

use m2ib_attribution::{Attribution, Baseline, Contrast};

use crate::terminal::{ansi, dimmed};
use crate::visible::visible;

/// What was held against what, and the other way round beneath.
pub(crate) fn lines(attribution: &Attribution, contrast: &Contrast) -> String {
    let mut lines = vec![difference(attribution, contrast)];
    if let Some(text) = &contrast.reverse.text {
        lines.push(String::new());
        lines.push(dimmed(
            "the other way round, the rival instead of the caption:",
        ));
        lines.push(ansi(text));
    }
    lines.join("\n")
}

/// "0.3312 instead of 0.2904 for "a photo of a koala": a difference of 0.0408".
pub(crate) fn difference(attribution: &Attribution, contrast: &Contrast) -> String {
    let each = contrast.rivals.iter().map(|rival| {
        let name = match rival.caption.is_empty() {
            true => rival.name().to_owned(),
            false => format!("\"{}\"", visible(&rival.caption)),
        };
        match contrast.rivals.len() {
            1 => format!("{:.4} for {name}", rival.similarity),
            _ => format!(
                "{:.4} for {name} (weight {:.2})",
                rival.similarity, rival.weight
            ),
        }
    });
    let each: Vec<String> = each.collect();
    let of = match contrast.against {
        Baseline::Bank => "of the bank: ",
        Baseline::Captions | Baseline::Empty => "",
    };
    let kappa = match contrast.kappa {
        1.0 => String::new(),
        kappa => format!(" with \u{3ba} = {kappa}"),
    };
    format!(
        "similarity {:.4} instead of {of}{}: a difference of {:.4}{kappa}",
        attribution.similarity,
        each.join(", "),
        contrast.difference
    )
}
