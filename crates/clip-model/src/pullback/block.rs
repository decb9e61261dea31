//! A block is y = x + attention(norm₁ x), z = y + mlp(norm₂ y), so ȳ = z̄ + norm₂*(mlp*(z̄)) and
//! x̄ = ȳ + norm₁*(attention*(ȳ)). Of a tower's last block, one token is enough.

use burn::tensor::Tensor;

use super::attention::attention;
use super::layer_norm::layer_norm;
use super::mlp::mlp;
use super::pooled_attention::{add_at, pooled_attention};
use crate::Block;

/// # Shapes
/// - x, output and both gradients: `[batch, tokens, width]`
/// - bias: `[1, 1, tokens, tokens]`
pub(super) fn block<'a>(
    block: &'a Block,
    x: Tensor<3>,
    bias: Option<&Tensor<4>>,
) -> (Tensor<3>, impl FnOnce(Tensor<3>) -> Tensor<3> + 'a) {
    let (normed, pull_norm1) = layer_norm(&block.layer_norm1, x.clone());
    let (attended, pull_attention) = attention(&block.self_attn, normed, bias);
    let x = x + attended;
    let (normed, pull_norm2) = layer_norm(&block.layer_norm2, x.clone());
    let (output, pull_mlp) = mlp(&block.mlp, normed);
    let pull_back = move |gradient: Tensor<3>| {
        let gradient = gradient.clone() + pull_norm2(pull_mlp(gradient));
        gradient.clone() + pull_norm1(pull_attention(gradient))
    };
    (x + output, pull_back)
}

/// # Shapes
/// - x and its gradient: `[batch, tokens, width]`
/// - output and its gradient: `[batch, width]`
pub(super) fn pooled_block(
    block: &Block,
    x: Tensor<3>,
    position: usize,
    visible: usize,
) -> (Tensor<2>, impl FnOnce(Tensor<2>) -> Tensor<3> + '_) {
    let residual = x.clone().narrow(1, position, 1).squeeze_dim::<2>(1);
    let (normed, pull_norm1) = layer_norm(&block.layer_norm1, x);
    let (attended, pull_attention) = pooled_attention(&block.self_attn, normed, position, visible);
    let x = residual + attended;
    let (normed, pull_norm2) = layer_norm(&block.layer_norm2, x.clone());
    let (output, pull_mlp) = mlp(&block.mlp, normed);
    let pull_back = move |gradient: Tensor<2>| {
        let gradient = gradient.clone() + pull_norm2(pull_mlp(gradient));
        let to_x = pull_norm1(pull_attention(gradient.clone()));
        add_at(to_x, position, gradient.unsqueeze_dim::<3>(1))
    };
    (x + output, pull_back)
}
