//! Every metric as a panel: each method's mean on a line, with its interval.

use m2ib::Modality;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use unicode_width::UnicodeWidthStr;

use super::Comparison;
use super::outcome::Standing;
use crate::metrics::Metric;
use crate::{Error, Result};

/// Plotters places points on whole pixels, so everything is drawn large and shown smaller.
/// Of a panel, names aside.
const WIDTH: u32 = 370;
const ACROSS: usize = 3;
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

type Panel<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = std::result::Result<(), DrawingAreaErrorKind<std::io::Error>>;

impl Comparison {
    /// An SVG picture of one side's metrics; empty if none was measured.
    ///
    /// # Errors
    /// [`Error::Drawing`] if the plotting library reports something.
    pub fn to_svg(&self, modality: Modality) -> Result<String> {
        let metrics = self.metrics(modality);
        if metrics.is_empty() {
            return Ok(String::new());
        }
        let panel = HEAD + FOOT + ROW * self.methods.len() as u32;
        // As wide for one metric as for many, so that a panel is never larger than others.
        let rows = metrics.len().div_ceil(ACROSS);
        let width = WIDTH + self.names();
        let size = (width * ACROSS as u32, panel * rows as u32);
        let mut svg = String::new();
        let mut draw = || -> Drawn {
            let whole = SVGBackend::with_string(&mut svg, size).into_drawing_area();
            whole.fill(&WHITE)?;
            let areas = whole.split_evenly((rows, ACROSS));
            for (area, &metric) in areas.iter().zip(&metrics) {
                self.panel(area, metric)?;
            }
            whole.present()
        };
        draw().map_err(|error| Error::Drawing {
            what: "the metrics' chart",
            reason: error.to_string(),
        })?;
        Ok(svg.replacen("<svg ", "<svg role=\"img\" ", 1))
    }

    /// Room for the longest name.
    fn names(&self) -> u32 {
        let lengths = self.methods.iter().map(|column| column.method.width());
        lengths.max().unwrap_or_default() as u32 * LETTER + 2 * MARGIN
    }

    fn panel(&self, area: &Panel<'_>, metric: Metric) -> Drawn {
        let names = self.names();
        let scale = metric.scale();
        let points = self.methods.iter().enumerate();
        let points: Vec<(i32, f64, f64, f64)> = points
            .filter_map(|(place, column)| {
                let interval = column.summaries.get(&metric)?.interval?;
                let [mean, low, high] =
                    [interval.mean, interval.low, interval.high].map(|x| x * scale);
                Some((place as i32, mean, low, high))
            })
            .collect();
        let low = points
            .iter()
            .map(|point| point.2)
            .fold(f64::INFINITY, f64::min);
        let high = points
            .iter()
            .map(|point| point.3)
            .fold(f64::NEG_INFINITY, f64::max);
        let room = ((high - low) * 0.06).max(1e-6 * high.abs().max(1.0));
        let title = format!("{} {}", metric.label(), metric.direction().arrow());
        let style = ("sans-serif", FONT).into_font().style(FontStyle::Bold);
        area.draw_text(&title, &style.color(&INK), (names as i32, 18))?;
        let count = self.methods.len() as i32;
        let mut chart = ChartBuilder::on(area)
            .margin_top(HEAD)
            .margin_right(MARGIN)
            .set_label_area_size(LabelAreaPosition::Left, names)
            .set_label_area_size(LabelAreaPosition::Bottom, FOOT)
            .build_cartesian_2d(low - room..high + room, count..0)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .disable_y_axis()
            .bold_line_style(INK.mix(0.14).stroke_width(2))
            .light_line_style(TRANSPARENT)
            .axis_style(INK.mix(0.28).stroke_width(2))
            .label_style(("sans-serif", FONT * 0.8).into_font().color(&INK))
            .x_labels(4)
            .y_labels(0)
            .draw()?;
        let shown = |place: i32, shift: i32| HEAD as i32 + place * ROW as i32 + shift;
        for (place, mean, low, high) in points {
            let color = match self.standing(&self.methods[place as usize], metric) {
                Standing::Best => BEST,
                Standing::Ahead | Standing::Other => OTHER,
            };
            let across = |value: f64| chart.backend_coord(&(value, 0)).0;
            let (left, right, middle) = (across(low), across(high), shown(place, ROW as i32 / 2));
            let style = color.stroke_width(4);
            let (edge, _) = area.get_base_pixel();
            let at = |across: i32| (across - edge, middle);
            area.draw(&PathElement::new(vec![at(left), at(right)], style))?;
            area.draw(&Circle::new(at(across(mean)), 8, color.filled()))?;
        }
        for (place, column) in self.methods.iter().enumerate() {
            let style = ("sans-serif", FONT * 0.9).into_font().color(&INK);
            let style = style.pos(Pos::new(HPos::Right, VPos::Center));
            let at = (names as i32 - 14, shown(place as i32, ROW as i32 / 2));
            area.draw_text(&column.method, &style, at)?;
        }
        Ok(())
    }
}
