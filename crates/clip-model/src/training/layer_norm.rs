//! y = γ x̂ + β with x̂ = (x − mean)/σ, σ = √(var + ε). With g = γ ȳ,
//! x̄ = (g − mean(g) − x̂ mean(g x̂))/σ, means over the features; γ̄ = Σ ȳ x̂ and β̄ = Σ ȳ over the
//! rows.

use burn::tensor::Tensor;

use super::rows::{matrix, values};
use super::{Gradients, PullBack};
use crate::host::{sum, vectorized};
use crate::layer_norm::LayerNorm;

/// # Shapes
/// - x, output and both gradients: `[rows, width]`
pub(super) fn layer_norm(
    layer: &LayerNorm,
    name: String,
    x: Tensor<2>,
) -> (Tensor<2>, PullBack<'_>) {
    let output = layer.forward(x.clone());
    let pull_back = move |gradient: Tensor<2>, into: &mut Gradients| {
        let [rows, width] = x.dims();
        let weight = values(layer.weight.val())?;
        let (mut to_weight, mut to_bias) = (vec![0.0; width], vec![0.0; width]);
        let like = gradient.clone().slice([0..1, 0..1]);
        let mut gradient = values(gradient)?;
        let x = values(x)?;
        vectorized(
            #[inline(always)]
            || {
                let rows = gradient.chunks_exact_mut(width).zip(x.chunks_exact(width));
                for (gradient, x) in rows {
                    let sums = (&mut to_weight[..], &mut to_bias[..]);
                    row(gradient, x, &weight, layer.epsilon as f32, sums);
                }
            },
        );
        into.add(format!("{name}.weight"), to_weight);
        into.add(format!("{name}.bias"), to_bias);
        Ok(matrix(gradient, [rows, width], &like))
    };
    (output, Box::new(pull_back))
}

/// One row: ȳ becomes x̄, and its part of γ̄ and β̄ is added.
#[inline(always)]
fn row(
    gradient: &mut [f32],
    x: &[f32],
    weight: &[f32],
    epsilon: f32,
    (to_weight, to_bias): (&mut [f32], &mut [f32]),
) {
    let scale = 1.0 / x.len() as f32;
    let mean = sum(x, x, |x, _| x) * scale;
    let variance = sum(x, x, |x, _| (x - mean) * (x - mean)) * scale;
    let inverse = 1.0 / (variance + epsilon).sqrt();
    let parts = gradient.iter_mut().zip(x).zip(weight);
    for (((gradient, x), weight), (to_weight, to_bias)) in
        parts.zip(to_weight.iter_mut().zip(to_bias))
    {
        *to_weight += *gradient * (x - mean) * inverse;
        *to_bias += *gradient;
        *gradient *= weight;
    }
    let middle = sum(gradient, x, |g, _| g) * scale;
    let along = sum(gradient, x, |g, x| g * (x - mean)) * scale * inverse * inverse;
    for (gradient, x) in gradient.iter_mut().zip(x) {
        *gradient = (*gradient - middle - (x - mean) * along) * inverse;
    }
}
