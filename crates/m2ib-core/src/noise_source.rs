//! Where ε ~ N(0, I) comes from: made on the host, so that every backend sees the same noise.

use std::ops::Range;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use crate::{Error, Result, Sampling};

/// Supplies the noise of every step, sample by sample.
pub trait NoiseSource: Sync {
    /// The noise of some of the samples of step `step` (from 0), whose noise for one problem has the
    /// given shape, `[samples, tokens, width]`: `samples.len() · tokens · width` values in that order.
    /// Samples beyond it are those of further streams ([`Problem::stream`](crate::Problem::stream)).
    ///
    /// # Errors
    /// [`Error::NoiseExhausted`] and [`Error::Shape`] where the source is a recording that has no such
    /// step, or no such samples.
    fn draw(&self, step: usize, samples: Range<usize>, shape: [usize; 3]) -> Result<Vec<f32>>;
}

/// Noise from a seed. Each sample of each step has a ChaCha stream of its own, so that it depends
/// on nothing but the seed, the channel, the step and the sample.
#[derive(Debug, Clone)]
pub struct SeededNoise {
    seed: u64,
    channel: u16,
    sampling: Sampling,
}

impl SeededNoise {
    /// Noise for one of several independent bottlenecks that share a seed.
    pub fn new(seed: u64, channel: u16) -> Self {
        Self {
            seed,
            channel,
            sampling: Sampling::default(),
        }
    }

    /// The same with its samples related in another way.
    pub fn with_sampling(self, sampling: Sampling) -> Self {
        Self { sampling, ..self }
    }

    /// One sample's generator. The counts share a 64-bit stream number: 16 bits for the channel, 24
    /// each for step and sample.
    fn generator(&self, step: usize, sample: usize) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let (step, sample) = (step as u64 & 0xff_ffff, sample as u64 & 0xff_ffff);
        rng.set_stream((u64::from(self.channel) << 48) | (step << 24) | sample);
        rng
    }
}

impl NoiseSource for SeededNoise {
    fn draw(&self, step: usize, samples: Range<usize>, shape: [usize; 3]) -> Result<Vec<f32>> {
        let [_, tokens, width] = shape;
        let units = tokens * width;
        let mut values = Vec::with_capacity(samples.len() * units);
        for sample in samples {
            let (stream, sign) = match self.sampling {
                Sampling::Independent => (sample, 1.0),
                Sampling::Antithetic => (sample / 2, [1.0, -1.0][sample % 2]),
            };
            let mut rng = self.generator(step, stream);
            let draw = |_| sign * rng.sample::<f32, _>(StandardNormal);
            values.extend((0..units).map(draw));
        }
        Ok(values)
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
    fn draw(&self, step: usize, samples: Range<usize>, shape: [usize; 3]) -> Result<Vec<f32>> {
        if shape != self.shape {
            return Err(Error::Shape {
                what: "recorded noise",
                found: self.shape.to_vec(),
                expected: shape.to_vec(),
            });
        }
        let noise = self.steps.get(step).ok_or(Error::NoiseExhausted {
            recorded: self.steps.len(),
            wanted: step + 1,
        })?;
        let [_, tokens, width] = shape;
        let units = tokens * width;
        let recorded = samples.start * units..samples.end * units;
        let recorded = noise.get(recorded).ok_or_else(|| Error::Shape {
            what: "recorded noise",
            found: self.shape.to_vec(),
            expected: vec![samples.end, tokens, width],
        })?;
        Ok(recorded.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_channels_and_steps_are_independent_and_repeatable() {
        let draw = |seed, channel, step| {
            SeededNoise::new(seed, channel)
                .draw(step, 0..2, [2, 3, 4])
                .unwrap()
        };
        assert_eq!(draw(1, 0, 5), draw(1, 0, 5));
        for other in [draw(2, 0, 5), draw(1, 1, 5), draw(1, 0, 6)] {
            assert_ne!(draw(1, 0, 5), other);
        }
    }

    #[test]
    fn a_share_of_the_samples_is_a_part_of_the_whole() {
        for sampling in [Sampling::Independent, Sampling::Antithetic] {
            let noise = SeededNoise::new(1, 0).with_sampling(sampling);
            let draw = |samples| noise.draw(3, samples, [5, 2, 3]).unwrap();
            let parts = [draw(0..1), draw(1..4), draw(4..5)].concat();
            assert_eq!(draw(0..5), parts);
        }
    }

    #[test]
    fn antithetic_samples_cancel_in_pairs() {
        let noise = SeededNoise::new(1, 0).with_sampling(Sampling::Antithetic);
        let values = noise.draw(0, 0..4, [4, 2, 3]).unwrap();
        let samples: Vec<_> = values.chunks(6).collect();
        for pair in [[samples[0], samples[1]], [samples[2], samples[3]]] {
            assert!(pair[0].iter().zip(pair[1]).all(|(a, b)| a + b == 0.0));
        }
        assert_ne!(samples[0], samples[2]);
    }

    #[test]
    fn noise_is_standard_normal() {
        let values = SeededNoise::new(3, 0)
            .draw(0, 0..10, [10, 100, 100])
            .unwrap();
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
        let noise = RecordedNoise::new(&values, [2, 1, 2, 3]).unwrap();
        assert_eq!(
            noise.draw(1, 0..1, [1, 2, 3]).unwrap(),
            [6.0, 7.0, 8.0, 9.0, 10.0, 11.0]
        );
        let ended = noise.draw(2, 0..1, [1, 2, 3]);
        assert_eq!(
            ended,
            Err(Error::NoiseExhausted {
                recorded: 2,
                wanted: 3
            })
        );
        assert!(matches!(
            noise.draw(0, 0..2, [2, 2, 3]),
            Err(Error::Shape { .. })
        ));
        assert!(matches!(
            noise.draw(0, 1..2, [1, 2, 3]),
            Err(Error::Shape { .. })
        ));
        assert!(RecordedNoise::new(&values, [2, 2, 2, 3]).is_err());
    }
}
