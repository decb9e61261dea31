//! The optimisation: how much noise each unit bears while the fit stays high.
//!
//! Per unit, λ = sigmoid(α) with α the only parameter (5 at the start: nearly everything passes),
//! and per step and sample fresh noise ε ~ N(0, I):
//!
//! ```text
//! z    = m + s (λ r + (1 − λ) ε),  r = (h − m)/s
//! loss = β · mean capacity − mean cos(readout(z), target)
//! ```
//!
//! The gradient with respect to α is closed up to the readout's g = ∂fit/∂z:
//! ∂z/∂λ = s(r − ε) and ∂λ/∂α = λ(1 − λ).

use burn::tensor::{Device, Tensor, TensorData, activation::sigmoid};
use ndarray::{Array1, Array2, Axis};
use serde::{Deserialize, Serialize};

use crate::adam::Adam;
use crate::noise_model::NoiseTensors;
use crate::{Error, NoiseModel, NoiseSource, Readout, Result, capacity, capacity_gradient};

/// α before the first step. A smaller one starts with information already lost; at 5, 1 − λ is
/// 0.7 %.
const INITIAL_ALPHA: f32 = 5.0;

/// Settings of one bottleneck.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// β, the price of a nat (averaged over units) in cosine similarity.
    pub beta: f64,
    /// Adam's learning rate.
    pub learning_rate: f64,
    /// Evaluations of the objective. The result is the capacity at the last one, so there is one
    /// update fewer.
    pub steps: usize,
    /// Noise samples per step.
    pub samples: usize,
}

/// A bottleneck with settings that have been checked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bottleneck {
    settings: Settings,
}

/// What is to be explained.
pub struct Problem<'a> {
    /// The hidden layer, `[1, tokens, width]`.
    pub latent: Tensor<3>,
    /// The noise that replaces what is withheld.
    pub noise_model: &'a NoiseModel,
    /// From the layer to the embedding.
    pub readout: &'a dyn Readout,
    /// The other modality's embedding, `[1, embedding]`.
    pub target: Tensor<2>,
}

/// The objective at one evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Mean capacity over units, in nats.
    pub compression: f32,
    /// Mean cosine similarity over samples.
    pub fit: f32,
    /// β · compression − fit.
    pub total: f32,
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// Capacity of every unit at the last evaluation, in nats, `[tokens, width]`.
    pub capacity: Array2<f32>,
    /// α at the last evaluation, `[tokens, width]`.
    pub alpha: Array2<f32>,
    /// The objective, evaluation by evaluation.
    pub trace: Vec<Step>,
}

impl Solution {
    /// Capacity summed over features: nats per token, `[tokens]`.
    pub fn saliency(&self) -> Array1<f32> {
        self.capacity
            .map(|&nats| f64::from(nats))
            .sum_axis(Axis(1))
            .map(|&nats| nats as f32)
    }
}

impl Bottleneck {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Setting`] for a β or learning rate that is not positive and finite, or no steps or
    /// samples.
    pub fn new(settings: Settings) -> Result<Self> {
        for (name, value) in [
            ("beta", settings.beta),
            ("learning rate", settings.learning_rate),
        ] {
            if !(value.is_finite() && value > 0.0) {
                let expected = "a positive, finite number";
                return Err(Error::Setting {
                    name,
                    found: value.to_string(),
                    expected,
                });
            }
        }
        for (name, value) in [("steps", settings.steps), ("samples", settings.samples)] {
            if value == 0 {
                let expected = "at least 1";
                return Err(Error::Setting {
                    name,
                    found: value.to_string(),
                    expected,
                });
            }
        }
        Ok(Self { settings })
    }

    /// The settings.
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// Finds each unit's capacity. `on_step` hears of every evaluation as it is made.
    ///
    /// # Errors
    /// [`Error::Shape`] and [`Error::Setting`] for a problem that does not fit together,
    /// [`Error::NotFinite`] with the step, whatever the noise source reports.
    pub fn solve(
        &self,
        problem: &Problem<'_>,
        noise: &mut dyn NoiseSource,
        on_step: &mut dyn FnMut(&Step),
    ) -> Result<Solution> {
        let Settings {
            beta,
            learning_rate,
            steps,
            samples,
        } = self.settings;
        let [tokens, width] = problem.check()?;
        let objective = Objective::new(problem, beta);
        let device = problem.latent.device();

        let mut alpha = Tensor::<2>::full([tokens, width], INITIAL_ALPHA, &device);
        let mut adam = Adam::new(learning_rate);
        let mut trace = Vec::new();
        for step in 0..steps {
            let noise = draw(noise, step, [samples, tokens, width], &device)?;
            let improve = step + 1 < steps;
            let Evaluation {
                nats,
                fit,
                gradient,
            } = objective.evaluate(alpha.clone(), noise, improve)?;

            // Sums carry a NaN on, a maximum may not.
            let mut numbers = vec![nats.clone().mean(), fit, alpha.clone().abs().sum()];
            numbers.extend(
                gradient
                    .as_ref()
                    .map(|gradient| gradient.clone().abs().sum()),
            );
            let numbers = values(Tensor::cat(numbers, 0))?;
            for (what, number) in ["capacity", "fit", "alpha", "gradient"]
                .into_iter()
                .zip(&numbers)
            {
                finite(*number, what, step + 1)?;
            }
            let (compression, fit) = (numbers[0], numbers[1]);
            let total = (beta * f64::from(compression) - f64::from(fit)) as f32;
            finite(total, "the objective", step + 1)?;
            let report = Step {
                compression,
                fit,
                total,
            };
            on_step(&report);
            trace.push(report);

            match gradient {
                Some(gradient) => alpha = adam.update(alpha, gradient),
                None => {
                    let mut capacity = matrix(values(nats)?, [tokens, width]);
                    for nats in &mut capacity {
                        finite(*nats, "capacity", step + 1)?;
                        // A divergence is never negative; its rounding may be.
                        *nats = nats.max(0.0);
                    }
                    let alpha = matrix(values(alpha)?, [tokens, width]);
                    return Ok(Solution {
                        capacity,
                        alpha,
                        trace,
                    });
                }
            }
        }
        unreachable!("settings have at least one step, and the last one returns")
    }
}

/// A problem in the terms of the formulas: r in place of h.
struct Objective<'a> {
    problem: &'a Problem<'a>,
    prior: NoiseTensors,
    /// r, `[tokens, width]`.
    normalized: Tensor<2>,
    /// β over the number of units: the price of one nat.
    price: f64,
}

/// The objective's terms at one α and one draw of noise.
struct Evaluation {
    /// `[tokens, width]`
    nats: Tensor<2>,
    /// Mean over samples, `[1]`.
    fit: Tensor<1>,
    /// Of the objective with respect to α, `[tokens, width]`, where wanted.
    gradient: Option<Tensor<2>>,
}

impl<'a> Objective<'a> {
    fn new(problem: &'a Problem<'a>, beta: f64) -> Self {
        let [_, tokens, width] = problem.latent.dims();
        let prior = problem.noise_model.tensors(width, &problem.latent.device());
        let latent = problem.latent.clone().squeeze_dim::<2>(0);
        let normalized = (latent - prior.mean.clone()) / prior.std.clone();
        let price = beta / (tokens * width) as f64;
        Self {
            problem,
            prior,
            normalized,
            price,
        }
    }

    /// # Shapes
    /// - alpha: `[tokens, width]`
    /// - noise: `[samples, tokens, width]`
    fn evaluate(&self, alpha: Tensor<2>, noise: Tensor<3>, gradient: bool) -> Result<Evaluation> {
        let Self {
            problem,
            prior,
            normalized,
            price,
        } = self;
        let lambda = sigmoid(alpha.clone());
        let withheld = sigmoid(alpha.clone().neg());
        let passed = prior.mean.clone() + prior.std.clone() * lambda.clone() * normalized.clone();
        let masked =
            noise.clone() * (prior.std.clone() * withheld.clone()).unsqueeze() + passed.unsqueeze();
        let nats = capacity(alpha.clone(), normalized.clone());
        if !gradient {
            let fit = problem.readout.cosine(masked, &problem.target)?;
            return Ok(Evaluation {
                nats,
                fit,
                gradient: None,
            });
        }
        let fit = problem.readout.fit(masked, &problem.target)?;
        // ∂fit/∂λ = Σ over samples of g s (r − ε)
        let along_noise = (fit.gradient.clone() * noise)
            .sum_dim(0)
            .squeeze_dim::<2>(0);
        let along_latent = fit.gradient.sum_dim(0).squeeze_dim::<2>(0) * normalized.clone();
        let slope = (along_latent - along_noise) * prior.std.clone() * lambda * withheld;
        let gradient = capacity_gradient(alpha, normalized.clone()) * *price - slope;
        Ok(Evaluation {
            nats,
            fit: fit.cosine,
            gradient: Some(gradient),
        })
    }
}

impl Problem<'_> {
    /// The latent's `[tokens, width]`, if everything fits and is finite.
    fn check(&self) -> Result<[usize; 2]> {
        let [batch, tokens, width] = self.latent.dims();
        if batch != 1 || tokens == 0 || width == 0 {
            return Err(Error::Shape {
                what: "latent",
                found: vec![batch, tokens, width],
                expected: vec![1, tokens.max(1), width.max(1)],
            });
        }
        if self.target.dims()[0] != 1 {
            let [rows, embedding] = self.target.dims();
            let (found, expected) = (vec![rows, embedding], vec![1, embedding]);
            return Err(Error::Shape {
                what: "target",
                found,
                expected,
            });
        }
        self.noise_model.check(width)?;
        let sums = Tensor::cat(
            vec![
                self.latent.clone().abs().sum(),
                self.target.clone().abs().sum(),
            ],
            0,
        );
        let sums = values(sums)?;
        finite(sums[0], "latent", 0)?;
        finite(sums[1], "target embedding", 0)?;
        Ok([tokens, width])
    }
}

/// A step's noise on the device.
fn draw(
    source: &mut dyn NoiseSource,
    step: usize,
    shape: [usize; 3],
    device: &Device,
) -> Result<Tensor<3>> {
    let values = source.draw(step, shape)?;
    if values.len() != shape.iter().product::<usize>() {
        return Err(Error::Shape {
            what: "noise",
            found: vec![values.len()],
            expected: shape.to_vec(),
        });
    }
    Ok(Tensor::from_data(TensorData::new(values, shape), device))
}

fn finite(number: f32, what: &'static str, step: usize) -> Result<()> {
    if number.is_finite() {
        Ok(())
    } else {
        Err(Error::NotFinite { what, step })
    }
}

fn values<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    tensor
        .try_into_vec_as::<f32>()
        .map_err(|error| Error::Device {
            reason: error.to_string(),
        })
}

fn matrix(values: Vec<f32>, shape: [usize; 2]) -> Array2<f32> {
    Array2::from_shape_vec(shape, values).expect("a tensor has as many values as its shape says")
}

#[cfg(test)]
mod tests;
