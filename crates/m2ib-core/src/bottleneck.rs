//! The optimisation: how much noise each unit bears while the fit stays high.

use burn::tensor::Tensor;
use ndarray::Array2;

use crate::adam::Adam;
use crate::host::{finite, joined_values, values};
use crate::objective::{Evaluation, Objective};
use crate::problem::Batch;
use crate::{Lanes, NoiseSource, Problem, Readout, Result, Settings, Solution, Step};

/// α before the first step. A smaller one starts with information already lost; at 5, 1 − λ is
/// 0.7 %.
const INITIAL_ALPHA: f32 = 5.0;

/// A bottleneck with settings that have been checked.
#[derive(Debug, Clone)]
pub struct Bottleneck {
    settings: Settings,
    lanes: Lanes,
}

impl Bottleneck {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) for a β or learning rate that is not positive and
    /// finite, or a number of steps or samples out of range.
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
        let Settings {
            beta,
            learning_rate,
            steps,
            samples,
        } = self.settings;
        let batch = Batch::new(problems)?;
        let shape = [batch.problems, batch.tokens, batch.width];
        let device = batch.normalized.device();
        let objective = Objective {
            price: beta / (batch.tokens * batch.width) as f64,
            batch,
            readout,
            noise,
            lanes: self.lanes,
            samples,
        };

        let mut alpha = Tensor::<3>::full(shape, INITIAL_ALPHA, &device);
        let mut adam = Adam::new(learning_rate);
        let mut traces: Vec<Result<Vec<Step>>> = problems.iter().map(|_| Ok(Vec::new())).collect();
        for step in 0..steps {
            let improve = step + 1 < steps;
            let evaluation = objective.evaluate(alpha.clone(), step, improve)?;
            let numbers = Numbers::of(&evaluation, &alpha)?;
            for (problem, trace) in traces.iter_mut().enumerate() {
                let Ok(steps) = trace else { continue };
                match numbers.report(problem, beta, step + 1) {
                    Ok(report) => {
                        on_step(problem, &report);
                        steps.push(report);
                    }
                    Err(error) => *trace = Err(error),
                }
            }
            match evaluation.gradient {
                // With no problem left, going on would change nothing.
                Some(gradient) if traces.iter().any(Result::is_ok) => {
                    alpha = adam.update(alpha, gradient);
                }
                Some(_) => break,
                None => return solutions(evaluation.nats, alpha, traces, steps),
            }
        }
        Ok(traces
            .into_iter()
            .filter_map(Result::err)
            .map(Err)
            .collect())
    }
}

/// The numbers of one evaluation that are looked at on the host, problem by problem.
struct Numbers {
    problems: usize,
    /// Compression, fit, |α| summed, and where there is one, |gradient| summed.
    values: Vec<f32>,
}

impl Numbers {
    fn of(evaluation: &Evaluation, alpha: &Tensor<3>) -> Result<Self> {
        // Sums carry a NaN on, a maximum may not.
        let sum = |x: Tensor<3>| x.flatten::<2>(1, 2).sum_dim(1).squeeze_dim::<1>(1);
        let nats = evaluation.nats.clone();
        let mut numbers = vec![
            nats.flatten::<2>(1, 2).mean_dim(1).squeeze_dim::<1>(1),
            evaluation.fit.clone(),
            sum(alpha.clone().abs()),
        ];
        numbers.extend(
            evaluation
                .gradient
                .clone()
                .map(|gradient| sum(gradient.abs())),
        );
        Ok(Self {
            problems: alpha.dims()[0],
            values: joined_values(numbers)?,
        })
    }

    fn report(&self, problem: usize, beta: f64, step: usize) -> Result<Step> {
        let numbers = self.values.iter().skip(problem).step_by(self.problems);
        for (number, what) in numbers.zip(["capacity", "fit", "alpha", "gradient"]) {
            finite(*number, what, step)?;
        }
        let (compression, fit) = (self.values[problem], self.values[self.problems + problem]);
        let total = (beta * f64::from(compression) - f64::from(fit)) as f32;
        finite(total, "the objective", step)?;
        Ok(Step {
            compression,
            fit,
            total,
        })
    }
}

/// # Shapes
/// - nats, alpha: `[problems, tokens, width]`
fn solutions(
    nats: Tensor<3>,
    alpha: Tensor<3>,
    traces: Vec<Result<Vec<Step>>>,
    step: usize,
) -> Result<Vec<Result<Solution>>> {
    let [_, tokens, width] = nats.dims();
    let matrices = |tensor| -> Result<Vec<Array2<f32>>> {
        let values = values(tensor)?;
        let matrix = |values: &[f32]| {
            Array2::from_shape_vec([tokens, width], values.to_vec())
                .expect("a tensor has as many values as its shape says")
        };
        Ok(values.chunks_exact(tokens * width).map(matrix).collect())
    };
    let units = matrices(nats)?.into_iter().zip(matrices(alpha)?);
    let solutions = traces.into_iter().zip(units);
    Ok(solutions
        .map(|(trace, (capacity, alpha))| solution(trace?, capacity, alpha, step))
        .collect())
}

fn solution(
    trace: Vec<Step>,
    mut capacity: Array2<f32>,
    alpha: Array2<f32>,
    step: usize,
) -> Result<Solution> {
    for nats in &mut capacity {
        finite(*nats, "capacity", step)?;
        // A divergence is never negative; its rounding may be.
        *nats = nats.max(0.0);
    }
    Ok(Solution {
        capacity,
        alpha,
        trace,
    })
}

#[cfg(test)]
mod tests;
