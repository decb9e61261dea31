//! Means as panels: in each, everyone's mean on a line, with its interval.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use unicode_width::UnicodeWidthStr;

use crate::night::{by_night, labelled};
use crate::number_format::NumberFormat;
use crate::{Error, Result};

// Plotters places points on whole pixels, so everything is drawn large and shown smaller.
/// Of a panel, names aside.
const WIDTH: u32 = 370;
const MOST_ACROSS: usize = 3;
const ROW: u32 = 34;
const HEAD: u32 = 64;
const FOOT: u32 = 56;
/// Of a letter of a name, on average.
const LETTER: u32 = 11;
const MARGIN: u32 = 24;
/// Plotters takes an em of 1.24 times the font size it writes.
const FONT: f64 = 22.0 * 1.24;

const INK: RGBColor = RGBColor(60, 60, 66);
const BEST: RGBColor = RGBColor(180, 80, 15);
const OTHER: RGBColor = RGBColor(90, 110, 150);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = std::result::Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// A mean with its interval. What is not finite is not drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// Both ends of the interval, if there is one.
    pub ends: Option<[f64; 2]>,
    /// Whether it stands out as the best of its panel.
    pub best: bool,
}

/// One quantity.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// What is drawn.
    pub title: String,
    /// One for each name, where there is one.
    pub means: Vec<Option<Mean>>,
}

/// An SVG picture of one quantity after another, everyone by name in each; empty without panels.
///
/// # Errors
/// [`Error::Drawing`] if the plotting library reports something.
pub fn means(names: &[&str], panels: &[Panel]) -> Result<String> {
    if panels.is_empty() {
        return Ok(String::new());
    }
    let across = panels.len().min(MOST_ACROSS);
    let rows = panels.len().div_ceil(across);
    let height = HEAD + FOOT + ROW * names.len() as u32;
    let width = WIDTH + room(names);
    let size = (width * across as u32, height * rows as u32);
    let mut svg = String::new();
    let mut draw = || -> Drawn {
        let whole = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        whole.fill(&WHITE)?;
        let areas = whole.split_evenly((rows, across));
        for (area, panel) in areas.iter().zip(panels) {
            draw_panel(area, names, panel)?;
        }
        whole.present()
    };
    draw().map_err(|error| Error::Drawing {
        what: "the chart of means",
        reason: error.to_string(),
    })?;
    let titles: Vec<&str> = panels.iter().map(|panel| &*panel.title).collect();
    let (titles, names) = (titles.join(", "), names.join(", "));
    Ok(by_night(&labelled(
        &svg,
        &format!("{titles}: means of {names}"),
    )))
}

/// Room for the longest name.
fn room(names: &[&str]) -> u32 {
    let lengths = names.iter().map(|name| name.width());
    lengths.max().unwrap_or_default() as u32 * LETTER + 2 * MARGIN
}

fn draw_panel(area: &Area<'_>, names: &[&str], panel: &Panel) -> Drawn {
    let left = room(names);
    let style = ("sans-serif", FONT).into_font().style(FontStyle::Bold);
    area.draw_text(&panel.title, &style.color(&INK), (left as i32, 18))?;
    let axis = Axis::of(&panel.means);
    let mut chart = ChartBuilder::on(area)
        .margin_top(HEAD)
        .margin_right(MARGIN)
        .set_label_area_size(LabelAreaPosition::Left, left)
        .set_label_area_size(LabelAreaPosition::Bottom, FOOT)
        .build_cartesian_2d(axis.low..axis.high, names.len() as f64..0.0)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .bold_line_style(INK.mix(0.14).stroke_width(2))
        .light_line_style(TRANSPARENT)
        .axis_style(INK.mix(0.28).stroke_width(2))
        .label_style(("sans-serif", FONT * 0.8).into_font().color(&INK))
        .x_labels(4)
        .x_label_formatter(&|value| {
            let value = value * axis.unit;
            axis.format.write(value.clamp(f64::MIN, f64::MAX))
        })
        .y_labels(0)
        .draw()?;
    let middle = |place: usize| (HEAD + place as u32 * ROW + ROW / 2) as i32;
    let (edge, _) = area.get_base_pixel();
    for (place, mean) in panel.means.iter().enumerate() {
        let Some(mean) = mean.filter(|mean| mean.mean.is_finite()) else {
            continue;
        };
        let color = if mean.best { BEST } else { OTHER };
        let at = |value: f64| {
            let value = value / axis.unit;
            (chart.backend_coord(&(value, 0.0)).0 - edge, middle(place))
        };
        if let Some([low, high]) = mean.ends() {
            let line = vec![at(low), at(high)];
            area.draw(&PathElement::new(line, color.stroke_width(4)))?;
        }
        area.draw(&Circle::new(at(mean.mean), 8, color.filled()))?;
    }
    for (place, name) in names.iter().enumerate() {
        let style = ("sans-serif", FONT * 0.9).into_font().color(&INK);
        let style = style.pos(Pos::new(HPos::Right, VPos::Center));
        area.draw_text(name, &style, (left as i32 - 14, middle(place)))?;
    }
    Ok(())
}

impl Mean {
    /// The interval, as far as it can be drawn.
    fn ends(&self) -> Option<[f64; 2]> {
        self.ends
            .filter(|ends| ends.iter().all(|end| end.is_finite()))
    }
}

/// What holds all intervals, with some room; any extent where there are none.
struct Axis {
    /// In units, as is the other end.
    low: f64,
    high: f64,
    /// A power of ten: plotters looks for ticks in these, since it takes a tiny extent for none and
    /// loses its way among huge numbers.
    unit: f64,
    format: NumberFormat,
}

impl Axis {
    fn of(means: &[Option<Mean>]) -> Self {
        let drawn = means.iter().flatten().filter(|mean| mean.mean.is_finite());
        let values = drawn.flat_map(|mean| {
            let ends = mean.ends().into_iter().flatten();
            ends.chain([mean.mean])
        });
        let values: Vec<f64> = values.collect();
        let largest = values
            .iter()
            .fold(0.0, |most: f64, value| most.max(value.abs()));
        // Parts of its power of ten, so that ticks are round and neither sums nor powers overflow; what
        // is smaller lies at 0.
        let whole = match largest > 1e-290 {
            true => 10f64.powf(largest.log10().floor()),
            false => 1.0,
        };
        let parts = values.iter().map(|value| value / whole);
        let (low, high) = parts.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), part| {
            (low.min(part), high.max(part))
        });
        let (low, high) = match low <= high {
            true => (low, high),
            false => (0.0, 1.0),
        };
        // Differences below single precision are rounding: then all are one place in the middle.
        let room = if high - low > 1e-6 {
            (high - low) * 0.06
        } else {
            0.5
        };
        let (low, high) = (low - room, high + room);
        let extent = (high - low).log10().floor();
        let unit = 10f64.powf(extent);
        Self {
            low: low / unit,
            high: high / unit,
            unit: unit * whole,
            format: NumberFormat::new(largest, (high - low) * whole / 5.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mean_is_a_point_and_a_panel_without_any_is_empty() {
        let mean = |mean| Mean {
            mean,
            ends: Some([mean - 0.1, mean + 0.1]),
            best: mean > 0.5,
        };
        let panel = |title: &str, means: &[Option<Mean>]| Panel {
            title: title.into(),
            means: means.to_vec(),
        };
        let panels = [
            panel("energy ↑", &[Some(mean(0.2)), Some(mean(0.8))]),
            panel("average drop % ↓", &[None, None]),
        ];
        let svg = means(&["grad-cam", "a method"], &panels).unwrap();
        assert!(roxmltree::Document::parse(&svg).is_ok(), "{svg}");
        for text in ["energy ↑", "average drop % ↓", "grad-cam", "a method"] {
            assert!(svg.contains(text), "{text}");
        }
        // For who cannot see it.
        let label = "aria-label=\"energy ↑, average drop % ↓: means of grad-cam, a method\"";
        assert!(svg.contains(label), "{svg}");
        assert_eq!(svg.matches("<circle").count(), 2);
        assert_eq!(means(&["a"], &[]).unwrap(), "");
    }

    /// Where all means are one, the axis has numbers that people can read.
    #[test]
    fn one_value_lies_in_the_middle_of_its_axis() {
        let one = Mean {
            mean: 1.0,
            ends: Some([1.0; 2]),
            best: false,
        };
        let axis = Axis::of(&[Some(one), Some(one)]);
        assert_eq!((axis.low * axis.unit, axis.high * axis.unit), (0.5, 1.5));
    }

    /// Not 31 and 62, where 20, 40 and 60 can be had.
    #[test]
    fn ticks_are_round() {
        let mean = |mean| {
            let (ends, best) = (None, false);
            Some(Mean { mean, ends, best })
        };
        let panel = Panel {
            title: String::new(),
            means: vec![mean(0.0), mean(62.5)],
        };
        let svg = means(&["a", "b"], &[panel]).unwrap();
        let written: Vec<&str> = svg.lines().map(str::trim).collect();
        for tick in ["0", "20", "40", "60"] {
            assert!(written.contains(&tick), "{tick}: {svg}");
        }
    }

    /// Whatever comes in, a picture comes out, soon, and all of it is inside.
    #[test]
    fn no_number_is_too_much() {
        let extremes = [
            0.0,
            1.0,
            -1.0,
            1e308,
            -1e308,
            f64::MAX,
            f64::MIN,
            1e-308,
            5e-324,
            1e20,
        ];
        let lost = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        let all = extremes.into_iter().chain(lost);
        for one in all.clone() {
            for other in all.clone() {
                let mean = |mean, ends| {
                    let best = false;
                    Some(Mean { mean, ends, best })
                };
                let means = vec![
                    mean(one, Some([one, other])),
                    mean(other, None),
                    mean(one, Some([other, one])),
                    None,
                ];
                let title = String::new();
                let svg = super::means(&["a", "b", "c", "d"], &[Panel { title, means }]).unwrap();
                assert!(roxmltree::Document::parse(&svg).is_ok());
                assert!(
                    !svg.contains("NaN") && !svg.contains(">inf"),
                    "{one} {other}"
                );
                assert!(svg.len() < 20_000, "{one} {other}: {} bytes", svg.len());
                let drawn = [one, other, one]
                    .iter()
                    .filter(|value| value.is_finite())
                    .count();
                assert_eq!(svg.matches("<circle").count(), drawn);
            }
        }
    }
}
