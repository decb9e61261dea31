//! Attention pooling (see [`MapHead`]). Per head, with the learned query q, f = W_K q, a = softmax(f xᵀ)
//! and m = a x: v = m W_V + b_V, y = v W_O + b_O, z = y + mlp(norm y). Backwards ȳ = z̄ + norm*(mlp*(z̄)),
//! v̄ = ȳ W_Oᵀ, m̄ = v̄ W_Vᵀ, ā = m̄ xᵀ, l̄ = a ⊙ (ā − Σ ā ⊙ a), and x̄ = aᵀ m̄ + l̄ᵀ f: the query is no
//! token, so nothing flows through it.

use burn::tensor::Tensor;

use super::attention::softmax_pull_back;
use super::layer_norm::layer_norm;
use super::mlp::mlp;
use crate::MapHead;
use crate::pooling::{pick, put};

/// # Shapes
/// - x and its gradient: `[batch, tokens, width]`, of which `rows` are attended to
/// - output and its gradient: `[batch, width]`
pub(super) fn map_head<'a>(
    head: &'a MapHead,
    rows: &[usize],
    x: Tensor<3>,
) -> (Tensor<2>, impl FnOnce(Tensor<2>) -> Tensor<3> + use<'a>) {
    let [_, tokens, _] = x.dims();
    let rows = rows.to_vec();
    let x = pick(x, &rows);
    let folded = head.folded(x.dims()[0], x.dtype()); // [batch, heads, width]
    let weights = head.weights(folded.clone(), x.clone());
    let w_value = head.value_by_head(x.dtype()); // [heads, depth, width]
    let value = head.value(weights.clone(), x.clone());
    let output = head.attention.out_proj.forward(value);
    let (normed, pull_norm) = layer_norm(&head.layer_norm, output.clone());
    let (added, pull_mlp) = mlp(&head.mlp, normed);

    let pull_back = move |gradient: Tensor<2>| {
        let gradient = gradient.clone() + pull_norm(pull_mlp(gradient));
        let gradient = head.by_head(head.attention.out_proj.pull_back(gradient));
        let to_mean = gradient.matmul(w_value).swap_dims(0, 1); // [batch, heads, width]
        let to_weights = to_mean.clone().matmul(x.swap_dims(1, 2));
        let to_logits = softmax_pull_back(weights.clone(), to_weights);
        let to_x =
            weights.swap_dims(1, 2).matmul(to_mean) + to_logits.swap_dims(1, 2).matmul(folded);
        put(to_x, &rows, tokens)
    };
    (output + added, pull_back)
}
