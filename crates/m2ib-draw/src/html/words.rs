//! The caption's words with their scores, and the table of all tokens.

use clip_input::Role;
use m2ib_attribution::{TextAttribution, Unit};
use maud::{Markup, html};

use crate::number_format::NumberFormat;
use crate::runs::{Run, runs};
use crate::visible::visible;

/// The caption, each word shaded by its score; its saliency appears when it is pointed at or focused.
pub(crate) fn caption(text: &TextAttribution) -> Markup {
    html! {
        h2 { "Caption" }
        (shaded(text, ""))
        p.note { "Point at a word, or reach it with the tab key, to see its " (text.unit.amount()) "." }
    }
}

/// The words alone; the prefix tells them from those of other captions on the page.
pub(crate) fn shaded(text: &TextAttribution, prefix: &str) -> Markup {
    let unit = text.unit;
    let words = text.words();
    let format = NumberFormat::column(words.iter().map(|word| word.saliency));
    html! {
        // Neighbouring elements must not gain spaces between them: captions have words without.
        p.caption dir="auto" {
            @for run in runs(&text.caption, &words) {
                @match run {
                    Run::Word { index, text } => {
                        span.word tabindex="0" role="note" style=(format!("--score:{:.3}", words[index].score))
                            aria-describedby=(format!("{prefix}word-{index}")) {
                            (visible(text))
                            span.tip #(format!("{prefix}word-{index}")) role="tooltip" dir="ltr" {
                                b { (unit.after(&format.write(words[index].saliency))) }
                                span { "score " (format!("{:.2}", words[index].score)) }
                            }
                        }
                    }
                    Run::Between(text) => (visible(text)),
                    Run::Cut(text) => s.cut title="left out: the caption is too long for the model" { (visible(text)) },
                }
            }
        }
    }
}

/// Every token with its id, saliency and score, behind a fold.
pub(crate) fn tokens(text: &TextAttribution) -> Markup {
    let tokens = text.tokens();
    let format = NumberFormat::column(text.saliency.iter().copied());
    // Where next to nothing was passed, no bar is long.
    let largest = text
        .saliency
        .iter()
        .copied()
        .fold(text.unit.negligible(), f32::max);
    let column = match text.unit {
        Unit::Nats => "Nats",
        _ => "Saliency",
    };
    let percent = |value: f32| {
        if largest > 0.0 {
            (value / largest * 100.0).max(0.0)
        } else {
            0.0
        }
    };
    let piece =
        |span: &std::ops::Range<usize>| text.caption.text.get(span.clone()).unwrap_or_default();
    html! {
        details {
            summary { "All " (tokens.len()) " tokens" }
            div.wide role="region" tabindex="0" aria-label="All tokens" {
                table {
                    thead {
                        tr {
                            th scope="col" { "Token" }
                            th scope="col" { "Stands for" }
                            th.number scope="col" { "Id" }
                            th.number scope="col" { (column) }
                            td aria-hidden="true" {}
                            th.number scope="col" { "Score" }
                        }
                    }
                    tbody {
                        @for score in &tokens {
                            @let special = score.token.role != Role::Piece;
                            tr.special[special] {
                                th scope="row" { code { (visible(&score.token.text)) } }
                                td dir="auto" {
                                    @match score.token.role {
                                        Role::Piece => (visible(piece(&score.token.span))),
                                        role => (role.name()),
                                    }
                                }
                                td.number { (score.token.id) }
                                td.number { (format.write(score.saliency)) }
                                td.meter aria-hidden="true" {
                                    div style=(format!("width:{:.1}%", percent(score.saliency))) {}
                                }
                                td.number { @if special { "–" } @else { (format!("{:.2}", score.score)) } }
                            }
                        }
                    }
                }
            }
            p.note {
                "A word counts its tokens summed. Other tokens stand apart: they "
                "belong to no word and are not scaled with the others."
            }
        }
    }
}
