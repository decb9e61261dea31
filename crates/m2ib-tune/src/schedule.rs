//! The learning rate over the steps.

use std::f64::consts::PI;

/// What is left of the learning rate at the end.
const LAST: f64 = 0.02;

/// The learning rate of a step, counted from 1: linear up to the peak over the `warm_up`, then half
/// a cosine down to 2 % of it.
///
/// ```
/// use m2ib_tune::learning_rate;
///
/// assert_eq!(learning_rate(5, 100, 10, 1.0), 0.5);
/// assert_eq!(learning_rate(10, 100, 10, 1.0), 1.0);
/// assert!((learning_rate(55, 100, 10, 1.0) - 0.51).abs() < 1e-12);
/// assert!((learning_rate(100, 100, 10, 1.0) - 0.02).abs() < 1e-12);
/// ```
pub fn learning_rate(step: u64, steps: u64, warm_up: u64, peak: f64) -> f64 {
    if step <= warm_up {
        return peak * step as f64 / warm_up as f64;
    }
    let done = (step - warm_up) as f64 / (steps - warm_up) as f64;
    let cosine = 0.5 * (1.0 + (PI * done.min(1.0)).cos());
    peak * (LAST + (1.0 - LAST) * cosine)
}
