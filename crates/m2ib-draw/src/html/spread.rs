//! How sure a map is, on the page.

use m2ib_attribution::{Attribution, Spread};
use maud::{Markup, html};

use crate::number_format::NumberFormat;
use crate::outline::{Edge, Outlines};
use crate::percent::whole_percent;
use crate::visible::visible;

/// The outline over the image, of what all seeds agree on; thin and dotted, of what any finds.
pub(crate) fn outline(attribution: &Attribution) -> Markup {
    let Some(outlines) = Outlines::of(attribution) else {
        return html! {};
    };
    let path = |edges: &[Edge]| {
        let line = |edge: &Edge| {
            let [[a, b], [c, d]] = [edge.from, edge.to].map(|at| at.map(|share| share * 1000.0));
            format!("M{a:.1} {b:.1}L{c:.1} {d:.1}")
        };
        edges.iter().map(line).collect::<String>()
    };
    html! {
        svg.outline viewBox="0 0 1000 1000" preserveAspectRatio="none" role="img"
            aria-label="The outline of what all seeds agree on" {
            path.any d=(path(&outlines.any)) {}
            path.under d=(path(&outlines.all)) {}
            path.all d=(path(&outlines.all)) {}
        }
    }
}

/// The numbers, and every word's.
pub(crate) fn section(attribution: &Attribution, spread: &Spread) -> Markup {
    let words = attribution.text.words();
    let format = NumberFormat::column(words.iter().map(|word| word.saliency));
    let unit = attribution.text.unit;
    html! {
        h2 { "How sure is it?" }
        p.note {
            "All of this is the mean of " (spread.seeds.len()) " seeds, " (spread.seeds[0]) " and those that follow it. "
            "The outline lies around what is above half of the map's range by every seed; the dotted one, by any."
        }
        dl.summary {
            (entry("Rank agreement of maps", format!("{:.2}", spread.image.rank_agreement)))
            (entry("Hottest tenth shared", whole_percent(spread.image.hottest)))
            (entry("Rank agreement of words", format!("{:.2}", spread.text.rank_agreement)))
        }
        div.wide role="region" tabindex="0" aria-label="How sure the words are" {
            table {
                thead { tr {
                    th scope="col" { "Word" }
                    th.number scope="col" { "Mean" }
                    th.number scope="col" { "Deviation" }
                    th.number scope="col" title="The share of the seeds by which it is the strongest" { "Strongest" }
                } }
                tbody {
                    @for (place, word) in words.iter().enumerate() {
                        tr {
                            th scope="row" dir="auto" { (visible(&word.text)) }
                            td.number { (unit.after(&format.write(word.saliency))) }
                            td.number { (format.write(spread.text.words.get(place).copied().unwrap_or_default())) }
                            td.number { (whole_percent(spread.text.strongest.get(place).copied().unwrap_or_default())) }
                        }
                    }
                }
            }
        }
    }
}

fn entry(name: &str, value: String) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}
