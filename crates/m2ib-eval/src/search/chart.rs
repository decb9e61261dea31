//! A search as a heat map: two settings across and down, the others panel by panel.

use m2ib::draw::ColorMap;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use unicode_width::UnicodeWidthStr;

use super::{Dimension, Search, Tried};
use crate::{Error, Result};

// Plotters places everything on whole pixels, so it is drawn large and shown smaller.
const CELL: (u32, u32) = (170, 76);
const LETTER: u32 = 13;
const MARGIN: u32 = 28;
/// Lines of text above and below a panel's cells.
const LINE: u32 = 44;
const FONT: f64 = 24.0 * 1.24;

const INK: RGBColor = RGBColor(60, 60, 66);
const FAILED: RGBColor = RGBColor(225, 225, 228);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = std::result::Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// Which dimension lies where.
struct Layout<'a> {
    search: &'a Search,
    across: usize,
    /// None where only one setting varies.
    down: Option<usize>,
    /// Room for the longest value on the left.
    left: u32,
}

impl Search {
    /// An SVG picture of every combination's mean, bright where it is good; the chosen one is
    /// framed. The two settings with the most values lie across and down.
    ///
    /// # Errors
    /// [`Error::Drawing`] if the plotting library reports something.
    pub fn to_svg(&self) -> Result<String> {
        let layout = Layout::new(self);
        let (size, panels) = (layout.size(), layout.panels());
        let mut svg = String::new();
        let mut draw = || -> Drawn {
            let whole = SVGBackend::with_string(&mut svg, size).into_drawing_area();
            whole.fill(&WHITE)?;
            let title = format!("{} {}", self.goal.label(), self.goal.direction().arrow());
            let style = ("sans-serif", FONT).into_font().style(FontStyle::Bold);
            let at = (MARGIN as i32, MARGIN as i32);
            whole.draw_text(&title, &style.color(&INK), at)?;
            for (number, panel) in panels.iter().enumerate() {
                let top = MARGIN + LINE + number as u32 * layout.panel_height();
                layout.draw(&whole, top as i32, panel)?;
            }
            whole.present()
        };
        draw().map_err(|error| Error::Drawing {
            what: "the search's heat map",
            reason: error.to_string(),
        })?;
        Ok(svg.replacen("<svg ", "<svg role=\"img\" ", 1))
    }
}

impl<'a> Layout<'a> {
    fn new(search: &'a Search) -> Self {
        let dimensions = &search.dimensions;
        let mut longest: Vec<usize> = (0..dimensions.len()).collect();
        // Stable, so equally long ones keep the order of the tables.
        longest.sort_by_key(|&place| std::cmp::Reverse(dimensions[place].values.len()));
        let down = longest.get(1).copied();
        let down = down.filter(|&place| dimensions[place].values.len() > 1);
        let labels = down.map(|place| {
            let values = dimensions[place].values.iter().map(String::as_str);
            let names = values.chain([dimensions[place].axis.label()]);
            names.map(UnicodeWidthStr::width).max().unwrap_or_default() as u32
        });
        Self {
            search,
            across: longest[0],
            down,
            left: labels.map_or(MARGIN, |longest| longest * LETTER + 2 * MARGIN),
        }
    }

    fn dimension(&self, place: usize) -> &'a Dimension {
        &self.search.dimensions[place]
    }

    /// The combinations of each panel.
    fn panels(&self) -> Vec<Vec<&'a Tried>> {
        let mut panels: Vec<(Vec<usize>, Vec<&Tried>)> = Vec::new();
        for tried in &self.search.tried {
            let mut key = tried.places.clone();
            for place in [Some(self.across), self.down].into_iter().flatten() {
                key[place] = 0;
            }
            match panels.iter_mut().find(|(known, _)| *known == key) {
                Some((_, panel)) => panel.push(tried),
                None => panels.push((key, vec![tried])),
            }
        }
        panels.into_iter().map(|(_, panel)| panel).collect()
    }

    fn rows(&self) -> u32 {
        let down = self.down.map(|place| self.dimension(place).values.len());
        down.unwrap_or(1) as u32
    }

    fn panel_height(&self) -> u32 {
        // A heading, the cells, the values below them and their name.
        self.rows() * CELL.1 + 3 * LINE + MARGIN
    }

    fn size(&self) -> (u32, u32) {
        let across = self.dimension(self.across).values.len() as u32 * CELL.0;
        let headings = self
            .panels()
            .into_iter()
            .map(|panel| self.heading(panel[0]).width());
        let heading = headings.max().unwrap_or_default() as u32 * LETTER;
        let width = self.left + across.max(heading) + MARGIN;
        let panels = self.panels().len() as u32;
        (width, MARGIN + LINE + panels * self.panel_height())
    }

    /// What the settings that lie neither across nor down are in a panel.
    fn heading(&self, tried: &Tried) -> String {
        let values = self.search.settings(tried);
        let dimensions = self.search.dimensions.iter().zip(values).enumerate();
        let others =
            dimensions.filter(|(place, _)| *place != self.across && Some(*place) != self.down);
        let named =
            others.map(|(_, (dimension, value))| format!("{} {value}", dimension.axis.label()));
        named.collect::<Vec<_>>().join(", ")
    }

    fn draw(&self, area: &Area<'_>, top: i32, panel: &[&Tried]) -> Drawn {
        let font = ("sans-serif", FONT * 0.85).into_font().color(&INK);
        let middle = |h| font.clone().pos(Pos::new(h, VPos::Center));
        let (left, line) = (self.left as i32, LINE as i32);
        let (width, height) = (CELL.0 as i32, CELL.1 as i32);
        let heading = (left, top + line / 3);
        area.draw_text(&self.heading(panel[0]), &middle(HPos::Left), heading)?;
        let cells = top + line;
        for tried in panel {
            let column = tried.places[self.across] as i32;
            let row = self.down.map_or(0, |down| tried.places[down] as i32);
            self.cell(area, (left + column * width, cells + row * height), tried)?;
        }
        let across = self.dimension(self.across);
        let below = cells + self.rows() as i32 * height + line / 2;
        for (column, value) in across.values.iter().enumerate() {
            let at = (left + column as i32 * width + width / 2, below);
            area.draw_text(value, &middle(HPos::Center), at)?;
        }
        let center = left + across.values.len() as i32 * width / 2;
        let at = (center, below + line * 4 / 5);
        area.draw_text(across.axis.label(), &middle(HPos::Center), at)?;
        if let Some(down) = self.down.map(|down| self.dimension(down)) {
            let at = left - MARGIN as i32 / 2;
            area.draw_text(
                down.axis.label(),
                &middle(HPos::Right),
                (at, top + line / 3),
            )?;
            for (row, value) in down.values.iter().enumerate() {
                let at = (at, cells + row as i32 * height + height / 2);
                area.draw_text(value, &middle(HPos::Right), at)?;
            }
        }
        Ok(())
    }

    fn cell(&self, area: &Area<'_>, (x, y): (i32, i32), tried: &Tried) -> Drawn {
        let (width, height) = (CELL.0 as i32, CELL.1 as i32);
        let fill = self.color(tried);
        let corners = |inset: i32| {
            [
                (x + inset, y + inset),
                (x + width - inset, y + height - inset),
            ]
        };
        area.draw(&Rectangle::new(corners(2), fill.filled()))?;
        if tried.method == self.search.chosen().method {
            // A rectangle's own outline is always one pixel wide.
            let [(left, top), (right, bottom)] = corners(4);
            let frame = [
                (left, top),
                (right, top),
                (right, bottom),
                (left, bottom),
                (left, top),
            ];
            area.draw(&PathElement::new(frame.to_vec(), INK.stroke_width(8)))?;
        }
        let mean = tried
            .value
            .map(|value| value.mean * self.search.goal.scale());
        let text = mean.map_or("–".into(), |mean| format!("{mean:.3}"));
        // Rec. 709's weights: dark letters on bright cells.
        let light = 0.21 * f64::from(fill.0) + 0.72 * f64::from(fill.1) + 0.07 * f64::from(fill.2);
        let ink = if light > 130.0 { BLACK } else { WHITE };
        let style = ("sans-serif", FONT).into_font().color(&ink);
        let style = style.pos(Pos::new(HPos::Center, VPos::Center));
        area.draw_text(&text, &style, (x + width / 2, y + height / 2))
    }

    /// By how far behind: the worst is dark, the chosen one bright.
    fn color(&self, tried: &Tried) -> RGBColor {
        let behind = self.search.tried.iter().filter_map(|tried| tried.behind);
        let worst = behind.map(|behind| behind.mean).fold(0.0, f64::max);
        let Some(behind) = tried.behind else {
            return FAILED;
        };
        let share = match worst > 0.0 {
            true => 1.0 - behind.mean / worst,
            false => 1.0,
        };
        let [r, g, b] = ColorMap::Viridis.table()[(share.clamp(0.0, 1.0) * 255.0) as usize];
        RGBColor(r, g, b)
    }
}

#[cfg(test)]
mod tests {
    use crate::metrics::Metric;
    use crate::search::Goal;
    use crate::search::outcome::tests::search;

    #[test]
    fn every_combination_has_a_cell_with_its_number() {
        let values = [0.11, 0.22, 0.33, 0.44, 0.55].map(|value| [Some(value)]);
        let [a, b, c, d, e] = values.each_ref().map(|value| &value[..]);
        let goal = Goal::Metric(Metric::Road);
        let svg = search(goal, [a, b, c, d, e, &[None]])
            .unwrap()
            .to_svg()
            .unwrap();
        assert!(roxmltree::Document::parse(&svg).is_ok(), "{svg}");
        for text in [
            "0.110",
            "0.550",
            "–",
            "embedding",
            "β",
            "preset matched",
            "ROAD ↑",
        ] {
            assert!(svg.contains(text), "{text}");
        }
        let cells = svg.matches("<rect").count();
        assert_eq!(cells, 6 + 1, "one a combination, and the background");
    }
}
