//! The report as one page that needs nothing else.

use m2ib::draw::{LOOK_CLOSER, page, visible};
use maud::{Markup, html};

use super::{Example, Pictures, Report, Word};

const STYLE: &str = include_str!("page.css");

impl Report {
    /// One self-contained page.
    pub fn to_html(&self, pictures: &Pictures) -> String {
        let title = format!("{} on {}", self.model, self.data);
        let main = html! {
            h1 { (visible(&title)) }
            p.lead { (visible(&self.method)) ", " (count(self.explained)) " of " (count(self.total)) " rows" }
            @if self.explained > 0 { (self.tiles()) }
            (self.gaps())
            @if self.explained > 0 {
                section.card { (self.evidence()) }
                section.card { (self.words()) }
            } @else {
                p.warnings { "None of the rows could be explained, so there is nothing to sum up but why." }
            }
            @for (title, about, examples) in &self.examples {
                section.card { (gallery(title, about, examples, pictures)) }
            }
            (self.counts())
            @if let Some(reason) = &pictures.reason {
                p.note { "Some pictures are not shown: " (visible(reason)) }
            }
        };
        page(&visible(&title), STYLE, LOOK_CLOSER, &main.into_string())
    }

    fn tiles(&self) -> Markup {
        let tile = |value: String, what: &str| {
            html! { div.tile.card { strong { (value) } span { (what) } } }
        };
        html! {
            div.tiles {
                @if let Some(similarity) = self.similarity {
                    (tile(format!("{similarity:.3}"), "mean similarity"))
                }
                @if let Some(first) = self.first_rank {
                    (tile(percent(first), &format!("have the caption that fits best of {}", self.bank)))
                }
                @if let Some(chance) = self.by_chance {
                    (tile(count(chance), "fit no better than chance"))
                }
                @if let (Some(pointing), Some(area)) = (self.pointing, self.area) {
                    (tile(percent(pointing), &format!("point at what the data marks ({} by chance)", percent(area))))
                    (tile(count(self.contradicting), "lie elsewhere than the data says"))
                }
                (tile(percent(self.evidence.thirds[1][1]), "of the evidence in the middle ninth"))
                (tile(percent(self.evidence.border), "along the border (36 % if even)"))
                @if let Some(concentration) = self.concentration {
                    (tile(percent(concentration), "of a map in its hottest tenth"))
                }
                (tile(duration(self.hours), "of one thread"))
            }
        }
    }

    fn gaps(&self) -> Markup {
        html! {
            @if !self.missing.is_empty() {
                p.warnings { "Not explained yet: rows " (self.missing) "." }
            }
        }
    }

    fn evidence(&self) -> Markup {
        let most = self.evidence.thirds.as_flattened();
        let most = most.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        html! {
            h2 { "Where the evidence falls" }
            p.note { "The mean of all maps over nine equal parts of what the model sees, each pair counted alike; "
                "spread evenly, each part would have 11 %." }
            div.thirds {
                @for row in &self.evidence.thirds {
                    @for &share in row {
                        div style=(format!("--heat:{:.0}%", 100.0 * share / most)) { (percent(share)) }
                    }
                }
            }
            @if self.evidence.elsewhere > 0.005 {
                p.note { (percent(self.evidence.elsewhere)) " lie on tokens that are no part of the image." }
            }
        }
    }

    fn words(&self) -> Markup {
        let located = self.located > 0;
        html! {
            h2 { "By the word that counts most" }
            p.note { "Pairs by the word that carries the most in their caption, the most frequent first. A word "
                "counts where it carries at least a quarter of what the strongest carries." }
            div.wide role="region" tabindex="0" aria-label="By the word that counts most" { table {
                thead { tr {
                    th { "word" } th.number { "on top in" } th.number { "captions" } th.number { "counts in" }
                    th.number { "similarity" }
                    @if self.bank > 0 { th.number { "fit better" } }
                    @if located { th.number { "pointing" } }
                    th.number { "concentration" }
                } }
                tbody { @for word in &self.words { (word_row(word, self.bank > 0, located)) } }
            } }
            h2 { "Words that hardly ever count" }
            @if self.never.is_empty() {
                p.note { "None of those that are in three captions or more." }
            } @else {
                p.note { "In three captions or more, and in less than one of fifty of them with a quarter of what the strongest word carries." }
                ul.never {
                    @for word in &self.never {
                        li { (visible(&word.word)) " " small { (count(word.captions)) } }
                    }
                }
            }
        }
    }

    fn counts(&self) -> Markup {
        let table = |title: &str, counts: &std::collections::BTreeMap<String, u64>| {
            let mut counts: Vec<_> = counts.iter().collect();
            counts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
            html! {
                section.card {
                    h2 { (title) }
                    div.wide role="region" tabindex="0" aria-label=(title) { table { tbody {
                        @for (what, rows) in counts {
                            tr { td.text { (visible(what)) } td.number { (count(*rows)) } }
                        }
                    } } }
                }
            }
        };
        html! {
            @if !self.warnings.is_empty() { (table("Warnings", &self.warnings)) }
            @if !self.failures.is_empty() { (table("Rows that could not be explained", &self.failures)) }
        }
    }
}

fn word_row(word: &Word, ranked: bool, located: bool) -> Markup {
    let two = |value: Option<f64>| value.map_or("–".into(), |value| format!("{value:.2}"));
    let share = |value: Option<f64>| value.map_or("–".into(), percent);
    html! {
        tr {
            th scope="row" { (visible(&word.word)) }
            td.number { (count(word.on_top)) }
            td.number { (count(word.captions)) }
            td.number { (count(word.counts)) }
            td.number { (two(word.similarity)) }
            @if ranked { td.number { (share(word.chance)) } }
            @if located { td.number { (share(word.pointing)) } }
            td.number { (share(word.concentration)) }
        }
    }
}

fn gallery(title: &str, about: &str, examples: &[Example], pictures: &Pictures) -> Markup {
    html! {
        h2 { (title) }
        p.note { "Under each: " (about) "." }
        div.pictures {
            @for example in examples {
                figure {
                    @match pictures.drawn.get(&example.place) {
                        Some(picture) => img src=(picture) alt=(visible(&example.caption));,
                        None => div.none { "no picture" },
                    }
                    figcaption {
                        p.caption {
                            @for (word, share) in example.words() {
                                span style=(format!("--heat:{:.0}%", 100.0 * share)) { (visible(word)) } " "
                            }
                        }
                        p.note { (format!("{:.2}", example.value)) " · " (visible(&example.id)) }
                    }
                }
            }
        }
    }
}

fn percent(share: f64) -> String {
    match 100.0 * share {
        small if small > 0.0 && small < 9.95 => format!("{small:.1} %"),
        large => format!("{large:.0} %"),
    }
}

/// Hours as people say them.
fn duration(hours: f64) -> String {
    match hours * 3600.0 {
        seconds if seconds < 99.5 => format!("{seconds:.0} s"),
        seconds if seconds < 5970.0 => format!("{:.0} min", seconds / 60.0),
        _ if hours < 99.5 => format!("{hours:.1} h"),
        _ => format!("{} h", count(hours.round() as u64)),
    }
}

/// A number with thin spaces between thousands.
fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{2009}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(count(1_234_567), "1\u{2009}234\u{2009}567");
        assert_eq!(count(12), "12");
        assert_eq!(
            [percent(0.0), percent(0.0312), percent(0.5)],
            ["0 %", "3.1 %", "50 %"]
        );
        assert_eq!(
            [0.001, 0.5, 2.5, 1234.4].map(duration),
            ["4 s", "30 min", "2.5 h", "1\u{2009}234 h"]
        );
    }
}
