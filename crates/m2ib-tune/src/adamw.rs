//! Adam with decoupled weight decay (Loshchilov & Hutter 2019), as torch's `AdamW`:
//! m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g²,
//! x ← (1 − η λ) x − η m/(1 − β₁ᵗ) / (√(v/(1 − β₂ᵗ)) + ε).

use clip_model::Gradients;

use crate::Parameter;

const BETA_1: f64 = 0.9;
/// Lower than the usual .999, as in CLIP: gradients of rare captions would keep large steps alive.
const BETA_2: f64 = 0.98;
const EPSILON: f64 = 1e-6;

/// One update.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AdamW {
    /// Counted from 1.
    pub(crate) step: u64,
    pub(crate) rate: f64,
    pub(crate) weight_decay: f64,
    /// What gradients are multiplied with: below 1 where they are clipped.
    pub(crate) factor: f64,
}

impl AdamW {
    /// # Panics
    /// If the gradient is not of the parameter's length: it would be used in part.
    pub(crate) fn update(&self, parameter: &mut Parameter, gradient: &[f32]) {
        assert_eq!(parameter.values.len(), gradient.len(), "{}", parameter.name);
        let time = self.step.min(i32::MAX as u64) as i32;
        let correction_1 = 1.0 - BETA_1.powi(time);
        let correction_2 = (1.0 - BETA_2.powi(time)).sqrt();
        let decay = if parameter.decays() {
            self.weight_decay
        } else {
            0.0
        };
        let kept = (1.0 - self.rate * decay) as f32;
        let size = (self.rate / correction_1) as f32;
        let (factor, inverse, epsilon) = (
            self.factor as f32,
            (1.0 / correction_2) as f32,
            EPSILON as f32,
        );
        let (beta_1, beta_2) = (BETA_1 as f32, BETA_2 as f32);
        let moments = parameter.first.iter_mut().zip(&mut parameter.second);
        let values = parameter.values.iter_mut().zip(moments).zip(gradient);
        for ((x, (first, second)), gradient) in values {
            let gradient = gradient * factor;
            *first = beta_1 * *first + (1.0 - beta_1) * gradient;
            *second = beta_2 * *second + (1.0 - beta_2) * gradient * gradient;
            *x = kept * *x - size * *first / (second.sqrt() * inverse + epsilon);
        }
    }
}

/// The norm of all gradients together.
pub fn gradient_norm(gradients: &Gradients) -> f64 {
    let squares = gradients.iter().map(|(_, values)| square(values));
    squares.sum::<f64>().sqrt()
}

/// Σ x², the partial sums of which are short enough for single precision.
fn square(values: &[f32]) -> f64 {
    let sums = values.chunks(64);
    let sums = sums.map(|part| f64::from(part.iter().map(|x| x * x).sum::<f32>()));
    sums.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(name: &str, shape: Vec<usize>) -> Parameter {
        Parameter::new(name.into(), shape, vec![2.0, -1.0])
    }

    /// As torch 2.9.0's `AdamW` does, to single precision.
    #[test]
    fn three_steps_as_in_torch() {
        let mut x = parameter("fc1.weight", vec![1, 2]);
        let steps = [
            ([0.5, -3.0], [1.890_000_2, -0.895]),
            ([-1.0, 0.25], [1.917_055_6, -0.829_644_7]),
            ([2.0, 2.0], [1.865_79, -0.821_857_3]),
        ];
        for (step, (gradient, expected)) in (1..).zip(steps) {
            let adam = AdamW {
                step,
                rate: 0.1,
                weight_decay: 0.05,
                factor: 1.0,
            };
            adam.update(&mut x, &gradient);
            for (found, expected) in x.values.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-6, "{found} {expected}");
            }
        }
    }

    #[test]
    fn a_bias_does_not_decay_and_a_factor_scales_the_gradient() {
        let adam = AdamW {
            step: 1,
            rate: 0.1,
            weight_decay: 0.5,
            factor: 0.5,
        };
        let mut x = parameter("fc1.bias", vec![2]);
        adam.update(&mut x, &[0.0, 4.0]);
        assert_eq!(x.values[0], 2.0);
        assert!((x.first[1] - 0.2).abs() < 1e-6);
    }
}
