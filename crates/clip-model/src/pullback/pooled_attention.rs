//! Attention from one token p alone, with W_K and W_V moved out of the sum over tokens (see
//! [`Attention::forward_at`]). Per head: q = (x_p W_Q + b_Q)/√d, f = W_K q, a = softmax(f xᵀ),
//! m = a x, v = m W_V + b_V; then y = v W_O + b_O. Backwards, with v̄ = ȳ W_Oᵀ:
//! m̄ = v̄ W_Vᵀ, ā = m̄ xᵀ, l̄ = a ⊙ (ā − Σ ā ⊙ a), f̄ = l̄ x, q̄ = f̄ W_K, and
//! x̄ = aᵀ m̄ + l̄ᵀ f, to which token p adds q̄ W_Qᵀ/√d.

use burn::tensor::{Tensor, activation::softmax};

use super::attention::softmax_pull_back;
use crate::Attention;
use crate::linear::Linear;

/// # Shapes
/// - x and its gradient: `[batch, tokens, width]`, whose first `visible` tokens are attended to
/// - output and its gradient: `[batch, width]`
pub(super) fn pooled_attention(
    layer: &Attention,
    x: Tensor<3>,
    position: usize,
    visible: usize,
) -> (Tensor<2>, impl FnOnce(Tensor<2>) -> Tensor<3> + '_) {
    let [batch, tokens, width] = x.dims();
    let (heads, depth) = (layer.heads, width / layer.heads);
    let scale = (depth as f64).sqrt().recip();
    let dtype = x.dtype();
    let heads_first = |layer: &Linear| layer.by_output().reshape([heads, depth, width]).cast(dtype);
    let (w_key, w_value) = (heads_first(&layer.k_proj), heads_first(&layer.v_proj));
    // One head after another: [batch, width] as [heads, batch, depth], and back.
    let split = move |x: Tensor<2>| x.reshape([batch, heads, depth]).swap_dims(0, 1);
    let join = move |x: Tensor<3>| x.swap_dims(0, 1).reshape([batch, width]);

    let pooled = x.clone().narrow(1, position, 1).squeeze_dim::<2>(1);
    let x = if visible < tokens {
        x.narrow(1, 0, visible)
    } else {
        x
    };
    let query = split(layer.q_proj.forward(pooled) * scale);
    let folded = query.matmul(w_key.clone()).swap_dims(0, 1); // [batch, heads, width]
    let weights = softmax(folded.clone().matmul(x.clone().swap_dims(1, 2)), 2);
    let mean = weights.clone().matmul(x.clone()).swap_dims(0, 1); // [heads, batch, width]
    let value = join(mean.matmul(w_value.clone().swap_dims(1, 2)));
    let output = layer.out_proj.forward(layer.v_proj.add_bias(value));

    let pull_back = move |gradient: Tensor<2>| {
        let gradient = split(layer.out_proj.pull_back(gradient));
        let to_mean = gradient.matmul(w_value).swap_dims(0, 1); // [batch, heads, width]
        let to_weights = to_mean.clone().matmul(x.clone().swap_dims(1, 2));
        let to_logits = softmax_pull_back(weights.clone(), to_weights);
        let to_folded = to_logits.clone().matmul(x).swap_dims(0, 1);
        let to_query = join(to_folded.matmul(w_key.swap_dims(1, 2))) * scale;
        let to_pooled = layer.q_proj.pull_back(to_query).unsqueeze_dim::<3>(1);
        let to_x =
            weights.swap_dims(1, 2).matmul(to_mean) + to_logits.swap_dims(1, 2).matmul(folded);
        add_at(widen(to_x, tokens), position, to_pooled)
    };
    (output, pull_back)
}

/// Adds to one token. `[batch, tokens, width]` and `[batch, 1, width]`
pub(super) fn add_at(x: Tensor<3>, position: usize, token: Tensor<3>) -> Tensor<3> {
    let [batch, _, width] = x.dims();
    let place = [0..batch, position..position + 1, 0..width];
    let sum = x.clone().slice(place.clone()) + token;
    x.slice_assign(place, sum)
}

/// Zeros for the tokens that were not attended to.
fn widen(x: Tensor<3>, tokens: usize) -> Tensor<3> {
    let [batch, visible, width] = x.dims();
    if visible == tokens {
        return x;
    }
    let place = [0..batch, 0..visible, 0..width];
    Tensor::zeros([batch, tokens, width], &x.device()).slice_assign(place, x)
}
