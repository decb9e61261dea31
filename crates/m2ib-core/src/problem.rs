//! What is to be explained, checked and brought together into a batch.

use burn::tensor::{Tensor, TensorData};

use crate::host::{finite, joined_values};
use crate::noise_model::NoiseTensors;
use crate::{Error, NoiseModel, Result};

/// One latent and the embedding it is to stay similar to.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The hidden layer, `[1, tokens, width]`.
    pub latent: Tensor<3>,
    /// The noise that replaces what is withheld.
    pub noise_model: NoiseModel,
    /// The other modality's embedding, `[1, embedding]`.
    pub target: Tensor<2>,
}

/// Problems of one shape, side by side.
pub(crate) struct Batch {
    pub(crate) problems: usize,
    pub(crate) tokens: usize,
    pub(crate) width: usize,
    /// r = (h − m)/s, `[problems, tokens, width]`.
    pub(crate) normalized: Tensor<3>,
    /// m and s, `[problems, 1, width]`.
    pub(crate) prior: NoiseTensors,
    /// `[problems, embedding]`
    pub(crate) targets: Tensor<2>,
}

impl Batch {
    /// # Errors
    /// [`Error::Shape`] and [`Error::Setting`] for problems that do not fit together,
    /// [`Error::NotFinite`] for an input that is not.
    pub(crate) fn new(problems: &[Problem]) -> Result<Self> {
        let Some(first) = problems.first() else {
            let (name, found, expected) = ("problems", "none".into(), "at least one");
            return Err(Error::Setting {
                name,
                found,
                expected,
            });
        };
        let [_, tokens, width] = first.latent.dims();
        let latent_shape = [1, tokens.max(1), width.max(1)];
        let target_shape = [1, first.target.dims()[1]];
        for problem in problems {
            same_shape("latent", problem.latent.dims(), latent_shape)?;
            same_shape("target", problem.target.dims(), target_shape)?;
            problem.noise_model.check(width)?;
        }
        let latents = stack(problems.iter().map(|problem| problem.latent.clone()));
        let targets = stack(problems.iter().map(|problem| problem.target.clone()));
        // Sums carry a NaN on, a maximum may not.
        let sums = joined_values(vec![
            latents.clone().abs().sum(),
            targets.clone().abs().sum(),
        ])?;
        finite(sums[0], "latent", 0)?;
        finite(sums[1], "target embedding", 0)?;
        let device = latents.device();
        let prior = NoiseTensors::new(
            problems.iter().map(|problem| &problem.noise_model),
            width,
            &device,
        );
        Ok(Self {
            problems: problems.len(),
            tokens,
            width,
            normalized: (latents - prior.mean.clone()) / prior.std.clone(),
            prior,
            targets,
        })
    }

    /// The targets with each repeated `times` in a row, `[problems · times, embedding]`.
    pub(crate) fn targets_repeated(&self, times: usize) -> Tensor<2> {
        if self.problems == 1 {
            // A single row meets all.
            return self.targets.clone();
        }
        let [problems, embedding] = self.targets.dims();
        self.targets
            .clone()
            .unsqueeze_dim::<3>(1)
            .expand([problems, times, embedding])
            .reshape([problems * times, embedding])
    }

    /// A step's noise on the device, `[1, samples, tokens, width]`: every problem meets the same.
    pub(crate) fn noise(&self, values: Vec<f32>, samples: usize) -> Result<Tensor<4>> {
        let shape = [samples, self.tokens, self.width];
        if values.len() != shape.iter().product::<usize>() {
            return Err(Error::Shape {
                what: "noise",
                found: vec![values.len()],
                expected: shape.to_vec(),
            });
        }
        let device = self.normalized.device();
        let noise = Tensor::<3>::from_data(TensorData::new(values, shape), &device);
        Ok(noise.unsqueeze_dim(0))
    }
}

fn same_shape<const D: usize>(
    what: &'static str,
    found: [usize; D],
    expected: [usize; D],
) -> Result<()> {
    if found == expected {
        Ok(())
    } else {
        Err(Error::Shape {
            what,
            found: found.to_vec(),
            expected: expected.to_vec(),
        })
    }
}

fn stack<const D: usize>(tensors: impl Iterator<Item = Tensor<D>>) -> Tensor<D> {
    let mut tensors: Vec<_> = tensors.collect();
    match tensors.len() {
        1 => tensors.remove(0),
        _ => Tensor::cat(tensors, 0),
    }
}
