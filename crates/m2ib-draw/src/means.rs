//! Means as panels: in each, everyone's mean on a line, with its interval.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use unicode_width::UnicodeWidthStr;

use crate::{Error, Result};

// Plotters places points on whole pixels, so everything is drawn large and shown smaller.
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

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = std::result::Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// A mean with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
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
    // As wide for one panel as for many, so that a panel is never larger than others.
    let rows = panels.len().div_ceil(ACROSS);
    let height = HEAD + FOOT + ROW * names.len() as u32;
    let width = WIDTH + room(names);
    let size = (width * ACROSS as u32, height * rows as u32);
    let mut svg = String::new();
    let mut draw = || -> Drawn {
        let whole = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        whole.fill(&WHITE)?;
        let areas = whole.split_evenly((rows, ACROSS));
        for (area, panel) in areas.iter().zip(panels) {
            draw_panel(area, names, panel)?;
        }
        whole.present()
    };
    draw().map_err(|error| Error::Drawing {
        what: "the chart of means",
        reason: error.to_string(),
    })?;
    Ok(svg.replacen("<svg ", "<svg role=\"img\" ", 1))
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
    let mut chart = ChartBuilder::on(area)
        .margin_top(HEAD)
        .margin_right(MARGIN)
        .set_label_area_size(LabelAreaPosition::Left, left)
        .set_label_area_size(LabelAreaPosition::Bottom, FOOT)
        .build_cartesian_2d(axis(&panel.means), names.len() as f64..0.0)?;
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
    let middle = |place: usize| (HEAD + place as u32 * ROW + ROW / 2) as i32;
    let (edge, _) = area.get_base_pixel();
    for (place, mean) in panel.means.iter().enumerate() {
        let Some(mean) = mean else { continue };
        let color = if mean.best { BEST } else { OTHER };
        let at = |value: f64| (chart.backend_coord(&(value, 0.0)).0 - edge, middle(place));
        let line = vec![at(mean.low), at(mean.high)];
        area.draw(&PathElement::new(line, color.stroke_width(4)))?;
        area.draw(&Circle::new(at(mean.mean), 8, color.filled()))?;
    }
    for (place, name) in names.iter().enumerate() {
        let style = ("sans-serif", FONT * 0.9).into_font().color(&INK);
        let style = style.pos(Pos::new(HPos::Right, VPos::Center));
        area.draw_text(name, &style, (left as i32 - 14, middle(place)))?;
    }
    Ok(())
}

/// What holds all intervals, with some room; any extent where there are none.
fn axis(means: &[Option<Mean>]) -> std::ops::Range<f64> {
    let means = || means.iter().flatten();
    let low = means().map(|mean| mean.low).fold(f64::INFINITY, f64::min);
    let high = means()
        .map(|mean| mean.high)
        .fold(f64::NEG_INFINITY, f64::max);
    if low > high {
        return 0.0..1.0;
    }
    let room = ((high - low) * 0.06).max(1e-6 * high.abs().max(1.0));
    low - room..high + room
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mean_is_a_point_and_a_panel_without_any_is_empty() {
        let mean = |mean| Mean {
            mean,
            low: mean - 0.1,
            high: mean + 0.1,
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
        assert_eq!(svg.matches("<circle").count(), 2);
        assert_eq!(means(&["a"], &[]).unwrap(), "");
    }
}
