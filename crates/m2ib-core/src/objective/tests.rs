//! The capacity against its definition; the objective as a whole is held against its own in
//! `bottleneck/tests.rs`.

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
