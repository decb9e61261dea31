//! Elementwise work in one pass over host memory.
//!
//! A CPU backend runs one tensor operation after another, each with a pass over memory of its own,
//! and its exponentials one number at a time. Where tensors lie in host memory their values are
//! handed out and in without a copy, so a chain of such operations can be one loop instead, in the
//! widest vector instructions of the machine. The tensor operations beside each call say the same
//! and serve every other device; tests hold the two together.

use burn::tensor::{DType, Tensor, TensorData};
use rayon::prelude::*;

/// Rows a task takes at once: enough to be worth handing out, few enough to share evenly.
const ROWS: usize = 16;

const CHECKED: &str = "`takes` was asked";

/// Partial sums side by side, as many as the widest vector holds numbers.
const LANES: usize = 16;

/// Whether a tensor's values can be worked on here: single precision, and no part of a graph that
/// remembers operations.
pub(crate) fn takes<const D: usize>(x: &Tensor<D>) -> bool {
    x.dtype() == DType::F32 && !x.is_autodiff()
}

/// An activation x · sigmoid(h(x)), which is evaluated in one loop: x · sigmoid(1.702 x), or the tanh
/// approximation of x Φ(x), ½ (1 + tanh u) being sigmoid(2u) with 2u = 2 √(2/π) (x + 0.044715 x³).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gated {
    Quick,
    Tanh,
}

/// 2 √(2/π), and the cubic term's factor.
const TWICE_SQRT_2_OVER_PI: f32 = 1.595_769;
const CUBIC: f32 = 0.044_715;

/// h(x) and its derivative.
trait Gate {
    fn inner(x: f32) -> f32;
    fn slope(x: f32) -> f32;
}

struct Quick;
struct Tanh;

impl Gate for Quick {
    #[inline(always)]
    fn inner(x: f32) -> f32 {
        1.702 * x
    }

    #[inline(always)]
    fn slope(_: f32) -> f32 {
        1.702
    }
}

impl Gate for Tanh {
    #[inline(always)]
    fn inner(x: f32) -> f32 {
        TWICE_SQRT_2_OVER_PI * x * (1.0 + CUBIC * x * x)
    }

    #[inline(always)]
    fn slope(x: f32) -> f32 {
        TWICE_SQRT_2_OVER_PI * (1.0 + 3.0 * CUBIC * x * x)
    }
}

/// x + b through the activation.
///
/// # Shapes
/// - x and output: `[.., width]`, which [`takes`] holds of
/// - bias: `[width]`
pub(crate) fn gated<const D: usize>(gate: Gated, x: Tensor<D>, bias: Tensor<1>) -> Tensor<D> {
    match gate {
        Gated::Quick => active::<Quick, D>(x, bias),
        Gated::Tanh => active::<Tanh, D>(x, bias),
    }
}

/// As [`gated`], with the derivative beside: s + x s (1 − s) h′(x) for s = sigmoid(h(x)).
pub(crate) fn gated_with_slope<const D: usize>(
    gate: Gated,
    x: Tensor<D>,
    bias: Tensor<1>,
) -> (Tensor<D>, Tensor<D>) {
    match gate {
        Gated::Quick => active_with_slope::<Quick, D>(x, bias),
        Gated::Tanh => active_with_slope::<Tanh, D>(x, bias),
    }
}

fn active<G: Gate, const D: usize>(x: Tensor<D>, bias: Tensor<1>) -> Tensor<D> {
    let device = x.device();
    let (mut x, bias) = (x.into_data(), bias.into_data());
    let bias = bias.as_slice::<f32>().expect(CHECKED);
    let values = x.as_mut_slice::<f32>().expect(CHECKED);
    let width = bias.len();
    values.par_chunks_mut(ROWS * width).for_each(|values| {
        vectorized(
            #[inline(always)]
            || {
                for row in values.chunks_exact_mut(width) {
                    for (x, b) in row.iter_mut().zip(bias) {
                        *x = (*x + b) * sigmoid(G::inner(*x + b));
                    }
                }
            },
        );
    });
    Tensor::from_data(x, &device)
}

fn active_with_slope<G: Gate, const D: usize>(
    x: Tensor<D>,
    bias: Tensor<1>,
) -> (Tensor<D>, Tensor<D>) {
    let device = x.device();
    let (mut x, bias) = (x.into_data(), bias.into_data());
    let shape = x.shape().clone();
    let bias = bias.as_slice::<f32>().expect(CHECKED);
    let values = x.as_mut_slice::<f32>().expect(CHECKED);
    let width = bias.len();
    let mut slopes = vec![0.0; values.len()];
    let tasks = values
        .par_chunks_mut(ROWS * width)
        .zip(slopes.par_chunks_mut(ROWS * width));
    tasks.for_each(|(values, slopes)| {
        vectorized(
            #[inline(always)]
            || {
                let rows = values.chunks_exact_mut(width);
                for (row, slopes) in rows.zip(slopes.chunks_exact_mut(width)) {
                    for ((x, b), slope) in row.iter_mut().zip(bias).zip(slopes) {
                        let sum = *x + b;
                        let gate = sigmoid(G::inner(sum));
                        *x = sum * gate;
                        *slope = gate + *x * (1.0 - gate) * G::slope(sum);
                    }
                }
            },
        );
    });
    let slopes = Tensor::from_data(TensorData::new(slopes, shape), &device);
    (Tensor::from_data(x, &device), slopes)
}

/// From the gradient with respect to a layer norm's output to that of its input (see
/// [`pullback`](crate::pullback)).
///
/// # Shapes
/// - x, gradient and output: `[.., width]`, which [`takes`] holds of
/// - weight: `[width]`
pub(crate) fn layer_norm_pull_back<const D: usize>(
    x: Tensor<D>,
    gradient: Tensor<D>,
    weight: Tensor<1>,
    epsilon: f64,
) -> Tensor<D> {
    let device = x.device();
    let (x, mut gradient, weight) = (x.into_data(), gradient.into_data(), weight.into_data());
    let weight = weight.as_slice::<f32>().expect(CHECKED);
    let x = x.as_slice::<f32>().expect(CHECKED);
    let width = weight.len();
    let values = gradient.as_mut_slice::<f32>().expect(CHECKED);
    let tasks = values
        .par_chunks_mut(ROWS * width)
        .zip(x.par_chunks(ROWS * width));
    tasks.for_each(|(values, x)| {
        vectorized(
            #[inline(always)]
            || {
                let rows = values.chunks_exact_mut(width).zip(x.chunks_exact(width));
                for (gradient, x) in rows {
                    norm_row(gradient, x, weight, epsilon as f32);
                }
            },
        );
    });
    Tensor::from_data(gradient, &device)
}

/// x̄ = (g − mean(g) − x̂ mean(g x̂))/σ with g = γ ȳ, over one row; ȳ becomes x̄.
#[inline(always)]
fn norm_row(gradient: &mut [f32], x: &[f32], weight: &[f32], epsilon: f32) {
    let scale = 1.0 / x.len() as f32;
    let mean = sum(x, x, |x, _| x) * scale;
    let variance = sum(x, x, |x, _| (x - mean) * (x - mean)) * scale;
    let inverse = 1.0 / (variance + epsilon).sqrt();
    for (gradient, weight) in gradient.iter_mut().zip(weight) {
        *gradient *= weight;
    }
    let middle = sum(gradient, x, |g, _| g) * scale;
    let along = sum(gradient, x, |g, x| g * (x - mean)) * scale * inverse * inverse;
    for (gradient, x) in gradient.iter_mut().zip(x) {
        *gradient = (*gradient - middle - (x - mean) * along) * inverse;
    }
}

/// Σ f(a, b) in partial sums side by side, which vector instructions can keep.
#[inline(always)]
pub(crate) fn sum(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut sums = [0.0; LANES];
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = a.remainder().iter().zip(b.remainder());
    let rest: f32 = rest.map(|(&a, &b)| f(a, b)).sum();
    for (a, b) in a.zip(b) {
        for lane in 0..LANES {
            sums[lane] += f(a[lane], b[lane]);
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// 1/(1 + e^−x), to a few units in the last place.
#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// eˣ without a branch or a call, so that a loop of it becomes vector instructions: 2ⁿ e^r with
/// r = x − n ln 2 in ±½ ln 2 and e^r as its Taylor polynomial of degree 7 (error 6e-9).
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Beyond, 2ⁿ leaves the normal numbers; a sigmoid has long reached 0 or 1.
    let x = x.clamp(-87.0, 88.0);
    // 1.5 · 2²³: adding it rounds to an integer, which then is the sum's lowest bits.
    const SHIFT: f32 = 12_582_912.0;
    let shifted = x * std::f32::consts::LOG2_E + SHIFT;
    let n = shifted - SHIFT;
    // ln 2 in two parts, the first of which has bits to spare for n.
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let tail = 1.0 / 5040.0 * r + 1.0 / 720.0;
    let e_r = (((((tail * r + 1.0 / 120.0) * r + 1.0 / 24.0) * r + 1.0 / 6.0) * r + 0.5) * r + 1.0)
        * r
        + 1.0;
    f32::from_bits((shifted.to_bits() << 23).wrapping_add(e_r.to_bits()))
}

/// Runs `work`, which must be inlined into it, with the widest vector instructions there are.
#[inline(always)]
pub(crate) fn vectorized(work: impl FnOnce()) {
    pulp::Arch::new().dispatch(work);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Activation;
    use crate::layer_norm::LayerNorm;
    use crate::weights::Weights;

    /// Normal numbers, in every run the same.
    fn random<const D: usize>(seed: u64, shape: [usize; D]) -> Tensor<D> {
        Weights::random(Box::new(|_: &str| (2.0, 0.0)), seed, &m2ib_cpu::flex()).tensor("", shape)
    }

    fn difference<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> f32 {
        (a - b).abs().max().into_scalar()
    }

    proptest! {
        #[test]
        fn exponentials_are_exact_to_rounding(x in -86f32..87.0) {
            let expected = f64::from(x).exp();
            let error = (f64::from(exp(x)) - expected).abs() / expected;
            prop_assert!(error < 3e-7, "{x}: {error}");
        }
    }

    #[test]
    fn sigmoids_end_at_zero_and_one() {
        for (x, expected) in [
            (-1e30, 0.0),
            (-200.0, 0.0),
            (0.0, 0.5),
            (200.0, 1.0),
            (1e30, 1.0),
        ] {
            assert!((sigmoid(x) - expected).abs() < 1e-30, "{x}");
        }
    }

    #[test]
    fn a_nan_stays_one() {
        let x = Tensor::<2>::from_floats([[1.0, f32::NAN]], &m2ib_cpu::flex());
        let bias = Tensor::zeros([2], &m2ib_cpu::flex());
        let (output, slope) = gated_with_slope(Gated::Tanh, x.clone(), bias.clone());
        for tensor in [
            output,
            slope,
            gated(Gated::Quick, x.clone(), bias.clone()),
            layer_norm_pull_back(x.clone(), x, bias, 1e-5),
        ] {
            let values = tensor.into_data().try_to_vec::<f32>().unwrap();
            assert!(values[1].is_nan());
        }
    }

    /// Widths that fill vectors, and that leave a rest.
    #[rstest::rstest]
    fn loops_and_tensor_operations_agree(#[values(1, 16, 37, 768)] width: usize) {
        let (x, bias) = (random(0, [3, 9, width]), random(1, [width]));
        for (gate, activation) in [
            (Gated::Quick, Activation::QuickGelu),
            (Gated::Tanh, Activation::GeluTanh),
        ] {
            let (expected, expected_slope) =
                activation.with_slope(x.clone() + bias.clone().unsqueeze());
            let (found, slope) = gated_with_slope(gate, x.clone(), bias.clone());
            assert!(difference(found, expected.clone()) < 1e-5);
            assert!(difference(slope, expected_slope) < 1e-5);
            let found = gated(gate, x.clone(), bias.clone());
            assert!(difference(found, expected) < 1e-5);
        }

        let gradient = random(2, [3, 9, width]);
        let found = layer_norm_pull_back(x.clone(), gradient.clone(), bias.clone(), 1e-5);
        let expected = LayerNorm::pull_back_on_device(x, gradient, bias, 1e-5);
        let size = expected.clone().abs().max().into_scalar::<f32>();
        assert!(difference(found, expected) < 1e-4 * size.max(1.0));
    }
}
