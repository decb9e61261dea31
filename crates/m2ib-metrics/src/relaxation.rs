//! The linear system of an [imputation](super::impute), solved.
//!
//! By conjugate gradients, without ever writing the matrix down: with zeros outside, the sum over
//! neighbours is (1,2,1) ⊗ (1,2,1) less four times the centre, over 12. The starting point is the
//! solution on a grid of half the size, which spares the iterations that fill large holes. (A
//! sparse Cholesky solver gives the same pixels; the one that is well kept brings twenty crates.)

use std::ops::Range;

use m2ib_attribution::upsample;
use ndarray::{Array1, Array2, ArrayView1, Axis, Slice, Zip};

use crate::{Error, Result};

/// Root mean square of the residual that is left, of the largest known value. The error it leaves
/// is at most L² / 6 times as large in holes L pixels wide: below 1e-4 up to 224 pixels, far below
/// the noise.
const TOLERANCE: f64 = 1e-8;
/// The same on the coarser grids, which only give a starting point.
const COARSE_TOLERANCE: f64 = 1e-4;

/// One channel with the removed pixels solved for, the others given; at least one must be.
pub(crate) fn relaxed(values: &Array2<f64>, removed: &Array2<bool>) -> Result<Array2<f64>> {
    fill(values, removed, TOLERANCE)
}

fn fill(values: &Array2<f64>, removed: &Array2<bool>, tolerance: f64) -> Result<Array2<f64>> {
    let (height, width) = values.dim();
    if !removed.iter().any(|&removed| removed) {
        return Ok(values.clone());
    }
    let (coarse, missing) = halved(values, removed);
    let coarse = fill(&coarse, &missing, COARSE_TOLERANCE)?;
    let guess = upsample(&coarse.mapv(|value| value as f32), height, width);
    let mut start = values.clone();
    Zip::from(&mut start)
        .and(&guess)
        .and(removed)
        .for_each(|value, &guess, &removed| {
            if removed {
                *value = guess.into();
            }
        });
    System::new(removed).solve(&start, tolerance)
}

/// Cells of two by two pixels: the mean of the known ones; missing where there is none.
fn halved(values: &Array2<f64>, removed: &Array2<bool>) -> (Array2<f64>, Array2<bool>) {
    let (height, width) = values.dim();
    let size = (height.div_ceil(2), width.div_ceil(2));
    let (mut sums, mut counts) = (Array2::zeros(size), Array2::zeros(size));
    for ((at, &value), &removed) in values.indexed_iter().zip(removed) {
        if !removed {
            sums[[at.0 / 2, at.1 / 2]] += value;
            counts[[at.0 / 2, at.1 / 2]] += 1.0;
        }
    }
    let means = sums / counts.mapv(|count: f64| count.max(1.0));
    (means, counts.mapv(|count| count == 0.0))
}

/// The linear system of one mask, on a grid with a border of one cell all around.
struct System {
    /// 1 on removed pixels, 0 elsewhere.
    removed: Array1<f64>,
    /// Sum of the weights of the neighbours within the image.
    degree: Array1<f64>,
    /// Cells of a row, border included.
    stride: usize,
    shape: (usize, usize),
}

impl System {
    fn new(removed: &Array2<bool>) -> Self {
        let stride = removed.ncols() + 2;
        let inside = bordered(&Array2::ones(removed.dim()));
        let (mut row_sums, mut degree) = (inside.clone(), inside.clone());
        neighbours(&inside, stride, &mut row_sums, &mut degree);
        Self {
            removed: bordered(&removed.mapv(|removed| f64::from(u8::from(removed)))),
            degree,
            stride,
            shape: removed.dim(),
        }
    }

    /// The solution near `start`, whose known pixels it keeps.
    fn solve(&self, start: &Array2<f64>, tolerance: f64) -> Result<Array2<f64>> {
        let scale = start.iter().fold(0.0f64, |high, x| high.max(x.abs()));
        let unknowns = self.removed.sum();
        let enough = (tolerance * scale).powi(2) * unknowns;
        let mut x = bordered(start);
        let (mut image, mut row_sums) = (Array1::zeros(x.len()), Array1::zeros(x.len()));
        self.apply(&x, &mut row_sums, &mut image);
        let mut residual = -&image;
        let mut direction = residual.clone();
        let mut norm = residual.dot(&residual);
        // In exact arithmetic one iteration an unknown; rounding may ask for a few more.
        let limit = 2 * unknowns as usize + 100;
        for _ in 0..limit {
            if norm <= enough {
                return Ok(self.borderless(&x));
            }
            self.apply(&direction, &mut row_sums, &mut image);
            let step = norm / direction.dot(&image);
            x.scaled_add(step, &direction);
            residual.scaled_add(-step, &image);
            let next = residual.dot(&residual);
            direction *= next / norm;
            direction += &residual;
            norm = next;
        }
        Err(Error::NotConverged {
            unknowns: unknowns as usize,
            iterations: limit,
        })
    }

    /// Σ_j w_ij (x_i − x_j) on removed pixels, 0 elsewhere.
    fn apply(&self, x: &Array1<f64>, row_sums: &mut Array1<f64>, output: &mut Array1<f64>) {
        neighbours(x, self.stride, row_sums, output);
        Zip::from(output)
            .and(x)
            .and(&self.degree)
            .and(&self.removed)
            .for_each(|output, x, degree, removed| *output = removed * (degree * x - *output));
    }

    fn borderless(&self, cells: &Array1<f64>) -> Array2<f64> {
        Array2::from_shape_fn(self.shape, |(row, column)| {
            cells[(row + 1) * self.stride + column + 1]
        })
    }
}

/// The grid row by row, within a border of zeros.
fn bordered(values: &Array2<f64>) -> Array1<f64> {
    let stride = values.ncols() + 2;
    let mut cells = Array1::zeros((values.nrows() + 2) * stride);
    for ((row, column), &value) in values.indexed_iter() {
        cells[(row + 1) * stride + column + 1] = value;
    }
    cells
}

/// Σ_j w_ij x_j over the eight neighbours; nothing is written to the first and last row.
fn neighbours(
    x: &Array1<f64>,
    stride: usize,
    row_sums: &mut Array1<f64>,
    output: &mut Array1<f64>,
) {
    let cells = x.len();
    let last = cells - 1;
    Zip::from(row_sums.slice_axis_mut(Axis(0), Slice::from(1..last)))
        .and(part(x, 0..last - 1))
        .and(part(x, 1..last))
        .and(part(x, 2..cells))
        .for_each(|sum, left, here, right| *sum = left + 2.0 * here + right);
    let inner = stride..cells - stride;
    Zip::from(output.slice_axis_mut(Axis(0), Slice::from(inner.clone())))
        .and(part(row_sums, 0..cells - 2 * stride))
        .and(part(row_sums, inner.clone()))
        .and(part(row_sums, 2 * stride..cells))
        .and(part(x, inner))
        .for_each(|output, above, here, below, centre| {
            *output = (above + 2.0 * here + below - 4.0 * centre) / 12.0;
        });
}

fn part(cells: &Array1<f64>, range: Range<usize>) -> ArrayView1<'_, f64> {
    cells.slice_axis(Axis(0), Slice::from(range))
}
