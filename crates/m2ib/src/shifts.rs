//! An image seen by grids that lie a part of a patch apart.

use clip_input::{Layout, Pixels};
use m2ib_core::{Solution, Step};
use ndarray::Array2;

use crate::{Error, Quantity, Result, Shifts};

/// The image under each shifted grid, row by row; none where only the model's own grid is asked for.
///
/// # Errors
/// [`Error::Shifts`] where patches have fewer pixels than there are shifts.
pub(crate) fn moved(pixels: &Pixels, layout: &Layout, shifts: Shifts) -> Result<Vec<Pixels>> {
    if shifts == Shifts::ONE {
        return Ok(Vec::new());
    }
    let [rows, columns] = layout.grid.unwrap_or([1, 1]);
    let patch = [pixels.height / rows, pixels.width / columns];
    if patch.iter().any(|&side| side < shifts.along()) {
        return Err(Error::Shifts { shifts, patch });
    }
    let offsets = |side: usize| shifts.offsets().map(move |offset| offset * side as f64);
    let whole = |offset: f64| offset.round() as isize;
    let moved = offsets(patch[0]).flat_map(|down| {
        offsets(patch[1]).map(move |right| pixels.moved(whole(down), whole(right)))
    });
    Ok(moved.collect())
}

/// One solution for each grid, read together.
pub(crate) struct Shifted {
    shifts: Shifts,
    solutions: Vec<Solution>,
}

impl Shifted {
    /// # Panics
    /// If there is not one solution a grid.
    pub(crate) fn new(shifts: Shifts, solutions: Vec<Solution>) -> Self {
        assert_eq!(solutions.len(), shifts.count(), "one solution a grid");
        Self { shifts, solutions }
    }

    /// The map, and the mean saliency of the tokens that are no patches, in order.
    pub(crate) fn saliency(&self, layout: &Layout, quantity: Quantity) -> (Array2<f32>, Vec<f32>) {
        let grid = layout.grid.unwrap_or_default();
        let tokens: Vec<Vec<f32>> = self
            .solutions
            .iter()
            .map(|solution| solution.saliency(quantity).to_vec())
            .collect();
        let maps = tokens.iter().map(|tokens| {
            Array2::from_shape_vec(grid, layout.on_grid(tokens)).expect("one value a patch")
        });
        let maps: Vec<_> = maps.collect();
        let offsets: Vec<f64> = self.shifts.offsets().collect();
        let map = m2ib_attribution::interleave(&maps, &offsets);
        let others = layout.tokens.iter().enumerate();
        let others = others.filter(|(_, role)| !role.is_input());
        let mean = |token: usize| {
            let sum: f32 = tokens.iter().map(|tokens| tokens[token]).sum();
            sum / tokens.len() as f32
        };
        (map, others.map(|(token, _)| mean(token)).collect())
    }

    /// The mean of the objectives, evaluation by evaluation.
    pub(crate) fn trace(&self) -> Vec<Step> {
        let traces: Vec<&[Step]> = self.solutions.iter().map(|it| &it.trace[..]).collect();
        let steps = traces.first().map_or(0, |trace| trace.len());
        let mean = |step: usize| mean(traces.iter().map(|trace| trace[step]));
        (0..steps).map(mean).collect()
    }
}

/// The mean of one evaluation's reports; there is at least one.
pub(crate) fn mean(reports: impl Iterator<Item = Step> + Clone) -> Step {
    let count = reports.clone().count() as f32;
    let mean =
        |number: fn(&Step) -> f32| reports.clone().map(|step| number(&step)).sum::<f32>() / count;
    let withheld = reports.clone().map(|step| step.withheld_fit);
    let withheld: Option<Vec<f32>> = withheld.collect();
    Step {
        compression: mean(|step| step.compression),
        fit: mean(|step| step.fit),
        withheld_fit: withheld.map(|fits| fits.iter().sum::<f32>() / count),
        total: mean(|step| step.total),
    }
}
