//! A bottleneck in one layer: how much noise each unit bears while the fit stays high.

use crate::objective::Objective;
use crate::problem::Batch;
use crate::sharing::Sharing;
use crate::{Error, Lanes, NoiseSource, Problem, Readout, Result, Settings, Solution, Step};

/// A bottleneck with settings that have been checked.
#[derive(Debug, Clone)]
pub struct Bottleneck {
    settings: Settings,
    pub(crate) lanes: Lanes,
}

impl Bottleneck {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) for a β or learning rate that is not positive and
    /// finite, a γ below 0, a start that is not from −20 to 20, or a number of steps or samples out of
    /// range.
    pub fn new(settings: Settings) -> Result<Self> {
        crate::settings::check(&settings)?;
        Ok(Self {
            settings,
            lanes: Lanes::one(),
        })
    }

    /// Shares each step's samples out over `lanes`.
    pub fn with_lanes(self, lanes: Lanes) -> Self {
        Self { lanes, ..self }
    }

    /// The settings.
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// Finds each unit's capacity. `on_step` hears of every evaluation as it is made.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) and [`Error::Setting`](crate::Error::Setting) for a
    /// problem that does not fit together, [`Error::NotFinite`](crate::Error::NotFinite) with the
    /// step, whatever the noise source reports.
    pub fn solve(
        &self,
        problem: &Problem,
        readout: &dyn Readout,
        noise: &dyn NoiseSource,
        on_step: &mut dyn FnMut(&Step),
    ) -> Result<Solution> {
        let problems = std::slice::from_ref(problem);
        let mut solutions =
            self.solve_many(problems, readout, noise, &mut |_, step| on_step(step))?;
        solutions.remove(0)
    }

    /// Solves problems of one shape as one batch, each as [`solve`](Self::solve) would alone and
    /// with the same noise. `on_step` is told the problem and its evaluation.
    ///
    /// # Errors
    /// As [`solve`](Self::solve); numbers that stop being finite are the error of their problem
    /// alone.
    pub fn solve_many(
        &self,
        problems: &[Problem],
        readout: &dyn Readout,
        noise: &dyn NoiseSource,
        on_step: &mut dyn FnMut(usize, &Step),
    ) -> Result<Vec<Result<Solution>>> {
        let Settings { gamma, samples, .. } = self.settings;
        let batch = Batch::new(problems)?;
        let sharing = self.sharing(batch.width)?;
        let shape = [batch.problems, batch.tokens, sharing.gates];
        let device = batch.normalized.device();
        let objective = Objective {
            batch,
            readout,
            noise,
            lanes: self.lanes,
            samples,
            gamma,
            sharing,
        };

        self.descend(
            shape,
            &device,
            |alpha, step, beta, improve| objective.evaluate(alpha, step, beta, improve),
            on_step,
        )
    }

    /// # Errors
    /// [`Error::Setting`] where a token of this width has no such gates.
    pub(crate) fn sharing(&self, width: usize) -> Result<Sharing> {
        let gates = self.settings.gates.count(width);
        let gates = gates.map_err(|groups| Error::Gates { groups, width })?;
        Ok(Sharing { gates, width })
    }

    /// Whether hidden states of this width have gates as the settings say.
    ///
    /// # Errors
    /// [`Error::Gates`] where the features cannot be shared out evenly.
    pub fn check_width(&self, width: usize) -> Result<()> {
        self.sharing(width).map(drop)
    }
}

#[cfg(test)]
mod tests;
