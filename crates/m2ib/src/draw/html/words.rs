//! The caption's words with their scores, and the table of all tokens.

use clip_model::TokenKind;
use maud::{Markup, html};

use crate::TextAttribution;
use crate::draw::number_format::NumberFormat;
use crate::draw::runs::{Run, runs};
use crate::draw::visible::visible;

/// The caption, each word shaded by its score; its nats appear when it is pointed at or focused.
pub(super) fn caption(text: &TextAttribution) -> Markup {
    let words = text.words();
    let format = NumberFormat::column(words.iter().map(|word| word.nats));
    html! {
        h2 { "Caption" }
        // Neighbouring elements must not gain spaces between them: captions have words without.
        p.caption dir="auto" {
            @for run in runs(&text.caption, &words) {
                @match run {
                    Run::Word { index, text } => {
                        span.word tabindex="0" role="note" style=(format!("--score:{:.3}", words[index].score))
                            aria-describedby=(format!("word-{index}")) {
                            (visible(text))
                            span.tip #(format!("word-{index}")) role="tooltip" dir="ltr" {
                                b { (format.write(words[index].nats)) " nats" }
                                span { "score " (format!("{:.2}", words[index].score)) }
                            }
                        }
                    }
                    Run::Between(text) => (visible(text)),
                    Run::Cut(text) => s.cut title="left out: the caption is too long for the model" { (visible(text)) },
                }
            }
        }
        p.note { "Point at a word, or reach it with the tab key, to see its nats." }
    }
}

/// Every token with its id, nats and score, behind a fold.
pub(super) fn tokens(text: &TextAttribution) -> Markup {
    let tokens = text.tokens();
    let format = NumberFormat::column(text.nats.iter().copied());
    let largest = text.nats.iter().copied().fold(0.0, f32::max);
    let percent = |nats: f32| {
        if largest > 0.0 {
            nats / largest * 100.0
        } else {
            0.0
        }
    };
    let piece =
        |span: &std::ops::Range<usize>| text.caption.text.get(span.clone()).unwrap_or_default();
    html! {
        details {
            summary { "All " (tokens.len()) " tokens" }
            div.wide {
                table {
                    thead {
                        tr {
                            th scope="col" { "Token" }
                            th scope="col" { "Stands for" }
                            th.number scope="col" { "Id" }
                            th.number scope="col" { "Nats" }
                            td aria-hidden="true" {}
                            th.number scope="col" { "Score" }
                        }
                    }
                    tbody {
                        @for score in &tokens {
                            @let special = score.token.kind != TokenKind::Text;
                            tr.special[special] {
                                th scope="row" { code { (visible(&score.token.text)) } }
                                td dir="auto" {
                                    @match score.token.kind {
                                        TokenKind::Start => "start token",
                                        TokenKind::End => "end token",
                                        TokenKind::Text => (visible(piece(&score.token.span))),
                                    }
                                }
                                td.number { (score.token.id) }
                                td.number { (format.write(score.nats)) }
                                td.meter aria-hidden="true" {
                                    div style=(format!("width:{:.1}%", percent(score.nats))) {}
                                }
                                td.number { @if special { "–" } @else { (format!("{:.2}", score.score)) } }
                            }
                        }
                    }
                }
            }
            p.note {
                "A word's nats are those of its tokens summed. Start and end token stand apart: they "
                "belong to no word and are not scaled with the others."
            }
        }
    }
}
