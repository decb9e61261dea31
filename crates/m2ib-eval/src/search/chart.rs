//! A search as a heat map: two settings across and down, the others panel by panel.

use m2ib::draw::{Grid, GridAxis, GridCell, GridPanel};

use super::{Dimension, Search, Tried};
use crate::Result;

/// Which dimension lies where.
#[derive(Clone, Copy)]
struct Layout {
    across: usize,
    /// None where only one setting varies.
    down: Option<usize>,
}

impl Search {
    /// An SVG picture of every combination's mean, bright where it is good; the chosen one is
    /// framed. The two settings with the most values lie across and down.
    ///
    /// # Errors
    /// [`Error::Draw`](crate::Error::Draw) if the plotting library reports something.
    pub fn to_svg(&self) -> Result<String> {
        let layout = Layout::of(&self.dimensions);
        let axis = |place: usize| GridAxis {
            name: self.dimensions[place].axis.label().into(),
            values: self.dimensions[place].values.clone(),
        };
        let grid = Grid {
            title: format!("{} {}", self.label(), self.goal.direction().arrow()),
            across: axis(layout.across),
            down: layout.down.map(axis),
            panels: self.panels(layout),
        };
        Ok(grid.to_svg()?)
    }

    fn panels(&self, layout: Layout) -> Vec<GridPanel> {
        let mut panels: Vec<(Vec<usize>, GridPanel)> = Vec::new();
        for tried in &self.tried {
            let mut key = tried.places.clone();
            for place in [Some(layout.across), layout.down].into_iter().flatten() {
                key[place] = 0;
            }
            let cell = self.cell(layout, tried);
            match panels.iter_mut().find(|(known, _)| *known == key) {
                Some((_, panel)) => panel.cells.push(cell),
                None => {
                    let heading = self.heading(layout, tried);
                    let cells = vec![cell];
                    panels.push((key, GridPanel { heading, cells }));
                }
            }
        }
        panels.into_iter().map(|(_, panel)| panel).collect()
    }

    /// What the settings that lie neither across nor down are in a panel.
    fn heading(&self, layout: Layout, tried: &Tried) -> String {
        let values = self.settings(tried);
        let dimensions = self.dimensions.iter().zip(values).enumerate();
        let others =
            dimensions.filter(|(place, _)| *place != layout.across && Some(*place) != layout.down);
        let named =
            others.map(|(_, (dimension, value))| format!("{} {value}", dimension.axis.label()));
        named.collect::<Vec<_>>().join(", ")
    }

    fn cell(&self, layout: Layout, tried: &Tried) -> GridCell {
        let mean = tried.value.map(|value| value.mean * self.goal.scale());
        GridCell {
            column: tried.places[layout.across],
            row: layout.down.map_or(0, |down| tried.places[down]),
            share: self.share(tried),
            text: mean.map_or("–".into(), |mean| format!("{mean:.3}")),
            framed: tried.places == self.chosen().places,
        }
    }

    /// By how far behind: 0 for the worst, 1 for the chosen one.
    fn share(&self, tried: &Tried) -> Option<f64> {
        let behind = self.tried.iter().filter_map(|tried| tried.behind);
        let worst = behind.map(|behind| behind.mean).fold(0.0, f64::max);
        let behind = tried.behind?;
        Some(match worst > 0.0 {
            true => 1.0 - behind.mean / worst,
            false => 1.0,
        })
    }
}

impl Layout {
    fn of(dimensions: &[Dimension]) -> Self {
        let mut longest: Vec<usize> = (0..dimensions.len()).collect();
        // Stable, so equally long ones keep the order of the tables.
        longest.sort_by_key(|&place| std::cmp::Reverse(dimensions[place].values.len()));
        let down = longest.get(1).copied();
        Self {
            across: longest[0],
            down: down.filter(|&place| dimensions[place].values.len() > 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use m2ib_metrics::Metric;

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
