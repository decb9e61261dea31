//! The optimisation: steps of Adam down an objective, whatever lies behind it.

use burn::tensor::{Device, Tensor};
use ndarray::Array2;

use crate::adam::Adam;
use crate::host::{finite, joined_values, values};
use crate::objective::Evaluation;
use crate::{Bottleneck, Result, Settings, Solution, Step};

impl Bottleneck {
    /// Lowers what `evaluate` says of an α, at a step, a price and, where it is to be improved, with the
    /// gradient.
    ///
    /// # Shapes
    /// - shape: `[problems, tokens, gates]`, α's
    pub(crate) fn descend(
        &self,
        shape: [usize; 3],
        device: &Device,
        evaluate: impl Fn(Tensor<3>, usize, f64, bool) -> Result<Evaluation>,
        on_step: &mut dyn FnMut(usize, &Step),
    ) -> Result<Vec<Result<Solution>>> {
        let Settings {
            beta,
            gamma,
            start,
            learning_rate,
            steps,
            ..
        } = self.settings();
        let mut alpha = Tensor::<3>::full(shape, start, device);
        let mut adam = Adam::new(learning_rate);
        let mut shares = MeanShare::default();
        let mut traces: Vec<Result<Vec<Step>>> = (0..shape[0]).map(|_| Ok(Vec::new())).collect();
        for step in 0..steps {
            let improve = step + 1 < steps;
            let beta = beta.at(step, steps);
            let evaluation = evaluate(alpha.clone(), step, beta, improve)?;
            shares.add(&evaluation, step);
            let numbers = Numbers::of(&evaluation, &alpha)?;
            for (problem, trace) in traces.iter_mut().enumerate() {
                let Ok(steps) = trace else { continue };
                match numbers.report(problem, [beta, gamma], step + 1) {
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
                None => {
                    let found = Found {
                        shares: [evaluation.share, shares.mean()],
                        nats: evaluation.nats,
                        alpha,
                    };
                    return solutions(found, traces, steps);
                }
            }
        }
        Ok(traces
            .into_iter()
            .filter_map(Result::err)
            .map(Err)
            .collect())
    }
}

/// λ of every token, averaged over the evaluations behind an update: the first knows nothing yet.
#[derive(Default)]
struct MeanShare {
    sum: Option<Tensor<2>>,
    count: usize,
}

impl MeanShare {
    fn add(&mut self, evaluation: &Evaluation, step: usize) {
        let share = evaluation.share.clone();
        self.sum = match self.sum.take() {
            // A single evaluation has no other.
            Some(sum) if step > 1 => Some(sum + share),
            _ => Some(share),
        };
        self.count = step.max(1);
    }

    /// # Shapes
    /// - output: `[problems, tokens]`
    fn mean(self) -> Tensor<2> {
        self.sum.expect("at least one evaluation was added") / self.count as f64
    }
}

/// The numbers of one evaluation that are looked at on the host, problem by problem.
struct Numbers {
    problems: usize,
    /// Compression, fit, |α| summed, and where there are any, the withheld fit and |gradient| summed.
    values: Vec<f32>,
    two_sided: bool,
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
        numbers.extend(evaluation.withheld_fit.clone());
        let gradient = evaluation.gradient.clone();
        numbers.extend(gradient.map(|gradient| sum(gradient.abs())));
        Ok(Self {
            problems: alpha.dims()[0],
            values: joined_values(numbers)?,
            two_sided: evaluation.withheld_fit.is_some(),
        })
    }

    fn report(&self, problem: usize, [beta, gamma]: [f64; 2], step: usize) -> Result<Step> {
        let value = |number: usize| self.values[number * self.problems + problem];
        let mut names = vec!["capacity", "fit", "alpha"];
        names.extend(self.two_sided.then_some("the fit of what is withheld"));
        names.push("gradient");
        for (number, what) in names.into_iter().enumerate() {
            if number * self.problems < self.values.len() {
                finite(value(number), what, step)?;
            }
        }
        let (compression, fit) = (value(0), value(1));
        let withheld_fit = self.two_sided.then(|| value(3));
        let withheld = withheld_fit.map_or(0.0, |fit| gamma * f64::from(fit));
        let total = (beta * f64::from(compression) - f64::from(fit) + withheld) as f32;
        finite(total, "the objective", step)?;
        Ok(Step {
            compression,
            fit,
            withheld_fit,
            total,
        })
    }
}

/// What the last evaluation leaves.
struct Found {
    /// `[problems, tokens, width]`
    nats: Tensor<3>,
    /// `[problems, tokens, gates]`
    alpha: Tensor<3>,
    /// At the end, and averaged over the steps, `[problems, tokens]`.
    shares: [Tensor<2>; 2],
}

fn solutions(
    found: Found,
    traces: Vec<Result<Vec<Step>>>,
    step: usize,
) -> Result<Vec<Result<Solution>>> {
    let matrices = |tensor: Tensor<3>| -> Result<Vec<Array2<f32>>> {
        let [_, rows, columns] = tensor.dims();
        let values = values(tensor)?;
        let matrix = |values: &[f32]| {
            Array2::from_shape_vec([rows, columns], values.to_vec())
                .expect("a tensor has as many values as its shape says")
        };
        Ok(values.chunks_exact(rows * columns).map(matrix).collect())
    };
    let shares = Tensor::stack(found.shares.to_vec(), 1);
    let units = matrices(found.nats)?.into_iter();
    let units = units.zip(matrices(found.alpha)?).zip(matrices(shares)?);
    let solutions = traces.into_iter().zip(units);
    Ok(solutions
        .map(|(trace, ((mut capacity, alpha), shares))| {
            let trace = trace?;
            for nats in &mut capacity {
                finite(*nats, "capacity", step)?;
                // A divergence is never negative; its rounding may be.
                *nats = nats.max(0.0);
            }
            Ok(Solution {
                capacity,
                alpha,
                share: shares.row(0).to_owned(),
                mean_share: shares.row(1).to_owned(),
                trace,
            })
        })
        .collect())
}
