//! The whole method (M2IB, section 3.4): what is made of a hidden layer, what it costs and what it is
//! worth.
//!
//! A hidden layer h of one modality, `[tokens, width]`, has noise with mean m and deviation s a
//! feature, and is written r = (h − m)/s. Every unit has a parameter α; λ = sigmoid(α) of the unit
//! passes, and noise stands in for the rest, drawn anew for every step and sample, ε ~ N(0, I):
//!
//! ```text
//! z = m + s (λ r + (1 − λ) ε)
//! ```
//!
//! What a unit passes, in nats, is how far the law of z, N(m + sλr, s²(1 − λ)²), is from the noise's
//! own (eq. 5; the second form never takes the logarithm of a difference):
//!
//! ```text
//! KL[ law of z ‖ N(m, s²) ] = ½((λr)² + (1 − λ)² − 1) − ln(1 − λ)
//!                            = ½((λr)² + (1 − λ)² − 1) + softplus(α)
//! ```
//!
//! It has a price β, and what the rest of the tower reads out of z is worth what a
//! [fit](crate::Fit) makes of it, the cosine with the other modality's embedding:
//!
//! ```text
//! loss = β · mean capacity − mean fit(readout(z))
//! ```
//!
//! [`Bottleneck`](crate::Bottleneck) lowers the loss from α = 5 on, where all but nothing passes, by
//! steps of Adam; the capacity at the last evaluation is the attribution. The gradient is closed up
//! to g = ∂fit/∂z, which the readout's way back gives: ∂z/∂λ = s(r − ε) and ∂λ/∂α = λ(1 − λ).
//!
//! **Two sides.** That much finds parts that suffice. What is withheld,
//!
//! ```text
//! z⁻ = m + s ((1 − λ) r + λ ε)
//! ```
//!
//! should suffice no more, which asks for all parts that matter (Fong, Patrick and Vedaldi 2019 play
//! this game with pixels; Zhang, Khakzar et al. 2021 for one modality). With a weight γ,
//!
//! ```text
//! loss = β · mean capacity − mean fit(readout(z)) + γ · mean fit(readout(z⁻))
//! ```
//!
//! Since ∂z⁻/∂λ = −∂z/∂λ for the same ε, the gradient is as above with g⁺ + γ g⁻ in place of g.
//!
//! **Few gates.** α may be shared by a token's features, or by groups of them ([`Gates`](crate::Gates)):
//! the gradient of a shared α is the sum of its units'.

use std::ops::Range;

use burn::tensor::{Tensor, activation::sigmoid};

use crate::problem::Batch;
use crate::sharing::Sharing;
use crate::{Lanes, NoiseSource, Readout, Result, Scope};

/// Rows of hidden states, samples included, that go through a read-out at once. At 16,384 rows of
/// width 1,024 the inner layer of one block takes 256 MB, and a handful of such tensors live at
/// once; far fewer rows leave a large device waiting.
pub const BATCH_ROWS: usize = 1 << 14;

/// How much of every unit passes, and how much noise stands in for the rest.
pub(crate) struct Gate<const D: usize> {
    alpha: Tensor<D>,
    /// λ
    pub(crate) lambda: Tensor<D>,
    /// 1 − λ, without cancellation.
    pub(crate) withheld: Tensor<D>,
}

impl<const D: usize> Gate<D> {
    pub(crate) fn new(alpha: Tensor<D>) -> Self {
        Self {
            lambda: sigmoid(alpha.clone()),
            withheld: sigmoid(alpha.clone().neg()),
            alpha,
        }
    }

    /// Capacity of every unit, in nats.
    ///
    /// # Shapes
    /// - normalized, r, and output: as α
    pub(crate) fn capacity(&self, normalized: Tensor<D>) -> Tensor<D> {
        let passed = self.lambda.clone() * normalized;
        (passed.square() + self.withheld.clone().square() - 1.0) * 0.5
            + softplus(self.alpha.clone())
    }

    /// Derivative of the capacity with respect to α: λ + λ(1 − λ)(λr² − (1 − λ)).
    ///
    /// # Shapes
    /// - normalized, r, and output: as α
    pub(crate) fn capacity_slope(&self, normalized: Tensor<D>) -> Tensor<D> {
        let Self {
            lambda, withheld, ..
        } = self;
        lambda.clone() + self.slope() * (lambda.clone() * normalized.square() - withheld.clone())
    }

    /// ∂λ/∂α = λ(1 − λ).
    pub(crate) fn slope(&self) -> Tensor<D> {
        self.lambda.clone() * self.withheld.clone()
    }
}

/// ln(1 + eˣ) = max(x, 0) + ln(1 + e^−|x|): no overflow for large x.
fn softplus<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    x.clone().clamp_min(0.0) + x.abs().neg().exp().log1p()
}

pub(crate) struct Objective<'a> {
    pub(crate) batch: Batch,
    pub(crate) readout: &'a dyn Readout,
    pub(crate) noise: &'a dyn NoiseSource,
    pub(crate) lanes: Lanes,
    pub(crate) samples: usize,
    /// γ; 0 leaves the second side out.
    pub(crate) gamma: f64,
    pub(crate) sharing: Sharing,
}

/// The objective's terms at one α and one draw of noise.
pub(crate) struct Evaluation {
    /// `[problems, tokens, width]`
    pub(crate) nats: Tensor<3>,
    /// λ averaged over a token's features, `[problems, tokens]`.
    pub(crate) share: Tensor<2>,
    /// Mean over samples, `[problems]`.
    pub(crate) fit: Tensor<1>,
    /// The fit of what is withheld, where there is a second side, `[problems]`.
    pub(crate) withheld_fit: Option<Tensor<1>>,
    /// Of the objective with respect to α, `[problems, tokens, gates]`, where wanted.
    pub(crate) gradient: Option<Tensor<3>>,
}

/// What a share of the samples adds; tensors are summed over them.
struct Share {
    /// `[problems]`; with a second side, that of both.
    fits: Vec<Tensor<1>>,
    /// Σ g and Σ g ε, `[problems, tokens, width]`, where g is g⁺ + γ g⁻ if there are two sides.
    gradients: Option<[Tensor<3>; 2]>,
}

/// A side's z = constant + deviation · ε, `[problems, tokens, width]` both.
#[derive(Clone)]
struct Side {
    constant: Tensor<3>,
    deviation: Tensor<3>,
}

impl Objective<'_> {
    /// `beta` is the price of a nat's mean over units.
    ///
    /// # Shapes
    /// - alpha: `[problems, tokens, gates]`
    pub(crate) fn evaluate(
        &self,
        alpha: Tensor<3>,
        step: usize,
        beta: f64,
        gradient: bool,
    ) -> Result<Evaluation> {
        let Batch {
            tokens,
            width,
            prior,
            normalized,
            ..
        } = &self.batch;
        let gate = Gate::new(self.sharing.spread(alpha));
        let side = |signal: &Tensor<3>, noise: &Tensor<3>| Side {
            constant: prior.mean.clone() + prior.std.clone() * signal.clone() * normalized.clone(),
            deviation: prior.std.clone() * noise.clone(),
        };
        let mut sides = vec![side(&gate.lambda, &gate.withheld)];
        if self.gamma > 0.0 {
            sides.push(side(&gate.withheld, &gate.lambda));
        }
        let rows = self.batch.problems * tokens * self.samples * sides.len();
        let sum = self.lanes.sum(
            shares(rows, self.samples, self.lanes),
            |samples| self.share(samples, step, &sides, gradient),
            |sum, share| Ok(sum?.plus(share?)),
        );
        let sum = sum.expect("there is at least one sample")?;

        let scale = 1.0 / self.samples as f64;
        let nats = gate.capacity(normalized.clone());
        let gradient = sum.gradients.map(|[along_latent, along_noise]| {
            // ∂fit/∂λ = mean over samples of g s (r − ε)
            let slope = (along_latent * normalized.clone() - along_noise)
                * prior.std.clone()
                * gate.slope()
                * scale;
            let price = beta / (tokens * width) as f64;
            self.sharing
                .gather(gate.capacity_slope(normalized.clone()) * price - slope)
        });
        let mut fits = sum.fits.into_iter().map(|fit| fit * scale);
        Ok(Evaluation {
            nats,
            share: gate.lambda.mean_dim(2).squeeze_dim(2),
            fit: fits.next().expect("one side is always read"),
            withheld_fit: fits.next(),
            gradient,
        })
    }

    fn share(
        &self,
        samples: Range<usize>,
        step: usize,
        sides: &[Side],
        gradient: bool,
    ) -> Result<Share> {
        let Batch {
            problems,
            tokens,
            width,
            ..
        } = self.batch;
        Scope::check()?;
        let count = samples.len();
        let rows = sides.len() * count;
        let noise = self.batch.noise(self.noise, step, samples, self.samples)?;
        let mut masked = sides.iter().cloned().map(|side| {
            noise.clone() * side.deviation.unsqueeze_dim(1) + side.constant.unsqueeze_dim(1)
        });
        let masked = match sides.len() {
            1 => masked.next().expect("one side"),
            _ => Tensor::cat(masked.collect(), 1),
        };
        let masked = masked.reshape([problems * rows, tokens, width]);
        let by_side = |fit: Tensor<1>| {
            let fit = fit.reshape([problems, sides.len(), count]);
            let fit = fit.sum_dim(2).squeeze_dim::<2>(2);
            let side = |side| fit.clone().narrow(1, side, 1).squeeze_dim(1);
            (0..sides.len()).map(side).collect()
        };
        if !gradient {
            let fit = self.batch.fits.value(self.readout.read(masked))?;
            return Ok(Share {
                fits: by_side(fit),
                gradients: None,
            });
        }
        let read = self.readout.read_back(masked);
        let fitted = self.batch.fits.with_gradient(read.embedding.clone())?;
        let gradient = read.pull_back(fitted.gradient)?;
        let gradient = gradient.reshape([problems, rows, tokens, width]);
        let gradient = match sides.len() {
            1 => gradient,
            _ => {
                let side = |side| gradient.clone().narrow(1, side * count, count);
                side(0) + side(1) * self.gamma
            }
        };
        let sum = |x: Tensor<4>| x.sum_dim(1).squeeze_dim::<3>(1);
        let along_noise = sum(gradient.clone() * noise);
        Ok(Share {
            fits: by_side(fitted.value),
            gradients: Some([sum(gradient), along_noise]),
        })
    }
}

/// The samples, cut as evenly as whole samples can be: a share for each lane, or more of them where one
/// would outgrow [`BATCH_ROWS`]. `rows` are those of all samples.
pub(crate) fn shares(rows: usize, samples: usize, lanes: Lanes) -> Vec<Range<usize>> {
    let count = rows
        .div_ceil(BATCH_ROWS)
        .next_multiple_of(lanes.count())
        .min(samples);
    let bound = |share: usize| share * samples / count;
    (0..count)
        .map(|share| bound(share)..bound(share + 1))
        .collect()
}

impl Share {
    fn plus(self, other: Self) -> Self {
        let gradients = self
            .gradients
            .zip(other.gradients)
            .map(|([a, b], [c, d])| [a + c, b + d]);
        let fits = self.fits.into_iter().zip(other.fits);
        Self {
            fits: fits.map(|(a, b)| a + b).collect(),
            gradients,
        }
    }
}

#[cfg(test)]
mod tests;
