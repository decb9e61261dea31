//! A coarse grid of colours made smooth, by cubic convolution.
//!
//! Keys' kernel with a = −¾, coordinates by pixel centres, edges repeated. (The `image` crate's
//! cubic filter raises to powers with a function that may differ between platforms.)

use crate::SIZE;

/// Upsampling from `[cells, cells]` to `[SIZE, SIZE]`.
#[derive(Debug)]
pub(crate) struct Upsampling {
    pub(crate) cells: usize,
    /// For every pixel of a line, the cells that count and their weights.
    taps: Vec<[(usize, f32); 4]>,
}

impl Upsampling {
    pub(crate) fn from(cells: usize) -> Self {
        let taps = |pixel: usize| {
            // In cells from the first cell's centre; a cell more keeps it positive.
            let at = (pixel as f32 + 0.5) * cells as f32 / SIZE as f32 + 0.5;
            let base = at as usize;
            let past = at - base as f32;
            [0, 1, 2, 3].map(|tap| {
                let distance = (past + 1.0 - tap as f32).abs();
                // `base` is one too large, the first tap is one before it.
                let cell = (base + tap).saturating_sub(2).min(cells - 1);
                (cell, cubic(distance))
            })
        };
        Self {
            cells,
            taps: (0..SIZE).map(taps).collect(),
        }
    }

    /// # Shapes
    /// `grid`: `[cells, cells]` colours, row by row; the result `[SIZE, SIZE]`.
    pub(crate) fn apply(&self, grid: &[[f32; 3]]) -> Vec<[f32; 3]> {
        let mut wide = Vec::with_capacity(self.cells * SIZE);
        for row in grid.chunks(self.cells) {
            let mix = |taps: &[(usize, f32); 4]| {
                let [(a, p), (b, q), (c, r), (d, s)] = *taps;
                let [a, b, c, d] = [row[a], row[b], row[c], row[d]];
                let channel = |i: usize| (a[i] * p + b[i] * q) + (c[i] * r + d[i] * s);
                [channel(0), channel(1), channel(2)]
            };
            wide.extend(self.taps.iter().map(mix));
        }
        let mut out = vec![[0.0; 3]; SIZE * SIZE];
        for (taps, out) in self.taps.iter().zip(out.chunks_mut(SIZE)) {
            // Channels need no telling apart here; flat rows make a fast loop.
            let row = |cell: usize| wide[cell * SIZE..][..SIZE].as_flattened();
            let [(a, p), (b, q), (c, r), (d, s)] = *taps;
            let rows = row(a).iter().zip(row(b)).zip(row(c)).zip(row(d));
            for (out, (((a, b), c), d)) in out.as_flattened_mut().iter_mut().zip(rows) {
                *out = (a * p + b * q) + (c * r + d * s);
            }
        }
        out
    }
}

/// The kernel at a distance of 0 to 2 cells.
fn cubic(x: f32) -> f32 {
    const A: f32 = -0.75;
    if x <= 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else {
        ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_a_constant() {
        let out = Upsampling::from(6).apply(&[[0.25, 0.5, 1.0]; 36]);
        assert_eq!(out.len(), SIZE * SIZE);
        for (found, expected) in out.iter().flatten().zip([0.25, 0.5, 1.0].iter().cycle()) {
            assert!((found - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn passes_through_the_cells() {
        // Of 32 cells the middle one of three pixels lies on a cell's centre.
        let grid: Vec<_> = (0..1024).map(|i| [i as f32, (i % 7) as f32, 1.0]).collect();
        let out = Upsampling::from(32).apply(&grid);
        for (i, cell) in grid.iter().enumerate() {
            assert_eq!(&out[(3 * (i / 32) + 1) * SIZE + 3 * (i % 32) + 1], cell);
        }
    }

    #[test]
    fn is_symmetric_about_the_middle_of_two_cells() {
        let grid: Vec<_> = (0..144).map(|i| [(i % 12) as f32; 3]).collect();
        let out = Upsampling::from(12).apply(&grid);
        let [before, after] = [39, 40].map(|column| out[5 * SIZE + column][0]);
        assert!((before + after - 9.0).abs() < 1e-5, "{before} {after}");
        assert!(before < after);
    }
}
