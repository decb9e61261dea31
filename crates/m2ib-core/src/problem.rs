//! What is to be explained, checked and brought together into a batch.

use std::any::Any;
use std::ops::Range;
use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};

use crate::host::{finite, joined_values};
use crate::noise_model::NoiseTensors;
use crate::{Cosine, Error, Fit, Fitted, NoiseModel, NoiseSource, Result};

/// One latent, and what is wanted of the embedding read out of it.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The hidden layer, `[1, tokens, width]`.
    pub latent: Tensor<3>,
    /// The noise that replaces what is withheld.
    pub noise_model: NoiseModel,
    /// What the embedding is to be good for.
    pub fit: Arc<dyn Fit>,
    /// Problems of one stream meet the same noise, those of another further samples of it: what is to
    /// be averaged then has errors that do not add up.
    pub stream: usize,
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
    pub(crate) fits: Fits,
    streams: Vec<usize>,
}

/// The fit of each problem.
#[expect(
    clippy::large_enum_variant,
    reason = "one a batch, handed on by reference"
)]
pub(crate) enum Fits {
    /// Cosines alone are computed in one go, whatever their number: targets
    /// `[problems, embedding]`.
    Cosines(Tensor<2>),
    /// One that all share is asked once.
    One(Arc<dyn Fit>),
    Each(Vec<Arc<dyn Fit>>),
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
        for problem in problems {
            same_shape("latent", problem.latent.dims(), latent_shape)?;
            problem.noise_model.check(width)?;
        }
        let latents = stack(problems.iter().map(|problem| problem.latent.clone()));
        let fits = Fits::new(problems)?;
        // Sums carry a NaN on, a maximum may not.
        let mut sums = vec![latents.clone().abs().sum()];
        sums.extend(fits.targets().map(|target| target.abs().sum()));
        let sums = joined_values(sums)?;
        finite(sums[0], "latent", 0)?;
        for sum in &sums[1..] {
            finite(*sum, "target embedding", 0)?;
        }
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
            fits,
            streams: problems.iter().map(|problem| problem.stream).collect(),
        })
    }

    /// What the samples of a step meet, `[problems, samples, tokens, width]`, or with 1 in place of
    /// `problems` where all are of one stream. A step has `of` samples in all.
    pub(crate) fn noise(
        &self,
        source: &dyn NoiseSource,
        step: usize,
        samples: Range<usize>,
        of: usize,
    ) -> Result<Tensor<4>> {
        let one = self.streams.iter().all(|&stream| stream == self.streams[0]);
        let streams = if one {
            &self.streams[..1]
        } else {
            &self.streams
        };
        let mut values = Vec::new();
        for stream in streams {
            let first = stream * of;
            let samples = first + samples.start..first + samples.end;
            values.extend(source.draw(step, samples, [of, self.tokens, self.width])?);
        }
        let shape = [streams.len(), samples.len(), self.tokens, self.width];
        if values.len() != shape.iter().product::<usize>() {
            return Err(Error::Shape {
                what: "noise",
                found: vec![values.len()],
                expected: shape.to_vec(),
            });
        }
        let device = self.normalized.device();
        Ok(Tensor::from_data(TensorData::new(values, shape), &device))
    }
}

impl Fits {
    fn new(problems: &[Problem]) -> Result<Self> {
        let cosines = problems.iter().map(|problem| {
            let fit: &dyn Any = &*problem.fit;
            fit.downcast_ref::<Cosine>()
        });
        let Some(cosines) = cosines.collect::<Option<Vec<_>>>() else {
            let first = &problems[0].fit;
            let mut others = problems.iter();
            if others.all(|problem| Arc::ptr_eq(&problem.fit, first)) {
                return Ok(Self::One(first.clone()));
            }
            let fits = problems.iter().map(|problem| problem.fit.clone());
            return Ok(Self::Each(fits.collect()));
        };
        let width = cosines[0].target().dims()[1];
        for cosine in &cosines {
            same_shape("target", cosine.target().dims(), [1, width])?;
        }
        let targets = cosines.iter().map(|cosine| cosine.target().clone());
        Ok(Self::Cosines(stack(targets)))
    }

    /// What the fits compare with.
    fn targets(&self) -> impl Iterator<Item = Tensor<2>> {
        let targets = match self {
            Self::Cosines(targets) => vec![targets.clone()],
            Self::One(fit) => fit.targets(),
            Self::Each(fits) => fits.iter().flat_map(|fit| fit.targets()).collect(),
        };
        targets.into_iter()
    }

    /// # Shapes
    /// - embedding: `[problems · samples, embedding]`, a problem's samples in a row
    /// - output: `[problems · samples]`
    pub(crate) fn value(&self, embedding: Tensor<2>) -> Result<Tensor<1>> {
        match self {
            Self::Cosines(targets) => cosines(targets, &embedding).value(embedding),
            Self::One(fit) => fit.value(embedding),
            Self::Each(fits) => {
                let values = own_rows(fits, embedding).map(|(fit, rows)| fit.value(rows));
                Ok(stack(values.collect::<Result<Vec<_>>>()?.into_iter()))
            }
        }
    }

    /// As [`value`](Self::value), with each one's gradient with respect to its embedding.
    pub(crate) fn with_gradient(&self, embedding: Tensor<2>) -> Result<Fitted<2>> {
        match self {
            Self::Cosines(targets) => cosines(targets, &embedding).with_gradient(embedding),
            Self::One(fit) => fit.with_gradient(embedding),
            Self::Each(fits) => {
                let fitted = own_rows(fits, embedding).map(|(fit, rows)| fit.with_gradient(rows));
                let fitted = fitted.collect::<Result<Vec<_>>>()?.into_iter();
                let (values, gradients): (Vec<_>, Vec<_>) =
                    fitted.map(|fitted| (fitted.value, fitted.gradient)).unzip();
                Ok(Fitted {
                    value: stack(values.into_iter()),
                    gradient: stack(gradients.into_iter()),
                })
            }
        }
    }
}

/// The targets, each repeated for all of its problem's rows.
fn cosines(targets: &Tensor<2>, embedding: &Tensor<2>) -> Cosine {
    let ([problems, width], [rows, _]) = (targets.dims(), embedding.dims());
    if problems == 1 {
        // A single row meets all.
        return Cosine::new(targets.clone());
    }
    let repeated = targets.clone().unsqueeze_dim::<3>(1);
    let repeated = repeated.expand([problems, rows / problems, width]);
    Cosine::new(repeated.reshape([rows, width]))
}

/// Each fit with the rows that are its problem's.
fn own_rows(
    fits: &[Arc<dyn Fit>],
    embedding: Tensor<2>,
) -> impl Iterator<Item = (&Arc<dyn Fit>, Tensor<2>)> {
    let samples = embedding.dims()[0] / fits.len();
    let rows = move |problem| embedding.clone().narrow(0, problem * samples, samples);
    fits.iter()
        .enumerate()
        .map(move |(problem, fit)| (fit, rows(problem)))
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
