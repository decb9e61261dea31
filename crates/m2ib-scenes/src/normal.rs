//! Normal deviates from a table of quantiles.
//!
//! Faster than the usual methods for noise on pixels, and needs no logarithm a draw. Deviates go to
//! ±3.7, and their variance is within 0.1 % of 1.

use std::f64::consts::{PI, SQRT_2};

use rand::Rng;

/// Bits a draw: five draws from 64.
const BITS: u32 = 12;
const COUNT: usize = 1 << BITS;

/// The quantiles at (k + ½) / 4096.
#[derive(Debug)]
pub(crate) struct NormalTable {
    quantiles: Vec<f32>,
}

impl NormalTable {
    pub(crate) fn new() -> Self {
        let mut upper = Vec::with_capacity(COUNT / 2);
        let mut z = 0.0;
        for k in COUNT / 2..COUNT {
            z = quantile((k as f64 + 0.5) / COUNT as f64, z);
            upper.push(z as f32);
        }
        let lower = upper.iter().rev().map(|z| -z);
        Self {
            quantiles: lower.chain(upper.iter().copied()).collect(),
        }
    }

    /// Changes every value by an independent deviate times `scale`.
    pub(crate) fn add(&self, values: &mut [f32], scale: f32, rng: &mut impl Rng) {
        for chunk in values.chunks_mut((u64::BITS / BITS) as usize) {
            let mut bits = rng.next_u64();
            for value in chunk {
                *value += scale * self.quantiles[bits as usize % COUNT];
                bits >>= BITS;
            }
        }
    }
}

/// Solves Φ(z) = p by Newton's method from a start between 0 and the solution: Φ is concave there,
/// so every step stays below it.
fn quantile(p: f64, start: f64) -> f64 {
    let step = |z: f64| {
        let distribution = 0.5 * libm::erfc(-z / SQRT_2);
        let density = libm::exp(-0.5 * z * z) / (2.0 * PI).sqrt();
        z + (p - distribution) / density
    };
    // The steps between neighbouring quantiles are small: five or six are enough.
    (0..12).fold(start, |z, _| step(z))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    #[test]
    fn quantiles_are_those_of_printed_tables() {
        for (p, z) in [
            (0.5, 0.0),
            (0.841_344_746, 1.0),
            (0.975, 1.959_964),
            (0.999, 3.090_232),
        ] {
            assert!((quantile(p, 0.0) - z).abs() < 1e-6, "{p}");
        }
    }

    #[test]
    fn moments_are_those_of_a_normal_distribution() {
        let mut values = vec![0.0; 1_000_000];
        NormalTable::new().add(&mut values, 1.0, &mut ChaCha8Rng::seed_from_u64(0));
        let moment = |power| {
            let powers = values.iter().map(|&z| f64::from(z).powi(power));
            powers.sum::<f64>() / values.len() as f64
        };
        // Four standard errors each.
        assert!(moment(1).abs() < 0.004);
        assert!((moment(2) - 1.0).abs() < 0.006);
        assert!(moment(3).abs() < 0.016);
        assert!((moment(4) - 3.0).abs() < 0.04);
    }

    #[test]
    fn neighbouring_draws_are_uncorrelated() {
        let mut values = vec![0.0; 1_000_000];
        NormalTable::new().add(&mut values, 1.0, &mut ChaCha8Rng::seed_from_u64(1));
        for lag in 1..=6 {
            let products = values
                .iter()
                .zip(&values[lag..])
                .map(|(a, b)| f64::from(a * b));
            assert!(
                (products.sum::<f64>() / values.len() as f64).abs() < 0.004,
                "{lag}"
            );
        }
    }
}
