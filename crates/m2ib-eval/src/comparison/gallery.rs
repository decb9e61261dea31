//! The same pairs explained by every method, to look at side by side.

use m2ib::draw::{overlay, png_uri};
use m2ib::image::{DynamicImage, RgbImage};
use m2ib::{DualEncoder, Modality};
use m2ib_data::{Dataset, Row};
use m2ib_methods::Subject;
use m2ib_metrics::{Interval, Metric};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::outcome::Standing;
use super::{Comparison, Plan, Trial};
use crate::Result;
use crate::journal::Journal;
use crate::roar::{RoarMeasure, RoarReport};

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

/// Explains `count` pairs of a data set by every method of a plan. A pair or a method that fails
/// leaves its reason in the place of its picture.
///
/// Where objects are known, the pairs reach from the one of which the first method puts most of its
/// map on the object to the one of which it puts least, since means hide both; else they are the
/// first.
///
/// # Errors
/// [`Error::Method`](crate::Error::Method) for a method that does not fit the model.
pub fn gallery(
    plan: &Plan,
    model: &DualEncoder,
    dataset: &Dataset,
    journal: &Journal<Trial>,
    count: usize,
) -> Result<Gallery> {
    let keys = plan.methods.iter().map(|method| method.key());
    let methods: Vec<_> = keys.zip(plan.build(model)?).collect();
    let rows = shown(plan, dataset, journal, count);
    let rows = rows.into_iter().map(|place| &dataset.rows[place]);
    let pairs = rows.map(|row| {
        let opened = open(model, row);
        let image = opened.as_ref().map(|(image, _)| image.to_rgb8());
        let own = image.map_err(Clone::clone).and_then(uri);
        let mut pictures = vec![("image".to_owned(), own)];
        pictures.extend(methods.iter().map(|(name, method)| {
            let picture = opened.as_ref().map_err(Clone::clone);
            let picture = picture.and_then(|(image, subject)| {
                let attribution = method.attribute(subject).map_err(|e| e.to_string())?;
                let drawn = overlay(&attribution, image).render_with_caption();
                uri(drawn.map_err(|error| error.to_string())?)
            });
            (name.clone(), picture)
        }));
        Pair {
            row: row.key.clone(),
            caption: row.caption.clone(),
            pictures,
        }
    });
    Ok(Gallery {
        pairs: pairs.collect(),
    })
}

/// The places of rows to look at.
fn shown(plan: &Plan, dataset: &Dataset, journal: &Journal<Trial>, count: usize) -> Vec<usize> {
    let energies = plan.values(Metric::Energy, dataset, journal);
    let energies = energies.into_iter().next().unwrap_or_default().into_iter();
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

/// The image, small enough to be shown in a row, and the pair.
fn open<'a>(
    model: &'a DualEncoder,
    row: &Row,
) -> std::result::Result<(DynamicImage, Subject<'a>), String> {
    let image = row.open().map_err(|error| error.to_string())?;
    let image = match image.width().max(image.height()) > LONGEST {
        true => image.thumbnail(LONGEST, LONGEST),
        false => image,
    };
    let subject = Subject::new(model, &image, &row.caption);
    Ok((image, subject.map_err(|error| error.to_string())?))
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
        let charts = [Modality::Image, Modality::Text].map(|side| Ok((side, self.to_svg(side)?)));
        let charts = charts.into_iter().collect::<Result<Vec<_>>>()?;
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    link rel="icon" href="data:,";
                    title { "Explanations of " (self.model) " compared" }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    main {
                        h1 { "Explanations of " (self.model) " compared" }
                        p { (self.pairs) " pairs of " (self.data) ", " (self.methods.len()) " methods. "
                            "Means with 95 % confidence intervals; ↑ or ↓ says which way is better. "
                            "† marks a control that knows nothing of the pair and is better than every method." }
                        @for (side, svg) in &charts {
                            @if !svg.is_empty() {
                                h2 { "The " (side.to_string()) "'s explanation" }
                                div.wide { (self.rows(*side)) }
                                figure.chart { (PreEscaped(svg)) }
                            }
                        }
                        @if let Some(report) = &self.roar { (roar(report)) }
                        h2 { "Speed" }
                        div.wide { (self.speeds()) }
                        @if !gallery.pairs.is_empty() {
                            h2 { "The same pairs by every method" }
                            @for pair in &gallery.pairs { (pair.show()) }
                        }
                        (self.failures())
                    }
                }
            }
        };
        Ok(page.into_string())
    }

    fn rows(&self, modality: Modality) -> Markup {
        let metrics = self.metrics(modality);
        html! {
            table {
                thead { tr {
                    th scope="col" { "method" }
                    @for metric in &metrics {
                        th.number scope="col" title=(metric.key()) {
                            (metric.label()) " " (metric.direction().arrow())
                        }
                        @if self.has_chance(*metric) { th.number scope="col" { "chance" } }
                    }
                } }
                tbody { @for column in &self.methods { tr {
                    th scope="row" { (column.method) }
                    @for &metric in &metrics {
                        @let interval = column.summaries.get(&metric).and_then(|s| s.interval);
                        @match interval {
                            None => td.number { "–" },
                            Some(interval) => {
                                @let scale = metric.scale();
                                @let standing = self.standing(column, metric);
                                td.number.best[standing == Standing::Best]
                                    title=(format!("{:.3} to {:.3}", interval.low * scale, interval.high * scale)) {
                                    (format!("{:.2}", interval.mean * scale))
                                    small { " ± " (format!("{:.2}", (interval.high - interval.low) / 2.0 * scale)) }
                                    @if standing == Standing::Ahead { " †" }
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

/// What each method's removals cost a model that is fine-tuned without them.
fn roar(report: &RoarReport) -> Markup {
    html! {
        h2 { "ROAR+" }
        p { "What a model has lost when it was fine-tuned on " (report.training) " pairs without what a method "
            "calls important, compared with one that was fine-tuned on them as they were; on "
            (report.validation) " whole pairs" @if report.runs > 1 { ", over " (report.runs) " splits" }
            ". More is better; what is no more than chance is nothing." }
        div.wide { table {
            thead { tr {
                th scope="col" { "removed by" }
                @for measure in RoarMeasure::ALL { th.number scope="col" { (measure.label()) " ↑" } }
            } }
            tbody { @for row in [&report.random].into_iter().chain(&report.methods) { tr {
                th scope="row" { (row.name) }
                @for measure in RoarMeasure::ALL {
                    @let Interval { mean, low, high } = measure.of(&row.fall);
                    td.number title=(format!("{low:.3} to {high:.3}")) {
                        (format!("{mean:.3}"))
                        small { " ± " (format!("{:.3}", (high - low) / 2.0)) }
                    }
                }
            } } }
        } }
        p { (report.levels()) }
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
                                Ok(uri) => img src=(uri) alt=(format!("{name}: {}", self.caption)) loading="lazy";,
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
