//! Values of two settings as a heat map with numbers, panel by panel.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use unicode_width::UnicodeWidthStr;

use crate::night::{by_night, labelled};
use crate::{ColorMap, Error, Result};

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

/// What was tried, and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// What decides.
    pub title: String,
    /// The setting from left to right.
    pub across: GridAxis,
    /// The setting from top to bottom, if a second one varies.
    pub down: Option<GridAxis>,
    /// One for each combination of whatever else varies.
    pub panels: Vec<GridPanel>,
}

/// A setting and its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GridAxis {
    /// Its name.
    pub name: String,
    /// What was tried of it.
    pub values: Vec<String>,
}

/// Cells with a heading.
#[derive(Debug, Clone, PartialEq)]
pub struct GridPanel {
    /// What the panel's cells have in common.
    pub heading: String,
    /// In any order.
    pub cells: Vec<GridCell>,
}

/// A combination of two values.
#[derive(Debug, Clone, PartialEq)]
pub struct GridCell {
    /// The place of its value across.
    pub column: usize,
    /// The place of its value down.
    pub row: usize,
    /// How good it is, from 0 to 1, if it could be told.
    pub share: Option<f64>,
    /// Its number.
    pub text: String,
    /// Whether it is framed.
    pub framed: bool,
}

impl Grid {
    /// An SVG picture, bright where it is good.
    ///
    /// # Errors
    /// [`Error::Drawing`] if the plotting library reports something.
    pub fn to_svg(&self) -> Result<String> {
        let mut svg = String::new();
        let mut draw = || -> Drawn {
            let whole = SVGBackend::with_string(&mut svg, self.size()).into_drawing_area();
            whole.fill(&WHITE)?;
            let style = ("sans-serif", FONT).into_font().style(FontStyle::Bold);
            let at = (MARGIN as i32, MARGIN as i32);
            whole.draw_text(&self.title, &style.color(&INK), at)?;
            for (number, panel) in self.panels.iter().enumerate() {
                let top = MARGIN + LINE + number as u32 * self.panel_height();
                self.draw(&whole, top as i32, panel)?;
            }
            whole.present()
        };
        draw().map_err(|error| Error::Drawing {
            what: "the heat map of settings",
            reason: error.to_string(),
        })?;
        Ok(by_night(&labelled(&svg, &self.title)))
    }

    /// Room for the longest value on the left.
    fn left(&self) -> u32 {
        let labels = self.down.as_ref().map(|down| {
            let names = down.values.iter().chain([&down.name]);
            names.map(|name| name.width()).max().unwrap_or_default() as u32
        });
        labels.map_or(MARGIN, |longest| longest * LETTER + 2 * MARGIN)
    }

    fn rows(&self) -> u32 {
        self.down.as_ref().map_or(1, |down| down.values.len()) as u32
    }

    fn panel_height(&self) -> u32 {
        // A heading, the cells, the values below them and their name.
        self.rows() * CELL.1 + 3 * LINE + MARGIN
    }

    fn size(&self) -> (u32, u32) {
        let across = self.across.values.len() as u32 * CELL.0;
        let headings = self.panels.iter().map(|panel| panel.heading.width());
        let heading = headings.max().unwrap_or_default() as u32 * LETTER;
        let width = self.left() + across.max(heading) + MARGIN;
        let panels = self.panels.len() as u32;
        (width, MARGIN + LINE + panels * self.panel_height())
    }

    fn draw(&self, area: &Area<'_>, top: i32, panel: &GridPanel) -> Drawn {
        let font = ("sans-serif", FONT * 0.85).into_font().color(&INK);
        let middle = |h| font.clone().pos(Pos::new(h, VPos::Center));
        let (left, line) = (self.left() as i32, LINE as i32);
        let (width, height) = (CELL.0 as i32, CELL.1 as i32);
        let heading = (left, top + line / 3);
        area.draw_text(&panel.heading, &middle(HPos::Left), heading)?;
        let cells = top + line;
        for cell in &panel.cells {
            let (column, row) = (cell.column as i32, cell.row as i32);
            draw_cell(area, (left + column * width, cells + row * height), cell)?;
        }
        let below = cells + self.rows() as i32 * height + line / 2;
        for (column, value) in self.across.values.iter().enumerate() {
            let at = (left + column as i32 * width + width / 2, below);
            area.draw_text(value, &middle(HPos::Center), at)?;
        }
        let center = left + self.across.values.len() as i32 * width / 2;
        let at = (center, below + line * 4 / 5);
        area.draw_text(&self.across.name, &middle(HPos::Center), at)?;
        if let Some(down) = &self.down {
            let at = left - MARGIN as i32 / 2;
            area.draw_text(&down.name, &middle(HPos::Right), (at, top + line / 3))?;
            for (row, value) in down.values.iter().enumerate() {
                let at = (at, cells + row as i32 * height + height / 2);
                area.draw_text(value, &middle(HPos::Right), at)?;
            }
        }
        Ok(())
    }
}

fn draw_cell(area: &Area<'_>, (x, y): (i32, i32), cell: &GridCell) -> Drawn {
    let (width, height) = (CELL.0 as i32, CELL.1 as i32);
    let fill = color(cell);
    let corners = |inset: i32| {
        [
            (x + inset, y + inset),
            (x + width - inset, y + height - inset),
        ]
    };
    area.draw(&Rectangle::new(corners(2), fill.filled()))?;
    if cell.framed {
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
    // Rec. 709's weights: dark letters on bright cells.
    let light = 0.21 * f64::from(fill.0) + 0.72 * f64::from(fill.1) + 0.07 * f64::from(fill.2);
    let ink = if light > 130.0 { BLACK } else { WHITE };
    let style = ("sans-serif", FONT).into_font().color(&ink);
    let style = style.pos(Pos::new(HPos::Center, VPos::Center));
    area.draw_text(&cell.text, &style, (x + width / 2, y + height / 2))
}

fn color(cell: &GridCell) -> RGBColor {
    let Some(share) = cell.share.filter(|share| share.is_finite()) else {
        return FAILED;
    };
    let [r, g, b] = ColorMap::Viridis.table()[(share.clamp(0.0, 1.0) * 255.0) as usize];
    RGBColor(r, g, b)
}
