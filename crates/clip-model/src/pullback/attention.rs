//! A = softmax(q kᵀ/√d + bias), y = A v W_O + b_O, heads side by side. With the gradient c̄ of A v:
//! v̄ = Aᵀ c̄, Ā = c̄ vᵀ, l̄ = A ⊙ (Ā − Σ Ā ⊙ A) over each row, q̄ = l̄ k/√d, k̄ = l̄ᵀ q/√d, and
//! x̄ = q̄ W_Qᵀ + k̄ W_Kᵀ + v̄ W_Vᵀ.

use burn::tensor::{Tensor, activation::softmax};

use crate::Attention;

/// # Shapes
/// - x, output and both gradients: `[batch, tokens, width]`
/// - bias: `[1, 1, tokens, tokens]`
pub(super) fn attention<'a>(
    layer: &'a Attention,
    x: Tensor<3>,
    bias: Option<&Tensor<4>>,
) -> (Tensor<3>, impl FnOnce(Tensor<3>) -> Tensor<3> + 'a) {
    let [batch, tokens, width] = x.dims();
    let (heads, depth) = (layer.heads, width / layer.heads);
    let scale = (depth as f64).sqrt().recip();
    let split = move |x: Tensor<3>| x.reshape([batch, tokens, heads, depth]).swap_dims(1, 2);
    let join = move |x: Tensor<4>| x.swap_dims(1, 2).reshape([batch, tokens, width]);

    // Scaled here, so that the way back scales l̄ k alone: l̄ᵀ q has it in q.
    let query = split(layer.q_proj.forward(x.clone()) * scale);
    let key = split(layer.k_proj.forward(x.clone()));
    let value = split(layer.v_proj.forward(x));
    let logits = query.clone().matmul(key.clone().swap_dims(2, 3));
    let logits = match bias {
        Some(bias) => logits + bias.clone(),
        None => logits,
    };
    let weights = softmax(logits, 3);
    let output = layer
        .out_proj
        .forward(join(weights.clone().matmul(value.clone())));

    let pull_back = move |gradient: Tensor<3>| {
        let gradient = split(layer.out_proj.pull_back(gradient));
        let to_value = weights.clone().swap_dims(2, 3).matmul(gradient.clone());
        let to_logits = softmax_pull_back(weights, gradient.matmul(value.swap_dims(2, 3)));
        let to_key = to_logits.clone().swap_dims(2, 3).matmul(query);
        let to_query = to_logits.matmul(key) * scale;
        layer.q_proj.pull_back(join(to_query))
            + layer.k_proj.pull_back(join(to_key))
            + layer.v_proj.pull_back(join(to_value))
    };
    (output, pull_back)
}

/// From the gradient with respect to a softmax's output to that of its logits, over the last axis.
pub(crate) fn softmax_pull_back<const D: usize>(
    weights: Tensor<D>,
    gradient: Tensor<D>,
) -> Tensor<D> {
    let weighted = weights.clone() * gradient;
    let sum = weighted.clone().sum_dim(D - 1);
    weighted - weights * sum
}
