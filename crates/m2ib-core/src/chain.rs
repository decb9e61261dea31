//! One bottleneck in several layers of a tower at once (CoIBA; Hong, Kim, Jeon and Lee, CVPR 2025).
//!
//! The layers share their gates. What the first one lets through is computed on to the second and masked
//! again by the same λ, and so on, each with noise of its own layer, N(m_l, s_l²):
//!
//! ```text
//! z_0 = λ h + (1 − λ)(m_0 + s_0 ε_0)
//! z_l = λ next(z_{l−1}) + (1 − λ)(m_l + s_l ε_l)
//! ```
//!
//! The capacity is that of the first layer alone: what does not pass there is in no later one, so that it
//! bounds all of them. The loss is that of [one layer](crate::Bottleneck), with what is read out behind the
//! last:
//!
//! ```text
//! loss = β · mean capacity_0 − mean fit(read(z_last)) + γ · mean fit(read(z⁻_last))
//! ```
//!
//! where z⁻ has 1 − λ in place of λ in all layers. Gradients are traced by automatic differentiation, since
//! λ is on every layer's way.

use std::ops::Range;
use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};

use crate::host::{finite, joined_values};
use crate::noise_model::NoiseTensors;
use crate::objective::{Evaluation, Gate, shares};
use crate::sharing::Sharing;
use crate::{
    Bottleneck, Error, Fit, Lanes, NoiseModel, NoiseSource, Result, Scope, Settings, Solution, Step,
};

/// What lies between the layers of a chain, and behind the last.
pub trait Stages: Sync {
    /// From what passed the layer `layer` (from 0) to what comes to the next one.
    ///
    /// # Shapes
    /// - latent and output: `[batch, tokens, width]`
    fn next(&self, layer: usize, latent: Tensor<3>) -> Tensor<3>;

    /// From what passed the last layer to the embedding.
    ///
    /// # Shapes
    /// - latent: `[batch, tokens, width]`
    /// - output: `[batch, embedding]`
    fn read(&self, latent: Tensor<3>) -> Tensor<2>;
}

/// A latent that is masked in several layers, and what is wanted of the embedding read out behind them.
#[derive(Debug, Clone)]
pub struct Chain {
    /// The first layer's, `[1, tokens, width]`.
    pub latent: Tensor<3>,
    /// The noise of each layer.
    pub noise_models: Vec<NoiseModel>,
    /// What the embedding is to be good for.
    pub fit: Arc<dyn Fit>,
}

impl Bottleneck {
    /// Finds the capacity of each of the first layer's units. `noise` is a source for each layer; `on_step`
    /// hears of every evaluation as it is made.
    ///
    /// # Errors
    /// As [`solve`](Self::solve), and [`Error::Shape`] for another number of sources than of layers.
    pub fn solve_chain(
        &self,
        chain: &Chain,
        stages: &dyn Stages,
        noise: &[&dyn NoiseSource],
        on_step: &mut dyn FnMut(&Step),
    ) -> Result<Solution> {
        let [_, tokens, width] = chain.latent.dims();
        chain.check(noise.len())?;
        let Settings { gamma, samples, .. } = self.settings();
        let device = chain.latent.device();
        let sharing = self.sharing(width)?;
        let layer = |model| NoiseTensors::new(std::iter::once(model), width, &device);
        let priors: Vec<NoiseTensors> = chain.noise_models.iter().map(layer).collect();
        let first = &priors[0];
        let objective = Objective {
            normalized: (chain.latent.clone() - first.mean.clone()) / first.std.clone(),
            chain,
            stages,
            noise,
            priors,
            sharing,
            samples,
            gamma,
            lanes: self.lanes,
        };
        let mut solutions = self.descend(
            [1, tokens, sharing.gates],
            &device,
            |alpha, step, beta, improve| objective.evaluate(alpha, step, beta, improve),
            &mut |_, step| on_step(step),
        )?;
        solutions.remove(0)
    }
}

impl Chain {
    fn check(&self, sources: usize) -> Result<()> {
        let [batch, tokens, width] = self.latent.dims();
        if batch != 1 || tokens == 0 || width == 0 {
            return Err(Error::Shape {
                what: "latent",
                found: vec![batch, tokens, width],
                expected: vec![1, tokens.max(1), width.max(1)],
            });
        }
        let layers = self.noise_models.len();
        if layers == 0 || layers != sources {
            return Err(Error::Shape {
                what: "the noise of a chain's layers",
                found: vec![sources],
                expected: vec![layers.max(1)],
            });
        }
        for model in &self.noise_models {
            model.check(width)?;
        }
        let mut sums = vec![self.latent.clone().abs().sum()];
        sums.extend(self.fit.targets().into_iter().map(|x| x.abs().sum()));
        let sums = joined_values(sums)?;
        finite(sums[0], "latent", 0)?;
        sums[1..]
            .iter()
            .try_for_each(|sum| finite(*sum, "target embedding", 0))
    }
}

struct Objective<'a> {
    chain: &'a Chain,
    stages: &'a dyn Stages,
    noise: &'a [&'a dyn NoiseSource],
    /// Of each layer, `[1, 1, width]`.
    priors: Vec<NoiseTensors>,
    /// The first layer's r, `[1, tokens, width]`.
    normalized: Tensor<3>,
    sharing: Sharing,
    samples: usize,
    gamma: f64,
    lanes: Lanes,
}

/// What a share of the samples adds, summed over them.
struct Share {
    /// Of what passes and, with two sides, of what is withheld, `[1]` each.
    fits: Vec<Tensor<1>>,
    /// Of fit − γ · withheld fit with respect to λ, `[1, tokens, width]`.
    gradient: Option<Tensor<3>>,
}

impl Objective<'_> {
    /// # Shapes
    /// - alpha: `[1, tokens, gates]`
    fn evaluate(
        &self,
        alpha: Tensor<3>,
        step: usize,
        beta: f64,
        gradient: bool,
    ) -> Result<Evaluation> {
        let [_, tokens, width] = self.normalized.dims();
        let gate = Gate::new(self.sharing.spread(alpha));
        // Of every layer, the way back keeps what it needs.
        let rows = tokens * self.samples * self.priors.len();
        let sum = self.lanes.sum(
            shares(rows, self.samples, self.lanes),
            |samples| self.share(samples, step, &gate.lambda, gradient),
            |sum, share| Ok(sum?.plus(share?)),
        );
        let sum = sum.expect("there is at least one sample")?;
        let scale = 1.0 / self.samples as f64;
        let gradient = sum.gradient.map(|along| {
            let price = beta / (tokens * width) as f64;
            let slope = along * gate.slope() * scale;
            self.sharing
                .gather(gate.capacity_slope(self.normalized.clone()) * price - slope)
        });
        let mut fits = sum.fits.into_iter().map(|fit| fit * scale);
        Ok(Evaluation {
            nats: gate.capacity(self.normalized.clone()),
            share: gate.lambda.mean_dim(2).squeeze_dim(2),
            fit: fits.next().expect("what passes is always read"),
            withheld_fit: fits.next(),
            gradient,
        })
    }

    /// # Shapes
    /// - lambda: `[1, tokens, width]`
    fn share(
        &self,
        samples: Range<usize>,
        step: usize,
        lambda: &Tensor<3>,
        gradient: bool,
    ) -> Result<Share> {
        Scope::check()?;
        let noise = self.draw(step, samples)?;
        let lambda = match gradient {
            true => lambda.clone().autodiff().require_grad(),
            false => lambda.clone(),
        };
        let mut fits = vec![self.fit(&lambda, &noise)?.sum()];
        if self.gamma > 0.0 {
            fits.push(self.fit(&(lambda.clone().neg() + 1.0), &noise)?.sum());
        }
        if !gradient {
            let gradient = None;
            return Ok(Share { fits, gradient });
        }
        let worth = match fits.get(1) {
            Some(withheld) => fits[0].clone() - withheld.clone() * self.gamma,
            None => fits[0].clone(),
        };
        let mut gradients = worth.backward();
        let gradient = lambda.grad_remove(&mut gradients);
        let gradient = gradient.ok_or_else(|| Error::Device {
            reason: "the readout does not depend on its latent".into(),
        })?;
        Ok(Share {
            fits: fits.into_iter().map(Tensor::inner).collect(),
            gradient: Some(gradient),
        })
    }

    /// m + s ε of each layer, `[samples, tokens, width]`.
    fn draw(&self, step: usize, samples: Range<usize>) -> Result<Vec<Tensor<3>>> {
        let [_, tokens, width] = self.normalized.dims();
        let shape = [samples.len(), tokens, width];
        let of_layer = |(source, prior): (&&dyn NoiseSource, &NoiseTensors)| {
            let values = source.draw(step, samples.clone(), [self.samples, tokens, width])?;
            if values.len() != shape.iter().product::<usize>() {
                return Err(Error::Shape {
                    what: "noise",
                    found: vec![values.len()],
                    expected: shape.to_vec(),
                });
            }
            let device = self.normalized.device();
            let noise = Tensor::<3>::from_data(TensorData::new(values, shape), &device);
            Ok(noise * prior.std.clone() + prior.mean.clone())
        };
        self.noise.iter().zip(&self.priors).map(of_layer).collect()
    }

    /// What is read out where λ passes and noise takes the rest's place, `[samples]`.
    fn fit(&self, lambda: &Tensor<3>, noise: &[Tensor<3>]) -> Result<Tensor<1>> {
        // λ x + (1 − λ) n without a 1 − λ, which would cancel near 1.
        let mask =
            |x: Tensor<3>, noise: &Tensor<3>| (x - noise.clone()) * lambda.clone() + noise.clone();
        let mut z = mask(self.chain.latent.clone(), &noise[0]);
        for (layer, noise) in noise.iter().enumerate().skip(1) {
            z = mask(self.stages.next(layer - 1, z), noise);
        }
        self.chain.fit.value(self.stages.read(z))
    }
}

impl Share {
    fn plus(self, other: Self) -> Self {
        let fits = self.fits.into_iter().zip(other.fits);
        Self {
            fits: fits.map(|(a, b)| a + b).collect(),
            gradient: self.gradient.zip(other.gradient).map(|(a, b)| a + b),
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Distribution;

    use super::*;
    use crate::{Cosine, Gates, Problem, Readout, SeededNoise};

    /// Nothing between the layers, and a row is read out.
    struct Row(usize);

    impl Stages for Row {
        fn next(&self, _: usize, latent: Tensor<3>) -> Tensor<3> {
            latent
        }

        fn read(&self, latent: Tensor<3>) -> Tensor<2> {
            latent.narrow(1, self.0, 1).squeeze_dim(1)
        }
    }

    impl Readout for Row {
        fn read(&self, latent: Tensor<3>) -> Tensor<2> {
            Stages::read(self, latent)
        }
    }

    fn latent() -> Tensor<3> {
        Tensor::random([1, 3, 4], Distribution::Default, &m2ib_cpu::flex())
    }

    fn chain(latent: &Tensor<3>, layers: usize) -> Chain {
        let target = latent.clone().narrow(1, 1, 1).squeeze_dim::<2>(1);
        Chain {
            latent: latent.clone(),
            noise_models: vec![NoiseModel::Isotropic(0.5); layers],
            fit: Arc::new(Cosine::new(target)),
        }
    }

    fn settings(gamma: f64) -> Settings {
        Settings {
            beta: 0.3.into(),
            gamma,
            gates: Gates::TOKEN,
            start: 1.0,
            ..Settings::default()
        }
    }

    #[test]
    fn a_chain_of_one_layer_is_the_bottleneck_of_that_layer() {
        let latent = latent();
        for gamma in [0.0, 0.7] {
            let bottleneck = Bottleneck::new(settings(gamma)).unwrap();
            let (chain, noise) = (chain(&latent, 1), SeededNoise::new(3, 0));
            let found = bottleneck.solve_chain(&chain, &Row(1), &[&noise], &mut |_| {});
            let problem = Problem {
                latent: chain.latent,
                noise_model: NoiseModel::Isotropic(0.5),
                fit: chain.fit,
                stream: 0,
            };
            let expected = bottleneck.solve(&problem, &Row(1), &noise, &mut |_| {});
            let (found, expected) = (found.unwrap(), expected.unwrap());
            for (found, expected) in found.trace.iter().zip(&expected.trace) {
                assert!(
                    (found.total - expected.total).abs() < 1e-4,
                    "{found:?} {expected:?}"
                );
            }
            for (found, expected) in found.capacity.iter().zip(&expected.capacity) {
                assert!((found - expected).abs() < 1e-3, "{found} {expected}");
            }
        }
    }

    /// The token that is read out passes, the others do not: in one layer as in three.
    #[test]
    fn what_is_read_out_passes_all_layers() {
        let latent = latent();
        let noise: Vec<_> = (0..3).map(|channel| SeededNoise::new(5, channel)).collect();
        let noise: Vec<&dyn NoiseSource> = noise.iter().map(|one| one as _).collect();
        let bottleneck = Bottleneck::new(settings(0.0)).unwrap();
        let found = bottleneck.solve_chain(&chain(&latent, 3), &Row(1), &noise, &mut |_| {});
        let share = found.unwrap().share;
        assert!(share[1] > share[0] && share[1] > share[2], "{share}");
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let latent = latent();
        let bottleneck = Bottleneck::new(settings(0.0)).unwrap();
        let noise = SeededNoise::new(0, 0);
        let solve = |chain: &Chain| {
            let found = bottleneck.solve_chain(chain, &Row(0), &[&noise], &mut |_| {});
            found.unwrap_err().to_string()
        };
        let error = solve(&chain(&latent, 2));
        assert!(error.contains("layers") && error.contains("[2]"), "{error}");
        assert!(solve(&chain(&latent, 0)).contains("[1]"));
        let broken = chain(&(latent / 0.0), 1);
        assert!(solve(&broken).contains("not finite"));
    }
}
