//! RISE's masks: coarse random cells, enlarged and shifted.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Cells × cells places, each 1 with probability `keep` and else 0, enlarged bilinearly to
/// (cells + 1) cells a side and cut to the image at a random place less than a cell away.
///
/// Enlarged first and cut then, as the authors do, the cells' edges lie elsewhere in every mask;
/// the expectation of every pixel stays `keep`.
#[derive(Debug)]
pub(super) struct SoftMasks {
    cells: usize,
    keep: f64,
    /// Pixels of the image, `[height, width]`.
    size: [usize; 2],
    rng: ChaCha8Rng,
}

impl SoftMasks {
    pub(super) fn new(cells: usize, keep: f64, size: [usize; 2], seed: u64) -> Self {
        Self {
            cells,
            keep,
            size,
            rng: ChaCha8Rng::seed_from_u64(seed),
        }
    }
}

/// Masks without end, `[height · width]` each.
impl Iterator for SoftMasks {
    type Item = Vec<f32>;

    fn next(&mut self) -> Option<Vec<f32>> {
        let (cells, keep, rng) = (self.cells, self.keep, &mut self.rng);
        let mut cell = || f32::from(u8::from(rng.random_bool(keep)));
        let grid: Vec<f32> = (0..cells * cells).map(|_| cell()).collect();
        let [rows, columns] = self.size.map(|size| {
            let cell = size.div_ceil(cells);
            Along::new(cells, cell, rng.random_range(0..cell), size)
        });
        Some(enlarge(&grid, &rows, &columns))
    }
}

/// Where an axis' pixels lie among its cells.
struct Along {
    /// The cell before each pixel, the cell behind it, and the share of the latter.
    between: Vec<(usize, usize, f32)>,
}

impl Along {
    /// Bilinear with half-pixel centres, the outermost cells prolonged.
    fn new(cells: usize, cell: usize, shift: usize, pixels: usize) -> Self {
        let scale = cells as f32 / ((cells + 1) * cell) as f32;
        let between = (0..pixels).map(|pixel| {
            let place = ((pixel + shift) as f32 + 0.5) * scale - 0.5;
            let place = place.clamp(0.0, (cells - 1) as f32);
            let before = place as usize;
            (before, (before + 1).min(cells - 1), place.fract())
        });
        Self {
            between: between.collect(),
        }
    }
}

/// `[cells · cells]` to `[rows · columns]`.
fn enlarge(grid: &[f32], rows: &Along, columns: &Along) -> Vec<f32> {
    let cells = grid.len().isqrt();
    let mut pixels = Vec::with_capacity(rows.between.len() * columns.between.len());
    for &(above, below, down) in &rows.between {
        let row = |row: usize| &grid[row * cells..(row + 1) * cells];
        let mix = |(&above, &below): (&f32, &f32)| above + (below - above) * down;
        let line: Vec<f32> = row(above).iter().zip(row(below)).map(mix).collect();
        let columns = columns.between.iter();
        pixels
            .extend(columns.map(|&(left, right, on)| line[left] + (line[right] - line[left]) * on));
    }
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two cells of 2 pixels become 6 pixels; pixel i lies at (i + ½)/3 − ½: −⅓, 0, ⅓, ⅔, 1, 1⅓.
    #[test]
    fn two_cells_by_hand() {
        let third = 1.0 / 3.0;
        let whole = [0.0, 0.0, third, 2.0 * third, 1.0, 1.0];
        for shift in 0..2 {
            let along = Along::new(2, 2, shift, 4);
            let one_row = Along::new(2, 2, 0, 1);
            let line = enlarge(&[0.0, 1.0, 0.0, 1.0], &one_row, &along);
            for (found, expected) in line.iter().zip(&whole[shift..]) {
                assert!((found - expected).abs() < 1e-6, "{shift}: {line:?}");
            }
            let column = enlarge(&[0.0, 0.0, 1.0, 1.0], &along, &one_row);
            assert_eq!(column, line);
        }
    }

    /// 4,000 masks: a mean's deviation is below √(¼ / 4000) = .008.
    #[test]
    fn every_pixel_is_kept_as_often_as_asked() {
        let (masks, size) = (4000, [9, 13]);
        for keep in [0.5, 0.2] {
            let mut sums = vec![0.0; size[0] * size[1]];
            for mask in SoftMasks::new(3, keep, size, 5).take(masks) {
                assert!(mask.iter().all(|value| (0.0..=1.0).contains(value)));
                sums.iter_mut()
                    .zip(&mask)
                    .for_each(|(sum, m)| *sum += f64::from(*m));
            }
            for sum in sums {
                let mean = sum / masks as f64;
                assert!((mean - keep).abs() < 0.04, "{mean} {keep}");
            }
        }
    }

    #[test]
    fn a_seed_is_a_sequence_of_different_masks() {
        let masks = |seed| {
            SoftMasks::new(4, 0.5, [16, 16], seed)
                .take(5)
                .collect::<Vec<_>>()
        };
        assert_eq!(masks(1), masks(1));
        assert_ne!(masks(1), masks(2));
        assert_ne!(masks(1)[0], masks(1)[1]);
    }

    #[test]
    fn one_cell_is_all_or_nothing() {
        for mask in SoftMasks::new(1, 0.5, [3, 3], 0).take(20) {
            assert!(mask.iter().all(|&value| value == mask[0]), "{mask:?}");
            assert!(mask[0] == 0.0 || mask[0] == 1.0);
        }
    }
}
