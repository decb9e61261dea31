//! The optimisation's course as a plot: compression, fit and total, one panel each, step by step.

use std::io;

use m2ib_settings::{Modality, Step};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::number_format::NumberFormat;
use crate::{Error, Result};

/// Plotters places points on whole pixels, so everything is drawn large and shown smaller.
const WIDTH: u32 = 840;
const PANEL: u32 = 210;
const LABELS: u32 = 132;
const BELOW: u32 = 16;
const FOOTER: u32 = 40;
/// Plotters takes an em of 1.24 times the font size it writes.
const FONT: f64 = 24.0 * 1.24;
const LINE: u32 = 4;

/// Stands for the page's text colour, which plotters cannot name.
const INK: RGBColor = RGBColor(1, 2, 3);
const INK_IN_SVG: &str = "#010203";
/// Cover of labels, so that they stand back.
const FAINT: f64 = 0.75;

type Drawn = std::result::Result<(), DrawingAreaErrorKind<io::Error>>;

/// One quantity over the steps.
struct Series {
    name: &'static str,
    unit: &'static str,
    color: RGBColor,
    /// Whether it is there without a second side.
    of_one_side: bool,
    /// None of a step that has none of it.
    value: fn(&Step) -> Option<f32>,
}

/// The colours have a contrast of 3 : 1 and more to white as to near-black.
const SERIES: [Series; 4] = [
    Series {
        name: "compression",
        unit: " nats a unit",
        color: RGBColor(214, 104, 32),
        of_one_side: true,
        value: |step| Some(step.compression),
    },
    Series {
        name: "fit",
        unit: " cosine similarity",
        color: RGBColor(28, 142, 128),
        of_one_side: true,
        value: |step| Some(step.fit),
    },
    Series {
        name: "withheld fit",
        unit: " cosine similarity",
        color: RGBColor(196, 78, 142),
        of_one_side: false,
        value: |step| step.withheld_fit,
    },
    Series {
        name: "total",
        unit: "",
        color: RGBColor(122, 112, 214),
        of_one_side: true,
        value: |step| Some(step.total),
    },
];

/// An SVG element for inside a page: axes and text in the page's text colour, the ground left
/// transparent.
///
/// # Errors
/// [`Error::Drawing`] if the plotting library reports something.
pub(crate) fn traces(modality: Modality, steps: &[Step]) -> Result<String> {
    let mut svg = String::new();
    draw(&mut svg, steps).map_err(|error| Error::Drawing {
        what: "the optimisation's traces",
        reason: error.to_string(),
    })?;
    let label = format!("Compression, fit and total of the {modality}'s bottleneck, step by step");
    let head = format!("<svg class=\"plot\" role=\"img\" aria-label=\"{label}\"");
    Ok(svg
        .replace(INK_IN_SVG, "currentColor")
        .replacen("<svg", &head, 1))
}

fn draw(svg: &mut String, steps: &[Step]) -> Drawn {
    // A second side's only where there is one.
    let two_sided = steps.iter().any(|step| step.withheld_fit.is_some());
    let kept = |series: &&Series| two_sided || series.of_one_side;
    let series: Vec<_> = SERIES.iter().filter(kept).collect();
    let height = series.len() as u32 * PANEL + FOOTER;
    let whole = SVGBackend::with_string(svg, (WIDTH, height)).into_drawing_area();
    let mut rest = whole.clone();
    let last = series.len() - 1;
    for (index, series) in series.into_iter().enumerate() {
        let footer = if index == last { FOOTER } else { 0 };
        let (area, below) = rest.split_vertically(PANEL + footer);
        panel(&area, series, steps, footer)?;
        rest = below;
    }
    whole.present()
}

/// Draws one quantity; `footer` is the room for the steps' axis beneath.
fn panel(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    series: &Series,
    steps: &[Step],
    footer: u32,
) -> Drawn {
    let points: Vec<(i32, f64)> = (1..)
        .zip(steps)
        .filter_map(|(step, values)| Some((step, f64::from((series.value)(values)?))))
        .filter(|(_, value)| value.is_finite())
        .collect();
    let axis = Axis::of(points.iter().map(|(_, value)| *value));
    let last = steps.len().max(1) as i32;
    // One step alone would be a range without extent.
    let range = if last == 1 { 0..2 } else { 1..last };

    title(area, series, points.last().map(|(_, end)| *end))?;
    if footer > 0 {
        let style = text(INK.mix(FAINT)).pos(Pos::new(HPos::Right, VPos::Top));
        let top = PANEL as i32 - BELOW as i32 + 12;
        area.draw_text("step", &style, (LABELS as i32 - 14, top))?;
    }

    let mut chart = ChartBuilder::on(area)
        .margin_top(46)
        .margin_bottom(BELOW)
        .margin_right(14)
        .set_label_area_size(LabelAreaPosition::Left, LABELS)
        .set_label_area_size(LabelAreaPosition::Bottom, footer)
        .build_cartesian_2d(
            range.with_key_points(step_ticks(last)),
            axis.low / axis.unit..axis.high / axis.unit,
        )?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(INK.mix(0.14).stroke_width(2))
        .light_line_style(TRANSPARENT)
        .axis_style(INK.mix(0.28).stroke_width(2))
        .label_style(text(INK.mix(FAINT)))
        .y_labels(4)
        .y_label_formatter(&|value| axis.format.write(value * axis.unit))
        .draw()?;
    let mut line = points
        .iter()
        .map(|&(step, value)| (step, value / axis.unit));
    chart.draw_series(LineSeries::new(
        line.clone(),
        series.color.stroke_width(LINE),
    ))?;
    let end = line
        .next_back()
        .map(|at| Circle::new(at, LINE * 2, series.color.filled()));
    chart.draw_series(end)?;
    Ok(())
}

/// The quantity's name, and its value at the last step.
fn title(area: &DrawingArea<SVGBackend<'_>, Shift>, series: &Series, end: Option<f64>) -> Drawn {
    let name = ("sans-serif", FONT).into_font().style(FontStyle::Bold);
    area.draw_text(series.name, &name.color(&series.color), (LABELS as i32, 10))?;
    if let Some(end) = end {
        let format = NumberFormat::new(end.abs(), end.abs() / 100.0);
        let end = format!("{}{} at the end", format.write(end), series.unit);
        let right = text(INK.mix(1.0)).pos(Pos::new(HPos::Right, VPos::Top));
        area.draw_text(&end, &right, (WIDTH as i32 - 12, 10))?;
    }
    Ok(())
}

fn text(color: RGBAColor) -> TextStyle<'static> {
    ("sans-serif", FONT).into_font().color(&color)
}

/// Round step numbers, six at most.
fn step_ticks(last: i32) -> Vec<i32> {
    let mut strides = (0..9).flat_map(|power| [1, 2, 5].map(|digit| digit * 10i32.pow(power)));
    let stride = strides.find(|stride| last / stride <= 6).unwrap_or(last);
    (1..=last / stride).map(|tick| tick * stride).collect()
}

/// A vertical axis that always has an extent.
struct Axis {
    low: f64,
    high: f64,
    /// The extent's power of ten: plotters looks for ticks in these units, since it takes an extent
    /// below 2e-16 for none.
    unit: f64,
    format: NumberFormat,
}

impl Axis {
    fn of(values: impl Iterator<Item = f64> + Clone) -> Self {
        let low = values.clone().fold(f64::INFINITY, f64::min);
        let high = values.fold(f64::NEG_INFINITY, f64::max);
        let largest = low.abs().max(high.abs());
        let (low, high) = match high - low {
            // Differences below single precision are rounding: drawn as a level line.
            spread if spread > 1e-6 * largest => (low - spread * 0.08, high + spread * 0.08),
            _ if largest.is_finite() && largest > 0.0 => {
                (low - largest * 0.1, high + largest * 0.1)
            }
            _ => (-1.0, 1.0),
        };
        let spread = high - low;
        Self {
            low,
            high,
            unit: 10f64.powf(spread.log10().floor()),
            format: NumberFormat::new(low.abs().max(high.abs()), spread / 5.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use proptest::prelude::*;

    fn constant(value: f32, steps: usize) -> Vec<Step> {
        let step = Step {
            compression: value,
            fit: value,
            withheld_fit: None,
            total: value,
        };
        vec![step; steps]
    }

    /// Places of the points a line goes through.
    fn lines(svg: &str) -> Vec<Vec<(f64, f64)>> {
        let points = |line: &str| {
            let (points, _) = line.split_once('"').unwrap();
            let pair = |point: &str| {
                let (x, y) = point.split_once(',').unwrap();
                (x.parse().unwrap(), y.parse().unwrap())
            };
            points.split_whitespace().map(pair).collect()
        };
        svg.split("stroke-width=\"4\" points=\"")
            .skip(1)
            .map(points)
            .collect()
    }

    #[test]
    fn every_step_is_on_the_plot_in_the_pages_colours() {
        let svg = traces(Modality::Image, &fixture::trace(10)).unwrap();
        assert!(svg.starts_with("<svg class=\"plot\"") && svg.trim_end().ends_with("</svg>"));
        assert!(svg.contains("currentColor") && !svg.contains(INK_IN_SVG));
        assert!(svg.contains("font-family=\"sans-serif\""));
        let lines = lines(&svg);
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| line.len() == 10));
        let falling = lines[0].iter().map(|(_, y)| *y);
        assert!(
            falling.is_sorted(),
            "falling compression goes down the page"
        );
    }

    #[test]
    fn a_second_side_has_a_line_of_its_own() {
        let mut steps = fixture::trace(10);
        for step in &mut steps {
            step.withheld_fit = Some(0.1);
        }
        let svg = traces(Modality::Image, &steps).unwrap();
        assert!(svg.contains("withheld fit"));
        let lines = lines(&svg);
        assert_eq!(lines.len(), 4);
        let bottom = f64::from(4 * PANEL + FOOTER);
        assert!(lines.into_iter().flatten().all(|(_, y)| y <= bottom));
    }

    #[test]
    fn one_step_and_none_are_drawn() {
        let svg = traces(Modality::Text, &fixture::trace(1)).unwrap();
        assert_eq!(svg.matches("<circle").count(), 3);
        let svg = traces(Modality::Text, &[]).unwrap();
        assert_eq!(svg.matches("<circle").count(), 0);
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(step_ticks(1), [1]);
        assert_eq!(step_ticks(10), [2, 4, 6, 8, 10]);
        assert_eq!(step_ticks(40), [10, 20, 30, 40]);
        assert!((1..3000).all(|last| (1..=6).contains(&step_ticks(last).len())));
    }

    /// What is written at the ticks of each vertical axis.
    fn value_labels(svg: &str) -> Vec<Vec<&str>> {
        let mut panels = Vec::new();
        for panel in svg.split("font-weight=\"bold\"").skip(1) {
            let texts = panel.split("<text").skip(1);
            let ends = texts.filter(|text| text.contains("text-anchor=\"end\""));
            let written = ends.filter_map(|text| text.split(['>', '<']).nth(1));
            let numbers = written
                .map(str::trim)
                .filter(|text| text.parse::<f64>().is_ok());
            panels.push(numbers.collect());
        }
        panels
    }

    #[test]
    fn labels_of_an_axis_differ_and_are_short() {
        let between = |low: f32, high: f32| [constant(low, 1), constant(high, 1)].concat();
        let spreads = (1..60).map(|spread| between(0.9, 0.9 + 0.013 * spread as f32));
        let magnitudes = (-37..38).map(|power| between(0.0, 10f32.powi(power)));
        let level = [3e-30, 4.4e12, -2e38, 0.0, 7.0].map(|value| constant(value, 3));
        for steps in spreads.chain(magnitudes).chain(level) {
            let svg = traces(Modality::Image, &steps).unwrap();
            for labels in value_labels(&svg) {
                assert!((2..=5).contains(&labels.len()), "{steps:?}: {labels:?}");
                assert!(
                    labels.windows(2).all(|pair| pair[0] != pair[1]),
                    "{labels:?}"
                );
                assert!(labels.iter().all(|label| label.len() <= 9), "{labels:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_the_values_all_is_inside(
            values in prop::collection::vec(any::<f32>(), 0..6), repeated in any::<f32>(), count in 0usize..4,
        ) {
            let mut steps: Vec<Step> = values.iter().flat_map(|&value| constant(value, 1)).collect();
            steps.extend(constant(repeated, count));
            let svg = traces(Modality::Image, &steps).unwrap();
            prop_assert!(!svg.contains("NaN") && !svg.contains("inf"));
            for (x, y) in lines(&svg).into_iter().flatten() {
                prop_assert!((0.0..=f64::from(WIDTH)).contains(&x));
                prop_assert!((0.0..=f64::from(3 * PANEL + FOOTER)).contains(&y));
            }
        }
    }
}
