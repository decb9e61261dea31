//! Maps that know nothing of the pair: what every method must beat.

use std::sync::Arc;

use m2ib::{Calibration, DualEncoder};
use ndarray::Array2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{Method, MethodFactory, Result, Settings, Subject};

/// Uniform noise in 0..1, other noise for other pairs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Random {
    /// The noise's seed.
    pub seed: u64,
}

impl Random {
    /// A generator for a pair: its numbers depend on the caption's ids and the image's pixels.
    fn generator(&self, subject: &Subject<'_>, stream: u64) -> ChaCha8Rng {
        let ids = subject.caption().ids().into_iter().map(|id| id as u64);
        let pixels = subject.pixels().values.iter();
        let pixels = pixels.map(|&value| u64::from(value.to_bits()));
        // FNV-1a: it need not be strong, only the same everywhere.
        let key = ids.chain(pixels).fold(0xcbf2_9ce4_8422_2325, |key, value| {
            (key ^ value).wrapping_mul(0x0100_0000_01b3)
        });
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed ^ key);
        rng.set_stream(stream);
        rng
    }
}

impl MethodFactory for Random {
    fn name(&self) -> &str {
        "random"
    }

    fn description(&self) -> &str {
        "Control: uniform noise, other noise for other pairs"
    }

    fn configure(&self, settings: &mut Settings) -> Arc<dyn MethodFactory> {
        Arc::new(Self {
            seed: settings.seed(self.seed),
        })
    }

    fn is_control(&self) -> bool {
        true
    }

    fn make(&self, _: &DualEncoder, _: Option<&Calibration>) -> Result<Box<dyn Method>> {
        Ok(Box::new(*self))
    }
}

impl Method for Random {
    fn factory(&self) -> &dyn MethodFactory {
        self
    }

    fn patches(&self, subject: &Subject<'_>) -> Result<Array2<f32>> {
        let mut rng = self.generator(subject, 0);
        Ok(Array2::from_shape_simple_fn(subject.grid(), || {
            rng.random()
        }))
    }

    fn tokens(&self, subject: &Subject<'_>) -> Result<Vec<f32>> {
        let mut rng = self.generator(subject, 1);
        let tokens = subject.caption().tokens.iter();
        Ok(tokens.map(|_| rng.random()).collect())
    }
}

/// A Gaussian around the middle, of a quarter of the side: photographers' habit. Over the caption,
/// one around its middle token.
#[derive(Debug, Clone, Copy, Default)]
pub struct CentreGaussian;

impl MethodFactory for CentreGaussian {
    fn name(&self) -> &str {
        "centre"
    }

    fn description(&self) -> &str {
        "Control: a Gaussian around the middle, where photographers put things"
    }

    fn configure(&self, _: &mut Settings) -> Arc<dyn MethodFactory> {
        Arc::new(*self)
    }

    fn is_control(&self) -> bool {
        true
    }

    fn make(&self, _: &DualEncoder, _: Option<&Calibration>) -> Result<Box<dyn Method>> {
        Ok(Box::new(*self))
    }
}

impl Method for CentreGaussian {
    fn factory(&self) -> &dyn MethodFactory {
        self
    }

    fn patches(&self, subject: &Subject<'_>) -> Result<Array2<f32>> {
        let [down, across] = subject.grid().map(bell);
        let at = |(row, column): (usize, usize)| down[row] * across[column];
        Ok(Array2::from_shape_fn(subject.grid(), at))
    }

    fn tokens(&self, subject: &Subject<'_>) -> Result<Vec<f32>> {
        Ok(bell(subject.caption().tokens.len()))
    }
}

/// A Gaussian over so many places, a quarter of them its deviation.
fn bell(places: usize) -> Vec<f32> {
    let (middle, deviation) = ((places as f32 - 1.0) / 2.0, places as f32 / 4.0);
    let at = |place| (-0.5 * ((place as f32 - middle) / deviation).powi(2)).exp();
    (0..places).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::fixture;

    #[test]
    fn noise_is_another_for_another_pair_and_the_same_for_the_same() {
        let model = fixture::model();
        let subject = fixture::subject(&model);
        let other = subject
            .with_pixels(vec![0.1; subject.pixels().values.len()])
            .unwrap();
        let random = Random::default();
        let map = random.patches(&subject).unwrap();
        assert_eq!(map, random.patches(&subject).unwrap());
        assert_ne!(map, random.patches(&other).unwrap());
        assert_ne!(map, Random { seed: 1 }.patches(&subject).unwrap());
    }

    #[test]
    fn the_bell_is_highest_in_the_middle_and_even() {
        let bell = bell(5);
        assert_eq!(bell[2], 1.0);
        assert_eq!((bell[0], bell[1]), (bell[4], bell[3]));
        assert!(bell[0] < bell[1]);
    }
}
