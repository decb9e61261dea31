//! y = A v W_O + b_O, A = softmax(q kᵀ/√d + bias), heads side by side. With the gradient c̄ of A v:
//! v̄ = Aᵀ c̄, Ā = c̄ vᵀ, l̄ = A ⊙ (Ā − Σ Ā ⊙ A) over each row, q̄ = l̄ k/√d, k̄ = l̄ᵀ q/√d.

use burn::tensor::{Tensor, activation::softmax};

use super::Gradients;
use super::linear::linear;
use crate::pullback::softmax_pull_back;
use crate::{Attention, Result};

/// Attends from `queries` to `x`.
///
/// # Shapes
/// - queries, output and their gradients: `[batch · queries, width]`
/// - x and its gradient: `[batch · tokens, width]`
/// - bias: broadcastable to `[batch, heads, queries, tokens]`
/// - pulled back: the gradients of queries and x
pub(super) fn attention<'a>(
    layer: &'a Attention,
    name: String,
    queries: Tensor<2>,
    x: Tensor<2>,
    batch: usize,
    bias: Option<&Tensor<4>>,
) -> (
    Tensor<2>,
    impl FnOnce(Tensor<2>, &mut Gradients) -> Result<(Tensor<2>, Tensor<2>)> + Send + 'a,
) {
    let width = x.dims()[1];
    let (heads, depth) = (layer.heads, width / layer.heads);
    let scale = (depth as f64).sqrt().recip();
    let split = move |x: Tensor<2>| {
        let tokens = x.dims()[0] / batch;
        x.reshape([batch, tokens, heads, depth]).swap_dims(1, 2)
    };
    let join = move |x: Tensor<4>| {
        let rows = batch * x.dims()[2];
        x.swap_dims(1, 2).reshape([rows, width])
    };

    let (query, pull_query) = linear(&layer.q_proj, format!("{name}.q_proj"), queries);
    let (key, pull_key) = linear(&layer.k_proj, format!("{name}.k_proj"), x.clone());
    let (value, pull_value) = linear(&layer.v_proj, format!("{name}.v_proj"), x);
    // Scaled here, so that the way back scales l̄ k alone: l̄ᵀ q has it in q.
    let (query, key, value) = (split(query * scale), split(key), split(value));
    let logits = query.clone().matmul(key.clone().swap_dims(2, 3));
    let logits = match bias {
        Some(bias) => logits + bias.clone(),
        None => logits,
    };
    let weights = softmax(logits, 3);
    let attended = join(weights.clone().matmul(value.clone()));
    let (output, pull_output) = linear(&layer.out_proj, format!("{name}.out_proj"), attended);

    let pull_back = move |gradient: Tensor<2>, into: &mut Gradients| {
        let gradient = split(pull_output(gradient, into)?);
        let to_value = weights.clone().swap_dims(2, 3).matmul(gradient.clone());
        let to_logits = softmax_pull_back(weights, gradient.matmul(value.swap_dims(2, 3)));
        let to_key = to_logits.clone().swap_dims(2, 3).matmul(query);
        let to_query = to_logits.matmul(key) * scale;
        let to_x = pull_key(join(to_key), into)? + pull_value(join(to_value), into)?;
        Ok((pull_query(join(to_query), into)?, to_x))
    };
    (output, pull_back)
}
