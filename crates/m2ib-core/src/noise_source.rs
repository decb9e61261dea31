//! Where ε ~ N(0, I) comes from: made on the host, so that every backend sees the same noise.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use crate::{Error, Result};

/// Supplies the noise of every step.
pub trait NoiseSource {
    /// The noise of step `step` (from 0), `samples · tokens · width` values in that order.
    ///
    /// # Errors
    /// [`Error::NoiseExhausted`] where the source is a recording.
    fn draw(&mut self, step: usize, shape: [usize; 3]) -> Result<Vec<f32>>;
}

/// Noise from a seed. Each step has a ChaCha stream of its own, so that a step's noise depends on
/// nothing but the seed, the channel and the step.
#[derive(Debug, Clone)]
pub struct SeededNoise {
    seed: u64,
    channel: u32,
}

impl SeededNoise {
    /// Noise for one of several independent bottlenecks that share a seed.
    pub fn new(seed: u64, channel: u32) -> Self {
        Self { seed, channel }
    }
}

impl NoiseSource for SeededNoise {
    fn draw(&mut self, step: usize, shape: [usize; 3]) -> Result<Vec<f32>> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream((u64::from(self.channel) << 32) | step as u64);
        Ok((0..shape.iter().product())
            .map(|_| rng.sample(StandardNormal))
            .collect())
    }
}

/// Noise recorded elsewhere, for exact comparison.
#[derive(Debug, Clone)]
pub struct RecordedNoise {
    steps: Vec<Vec<f32>>,
    shape: [usize; 3],
}

impl RecordedNoise {
    /// A recording of `[steps, samples, tokens, width]` values.
    ///
    /// # Errors
    /// [`Error::Shape`] if the number of values is not the product of the shape.
    pub fn new(values: &[f32], shape: [usize; 4]) -> Result<Self> {
        let [_, samples, tokens, width] = shape;
        let each: usize = samples * tokens * width;
        if values.len() != shape.iter().product::<usize>() || each == 0 {
            return Err(Error::Shape {
                what: "recorded noise",
                found: vec![values.len()],
                expected: shape.to_vec(),
            });
        }
        let steps = values.chunks_exact(each).map(<[f32]>::to_vec).collect();
        Ok(Self {
            steps,
            shape: [samples, tokens, width],
        })
    }
}

impl NoiseSource for RecordedNoise {
    fn draw(&mut self, step: usize, shape: [usize; 3]) -> Result<Vec<f32>> {
        if shape != self.shape {
            return Err(Error::Shape {
                what: "recorded noise",
                found: self.shape.to_vec(),
                expected: shape.to_vec(),
            });
        }
        self.steps.get(step).cloned().ok_or(Error::NoiseExhausted {
            recorded: self.steps.len(),
            wanted: step + 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_channels_and_steps_are_independent_and_repeatable() {
        let draw = |seed, channel, step| {
            SeededNoise::new(seed, channel)
                .draw(step, [2, 3, 4])
                .unwrap()
        };
        assert_eq!(draw(1, 0, 5), draw(1, 0, 5));
        for other in [draw(2, 0, 5), draw(1, 1, 5), draw(1, 0, 6)] {
            assert_ne!(draw(1, 0, 5), other);
        }
    }

    #[test]
    fn noise_is_standard_normal() {
        let values = SeededNoise::new(3, 0).draw(0, [10, 100, 100]).unwrap();
        let n = values.len() as f64;
        let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
        let variance = values
            .iter()
            .map(|&x| (f64::from(x) - mean).powi(2))
            .sum::<f64>()
            / n;
        // Five standard errors of mean and variance.
        assert!(mean.abs() < 5.0 / n.sqrt(), "{mean}");
        assert!(
            (variance - 1.0).abs() < 5.0 * (2.0 / n).sqrt(),
            "{variance}"
        );
    }

    #[test]
    fn a_recording_plays_back_and_ends() {
        let values: Vec<f32> = (0..12).map(|x| x as f32).collect();
        let mut noise = RecordedNoise::new(&values, [2, 1, 2, 3]).unwrap();
        assert_eq!(
            noise.draw(1, [1, 2, 3]).unwrap(),
            [6.0, 7.0, 8.0, 9.0, 10.0, 11.0]
        );
        let ended = noise.draw(2, [1, 2, 3]);
        assert_eq!(
            ended,
            Err(Error::NoiseExhausted {
                recorded: 2,
                wanted: 3
            })
        );
        assert!(matches!(noise.draw(0, [2, 2, 3]), Err(Error::Shape { .. })));
        assert!(RecordedNoise::new(&values, [2, 2, 2, 3]).is_err());
    }
}
