//! The optimisation against its own mathematics, on a readout small enough to be worked out in
//! f64: embedding = Σ over tokens of tanh(z) W.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use burn::tensor::Tensor;

use super::*;
use crate::host::values;
use crate::{Cosine, Error, Fit, Gates, NoiseModel, Quantity, RecordedNoise, SeededNoise};

mod batches;
mod closed_form;
mod refused;
mod settings;

const TOKENS: usize = 2;
const WIDTH: usize = 3;
const EMBEDDING: usize = 2;
const WEIGHTS: [[f64; EMBEDDING]; WIDTH] = [[0.7, -0.4], [0.2, 0.9], [-0.5, 0.3]];
const LATENT: [[f64; WIDTH]; TOKENS] = [[0.8, -1.2, 0.4], [0.3, 1.5, -0.9]];
const TARGET: [f64; EMBEDDING] = [1.0, 0.4];

fn tensor<const R: usize, const C: usize>(rows: [[f64; C]; R]) -> Tensor<2> {
    Tensor::from_floats(
        rows.map(|row| row.map(|value| value as f32)),
        &m2ib_cpu::flex(),
    )
}

fn latent() -> Tensor<3> {
    tensor(LATENT).unsqueeze()
}

fn target() -> Tensor<2> {
    tensor([TARGET])
}

fn fit(target: Tensor<2>) -> Arc<dyn Fit> {
    Arc::new(Cosine::new(target))
}

/// The readout, which counts how often it is read.
#[derive(Default)]
struct Toy {
    reads: AtomicUsize,
}

impl Readout for Toy {
    fn read(&self, latent: Tensor<3>) -> Tensor<2> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let pooled = latent.tanh().sum_dim(1).squeeze_dim::<2>(1);
        pooled.matmul(tensor(WEIGHTS))
    }
}

impl Toy {
    fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }
}

/// A readout that breaks at one of its reads.
struct BreaksAt {
    read: usize,
    toy: Toy,
}

impl Readout for BreaksAt {
    fn read(&self, latent: Tensor<3>) -> Tensor<2> {
        let embedding = self.toy.read(latent);
        if self.toy.reads() == self.read {
            embedding * f32::NAN
        } else {
            embedding
        }
    }
}

fn isotropic() -> NoiseModel {
    NoiseModel::Isotropic(0.8)
}

fn matched() -> NoiseModel {
    NoiseModel::Matched {
        mean: vec![0.2, -0.1, 0.5],
        std: vec![0.6, 1.3, 0.9],
    }
}

fn settings() -> Settings {
    Settings {
        beta: 0.3.into(),
        steps: 6,
        samples: 4,
        ..Settings::default()
    }
}

fn two_sided() -> Settings {
    Settings {
        gamma: 0.7,
        gates: Gates::TOKEN,
        start: 2.0,
        ..settings()
    }
}

fn problem(noise_model: &NoiseModel) -> Problem {
    Problem {
        latent: latent(),
        noise_model: noise_model.clone(),
        fit: fit(target()),
        stream: 0,
    }
}

fn solve_with(
    settings: Settings,
    noise_model: &NoiseModel,
    readout: &dyn Readout,
    seed: u64,
) -> Result<Solution> {
    let noise = SeededNoise::new(seed, 0);
    Bottleneck::new(settings)?.solve(&problem(noise_model), readout, &noise, &mut |_| {})
}
