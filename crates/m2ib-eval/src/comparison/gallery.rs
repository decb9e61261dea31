//! The same pairs explained by every method, to look at side by side.

use m2ib::draw::{self, LOOK_CLOSER, overlay, png_uri};
use m2ib::image::{DynamicImage, RgbImage};
use m2ib::{Asked, Attribution, DualEncoder, ImageAttribution, Modality, TextAttribution};
use m2ib_data::{Dataset, Row, RowFailure};
use m2ib_methods::{Method, Subject};
use m2ib_metrics::{Estimate, Interval, Metric};
use maud::{Markup, PreEscaped, html};

use super::outcome::{Outcomes, values};
use super::rival::held;
use super::standing::Standing;
use super::table::two;
use super::{Comparison, Finding, Plan, Trial};
use crate::Result;
use crate::journal::{Journal, Outcome};
use crate::roar::{RoarMeasure, RoarReport, Scores};

/// Longer sides of pictures in pixels.
const LONGEST: u32 = 480;

const STYLE: &str = include_str!("gallery.css");

/// Pairs with their pictures.
#[derive(Debug, Clone)]
pub struct Gallery {
    pairs: Vec<Pair>,
}

#[derive(Debug, Clone)]
struct Pair {
    row: String,
    caption: String,
    /// The image alone, then a picture a method.
    pictures: Vec<(String, std::result::Result<String, String>)>,
}

/// Shows `count` pairs of a data set by every method of a plan, as the journal holds them: nothing is
/// explained again, and what is shown is what was measured. A pair or a method that failed leaves
/// its reason in the place of its picture.
///
/// Where objects are known, the pairs reach from the one of which the first method puts most of its
/// map on the object to the one of which it puts least, since means hide both; else they are the
/// first.
///
/// # Errors
/// [`Error::Method`](crate::Error::Method) for a method that does not fit the model;
/// [`Error::Journal`](crate::Error::Journal).
pub fn gallery(
    plan: &Plan,
    model: &DualEncoder,
    dataset: &Dataset,
    journal: &Journal<Finding>,
    count: usize,
) -> Result<Gallery> {
    let keys = plan.methods.iter().map(|method| method.key());
    let methods: Vec<_> = keys.zip(plan.build(model)?).collect();
    let outcomes = plan.outcomes(dataset, journal)?;
    let pairs = shown(&outcomes, dataset, count).into_iter().map(|place| {
        let row = &dataset.rows[place];
        let known = plan.methods.iter();
        let known = known.map(|method| plan.outcome((dataset, place), journal, method.as_ref()));
        let known = known.collect::<Result<Vec<_>>>()?;
        let opened = open(model, row);
        let image = opened.as_ref().map(|(image, _)| image.to_rgb8());
        let own = image.map_err(Clone::clone).and_then(uri);
        let mut pictures = vec![("image".to_owned(), own)];
        let methods = methods.iter().zip(&known);
        pictures.extend(methods.map(|((name, method), known)| {
            let picture = opened.as_ref().map_err(Clone::clone);
            let picture = picture.and_then(|(image, subject)| match known {
                Some(Outcome::Result(trial)) => draw(trial, method.as_ref(), subject, image),
                Some(Outcome::Failure(reason)) => Err(reason.clone()),
                None => Err("not explained yet".into()),
            });
            (name.clone(), picture)
        }));
        Ok(Pair {
            row: row.key.clone(),
            caption: match &row.instead_of {
                None => row.caption.clone(),
                Some(rival) => format!("{}, rather than {rival}", row.caption),
            },
            pictures,
        })
    });
    Ok(Gallery {
        pairs: pairs.collect::<Result<_>>()?,
    })
}

/// What was measured, drawn over a picture small enough to be shown in a row.
fn draw(
    trial: &Trial,
    method: &dyn Method,
    subject: &Subject<'_>,
    shown: &DynamicImage,
) -> std::result::Result<String, String> {
    let Scores { image, text } = trial.scores.clone();
    if image.is_empty() || text.is_empty() {
        return Err("only one side of the pair was explained".into());
    }
    let ((size, view), unit) = (subject.covered(), method.unit());
    let image = ImageAttribution::new(image, unit, size, view);
    let attribution = Attribution {
        image: image.shown_at(shown.width(), shown.height()),
        text: TextAttribution {
            caption: subject.caption().clone(),
            saliency: text,
            read: subject.text_layout().read.clone(),
            unit,
            trace: Vec::new(),
        },
        similarity: subject.similarity(),
        probability: subject.model().probability(subject.similarity()),
        rank: None,
        warnings: Vec::new(),
        asked: Asked::default(),
        provenance: method.provenance(subject),
    };
    let drawn = overlay(&attribution, shown).render_with_caption();
    uri(drawn.map_err(|error| error.to_string())?)
}

/// The places of rows to look at.
fn shown(outcomes: &[Outcomes], dataset: &Dataset, count: usize) -> Vec<usize> {
    let energies = outcomes
        .first()
        .map(|outcomes| values(Metric::Energy, outcomes));
    let energies = energies.unwrap_or_default().into_iter();
    let known = energies.enumerate();
    let mut ranked: Vec<(usize, f64)> = known
        .filter_map(|(place, energy)| Some((place, energy?)))
        .collect();
    if ranked.is_empty() {
        return (0..dataset.rows.len().min(count)).collect();
    }
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let count = count.min(ranked.len());
    let steps = count.saturating_sub(1).max(1);
    let places = (0..count).map(|step| step * (ranked.len() - 1) / steps);
    places.map(|place| ranked[place].0).collect()
}

/// The image, small enough to be shown in a row, and the pair as it was measured.
fn open<'a>(
    model: &'a DualEncoder,
    row: &Row,
) -> std::result::Result<(DynamicImage, Subject<'a>), String> {
    let reason = |error: &dyn std::error::Error| RowFailure::new(row, error).reason;
    let image = row.open().map_err(|error| reason(&error))?;
    let subject = Subject::new(model, &image, &row.caption);
    let subject = subject.and_then(|subject| held(subject, row));
    let subject = subject.map_err(|error| reason(&error))?;
    let image = match image.width().max(image.height()) > LONGEST {
        true => image.thumbnail(LONGEST, LONGEST),
        false => image.into_image(),
    };
    Ok((image, subject))
}

/// A picture inside the page.
fn uri(picture: RgbImage) -> std::result::Result<String, String> {
    png_uri(picture).map_err(|error| error.to_string())
}

impl Comparison {
    /// One self-contained page: tables, charts, and the gallery.
    ///
    /// # Errors
    /// [`Error::Draw`](crate::Error::Draw).
    pub fn to_html(&self, gallery: &Gallery) -> Result<String> {
        let charts = [Modality::Image, Modality::Text].map(|side| Ok((side, self.to_svgs(side)?)));
        let charts = charts.into_iter().collect::<Result<Vec<_>>>()?;
        let title = format!("Explanations of {} compared", self.model);
        let main = html! {
            h1 { (title) }
            p { (counted(self.pairs, "pair")) " of " (self.data) ", " (counted(self.methods.len(), "method")) ". "
                "Means with 95 % confidence intervals over pictures; ↑ or ↓ says which way is better. "
                @for words in self.legend() { (words) " " } }
            @if !self.notes.is_empty() {
                ul.notes { @for note in &self.notes { li { (note) } } }
            }
            @for (side, charts) in &charts {
                @if !charts.is_empty() {
                    @let title = format!("The {side}'s explanation");
                    h2 { (title) }
                    (wide(&title, self.rows(*side)))
                    figure.charts aria-label=(format!("{title}, drawn")) {
                        @for chart in charts { (PreEscaped(chart)) }
                    }
                }
            }
            @if let Some(report) = &self.roar { (roar(report)) }
            h2 { "Speed" }
            (wide("Speed", self.speeds()))
            @if !gallery.pairs.is_empty() {
                h2 { "The same pairs by every method" }
                @for pair in &gallery.pairs { (pair.show()) }
            }
            (self.failures())
        };
        Ok(draw::page(&title, STYLE, LOOK_CLOSER, &main.into_string()))
    }

    fn rows(&self, modality: Modality) -> Markup {
        let metrics = self.metrics(modality);
        html! {
            table {
                thead { tr {
                    th scope="col" { "method" }
                    @for metric in &metrics {
                        th.number scope="col" title=(metric.key()) {
                            (self.heading(*metric))
                        }
                        @if self.has_chance(*metric) { th.number scope="col" { "chance" } }
                    }
                } }
                tbody { @for (place, column) in self.methods.iter().enumerate() { tr {
                    th scope="row" { (column.method) }
                    @for &metric in &metrics {
                        @match column.summaries.get(&metric).and_then(|s| s.value) {
                            None => td.number { "–" },
                            Some(value) => {
                                @let scale = metric.scale();
                                @let standing = self.standing(place, metric);
                                td.number.best[standing == Standing::Best] title=(about(value, scale)) {
                                    (two(value.mean * scale))
                                    @if let Some(half) = value.half() { small { " ± " (two(half * scale)) } }
                                    (standing.mark())
                                    @if let Some(count) = self.own_count(column, metric) {
                                        small { " (n = " (count) ")" }
                                    }
                                }
                            },
                        }
                        @if self.has_chance(metric) { td.number { (self.chance(column, metric)) } }
                    }
                } } }
            }
        }
    }

    fn speeds(&self) -> Markup {
        html! {
            table {
                thead { tr {
                    th scope="col" { "method" }
                    th.number scope="col" { "pairs/s" }
                    th.number scope="col" { "explained" }
                    th.number scope="col" { "failed" }
                } }
                tbody { @for column in &self.methods { tr {
                    th scope="row" { (column.method) }
                    td.number { (format!("{:.2}", column.pairs_a_second)) }
                    td.number { (column.explained) }
                    td.number { (column.failed.len()) }
                } } }
            }
        }
    }

    fn failures(&self) -> Markup {
        let failed = self.methods.iter().flat_map(|column| {
            let method = column.method.as_str();
            column.failed.iter().map(move |failed| (method, failed))
        });
        let failed: Vec<_> = failed.collect();
        html! {
            @if !failed.is_empty() || !self.unread.is_empty() {
                h2 { "What failed" }
                ul {
                    @for failure in &self.unread { li { (failure.row) ": " (failure.reason) } }
                    @for (method, failure) in &failed {
                        li { (method) ", " (failure.row) ": " (failure.reason) }
                    }
                }
            }
        }
    }
}

/// A table that is moved sideways on a narrow screen, by keys as well.
fn wide(title: &str, table: Markup) -> Markup {
    html! {
        div.wide.card role="region" tabindex="0" aria-label=(title) { (table) }
    }
}

/// "1 pair", "2 pairs".
fn counted(count: usize, what: &str) -> String {
    let many = if count == 1 { "" } else { "s" };
    format!("{count} {what}{many}")
}

/// The interval of a mean, for who points at it.
fn about(value: Estimate, scale: f64) -> String {
    match value.interval {
        Some(Interval { low, high }) => format!("{:.3} to {:.3}", low * scale, high * scale),
        None => "no interval".into(),
    }
}

/// What each method's removals cost a model that is fine-tuned without them.
fn roar(report: &RoarReport) -> Markup {
    html! {
        h2 { "ROAR+" }
        p { "What a model has lost when it was fine-tuned on " (report.training) " pairs without what a method "
            "calls important, compared with one that was fine-tuned on them as they were; on "
            (report.validation) " whole pairs" @if report.runs > 1 { ", over " (report.runs) " splits" }
            ". More is better; what is no more than chance is nothing." }
        (wide("ROAR+", html! { table {
            thead { tr {
                th scope="col" { "removed by" }
                @for measure in RoarMeasure::ALL { th.number scope="col" { (measure.label()) " ↑" } }
            } }
            tbody { @for row in [&report.random].into_iter().chain(&report.methods) { tr {
                th scope="row" { (row.name) }
                @for measure in RoarMeasure::ALL {
                    @let value = measure.of(&row.fall);
                    td.number title=(about(value, 1.0)) {
                        (format!("{:.3}", value.mean))
                        @if let Some(half) = value.half() { small { " ± " (format!("{half:.3}")) } }
                    }
                }
            } } }
        } }))
        p { (report.levels()) " " (report.spread()) }
    }
}

impl Pair {
    fn show(&self) -> Markup {
        html! {
            section.pair {
                h3 { "“" (self.caption) "”" small { " " (self.row) } }
                div.pictures {
                    @for (name, picture) in &self.pictures {
                        figure {
                            @match picture {
                                Ok(uri) => img src=(uri) alt=(format!("{name}: {}", self.caption)) decoding="async";,
                                Err(reason) => p.failed { (reason) },
                            }
                            figcaption { (name) }
                        }
                    }
                }
            }
        }
    }
}
