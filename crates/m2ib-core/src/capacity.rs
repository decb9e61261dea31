//! Information that passes the bottleneck, in nats per unit.
//!
//! With λ = sigmoid(α) and r = (h − m)/s, the unit's output z has law N(m + sλr, s²(1 − λ)²), and
//!
//! ```text
//! KL[ law of z ‖ N(m, s²) ] = ½((λr)² + (1 − λ)² − 1) − ln(1 − λ)
//!                            = ½((λr)² + (1 − λ)² − 1) + softplus(α)
//! ```
//!
//! (M2IB, eq. 5; the second form never takes the logarithm of a difference.)

use burn::tensor::{Tensor, activation::sigmoid};

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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(f: fn(&Gate<1>, Tensor<1>) -> Tensor<1>, alpha: f32, r: f32) -> f64 {
        let device = m2ib_cpu::flex();
        let tensor = |x| Tensor::<1>::from_floats([x], &device);
        f(&Gate::new(tensor(alpha)), tensor(r))
            .into_scalar::<f32>()
            .into()
    }

    /// The Kullback–Leibler divergence of N(a, b²) from N(0, 1).
    fn divergence(a: f64, b: f64) -> f64 {
        0.5 * (a * a + b * b - 1.0) - b.ln()
    }

    proptest! {
        #[test]
        fn capacity_is_the_divergence_in_closed_form(alpha in -8f32..12.0, r in -6f32..6.0) {
            let (a, r64) = (f64::from(alpha), f64::from(r));
            let lambda = 1.0 / (1.0 + (-a).exp());
            let expected = divergence(lambda * r64, 1.0 / (1.0 + a.exp()));
            let found = one(Gate::capacity, alpha, r);
            prop_assert!((found - expected).abs() < 1e-5 * (1.0 + expected), "{found} {expected}");
        }

        #[test]
        fn the_gradient_is_the_slope(alpha in -6f32..10.0, r in -6f32..6.0) {
            let at = |a: f64| {
                let lambda = 1.0 / (1.0 + (-a).exp());
                divergence(lambda * f64::from(r), 1.0 / (1.0 + a.exp()))
            };
            let (a, step) = (f64::from(alpha), 1e-5);
            let slope = (at(a + step) - at(a - step)) / (2.0 * step);
            let found = one(Gate::capacity_slope, alpha, r);
            prop_assert!((found - slope).abs() < 1e-4 * (1.0 + slope.abs()), "{found} {slope}");
        }

        #[test]
        fn capacity_is_never_negative(alpha in -30f32..60.0, r in -50f32..50.0) {
            let found = one(Gate::capacity, alpha, r);
            prop_assert!(found.is_finite() && found > -1e-6, "{found}");
        }
    }
}
