//! Where evidence falls: maps added up over a grid of three by three, and along the border.

use serde::Serialize;

use crate::Finding;

/// Shares of all evidence, 0 to 1. Spread evenly, each of the nine would have a ninth.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Evidence {
    /// Of the thirds from the top and from the left, `[row][column]`.
    pub thirds: [[f64; 3]; 3],
    /// Of the outermost tenth of either side, all around; spread evenly it would be 0.36.
    pub border: f64,
    /// On tokens that are no part of the image.
    pub elsewhere: f64,
    maps: u64,
}

/// How much of either side the border takes, at each end.
const BORDER: f64 = 0.1;

impl Evidence {
    /// Adds a map, scaled to a sum of 1: each pair counts alike. One with nothing in it counts not at
    /// all.
    pub(super) fn add(&mut self, finding: &Finding) {
        let [rows, columns] = finding.grid.map(|side| side as usize);
        let values = finding.map.iter().map(|&value| f64::from(value.max(0.0)));
        let all: f64 = values.clone().sum();
        if all <= 0.0 || rows == 0 || columns == 0 {
            return;
        }
        self.maps += 1;
        self.elsewhere += f64::from(finding.elsewhere);
        for (place, value) in values.enumerate() {
            let down = span(place / columns, rows);
            let across = span(place % columns, columns);
            let share = value / all;
            for (row, cells) in self.thirds.iter_mut().enumerate() {
                for (column, cell) in cells.iter_mut().enumerate() {
                    *cell += share * overlap(down, third(row)) * overlap(across, third(column));
                }
            }
            let inner = [BORDER, 1.0 - BORDER];
            self.border += share * (1.0 - overlap(down, inner) * overlap(across, inner));
        }
    }

    /// The mean over maps.
    pub(super) fn mean(mut self) -> Self {
        let count = self.maps.max(1) as f64;
        self.thirds
            .as_flattened_mut()
            .iter_mut()
            .for_each(|cell| *cell /= count);
        self.border /= count;
        self.elsewhere /= count;
        self
    }
}

/// What a place takes of a side of length 1.
fn span(place: usize, of: usize) -> [f64; 2] {
    [place, place + 1].map(|edge| edge as f64 / of as f64)
}

fn third(place: usize) -> [f64; 2] {
    span(place, 3)
}

/// The share of a span that lies within another.
fn overlap([start, end]: [f64; 2], [from, to]: [f64; 2]) -> f64 {
    ((end.min(to) - start.max(from)) / (end - start)).max(0.0)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::report) fn finding() -> Finding {
        Finding {
            similarity: 0.5,
            probability: None,
            rank: Some(1),
            words: Vec::new(),
            word_saliency: Vec::new(),
            map: vec![1.0],
            grid: [1, 1],
            size: [10, 10],
            view: [0.0, 0.0, 10.0, 10.0],
            elsewhere: 0.25,
            best_box: None,
            pointing: None,
            energy: None,
            area: None,
            warnings: Vec::new(),
        }
    }

    #[test]
    fn even_maps_have_a_ninth_everywhere_on_any_grid() {
        for side in [1, 4, 7] {
            let mut evidence = Evidence::default();
            evidence.add(&Finding {
                map: vec![2.0; side * side],
                grid: [side as u32; 2],
                ..finding()
            });
            let mean = evidence.mean();
            for share in mean.thirds.as_flattened() {
                assert!((share - 1.0 / 9.0).abs() < 1e-12, "{side}: {share}");
            }
            assert!((mean.border - 0.36).abs() < 1e-12, "{side}");
            assert_eq!(mean.elsewhere, 0.25);
        }
    }

    #[test]
    fn evidence_is_where_the_maps_are_and_pairs_count_alike() {
        let mut evidence = Evidence::default();
        let corner = |value| {
            let mut map = vec![0.0; 36];
            map[5] = value;
            map
        };
        let of = |map| Finding {
            map,
            grid: [6, 6],
            ..finding()
        };
        evidence.add(&of(corner(100.0)));
        let mut middle = vec![0.0; 36];
        for place in [14, 15, 20, 21] {
            middle[place] = 0.001;
        }
        evidence.add(&of(middle));
        evidence.add(&of(vec![0.0; 36]));
        let mean = evidence.mean();
        assert!((mean.thirds[0][2] - 0.5).abs() < 1e-9, "{mean:?}");
        assert!((mean.thirds[1][1] - 0.5).abs() < 1e-9, "{mean:?}");
    }
}
