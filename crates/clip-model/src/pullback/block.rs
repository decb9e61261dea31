//! A block is y = x + attention(norm₁ x), z = y + mlp(norm₂ y), so ȳ = z̄ + norm₂*(mlp*(z̄)) and
//! x̄ = ȳ + norm₁*(attention*(ȳ)). With its norms behind the sums it is y = norm₁(s) of
//! s = x + attention(x), z = norm₂(t) of t = y + mlp(y), so t̄ = norm₂*(z̄), s̄ = norm₁*(t̄ + mlp*(t̄))
//! and x̄ = s̄ + attention*(s̄). Of a tower's last block, one token is enough.

use burn::tensor::Tensor;

use super::attention::attention;
use super::layer_norm::layer_norm;
use super::mlp::mlp;
use super::pooled_attention::{add_at, pooled_attention};
use super::{Back, norm};
use crate::Block;
use crate::block::Norms;

/// # Shapes
/// - x, output and both gradients: `[batch, tokens, width]`
/// - bias: `[1, 1, tokens, tokens]`
pub(super) fn block<'a>(
    block: &'a Block,
    x: Tensor<3>,
    bias: Option<&Tensor<4>>,
) -> (Tensor<3>, impl FnOnce(Tensor<3>) -> Tensor<3> + 'a) {
    let (input, pull_input) = attention_input(block, x.clone());
    let (attended, pull_attention) = attention(&block.self_attn, input, bias);
    let (output, pull_rest) = rest(block, x + attended);
    let pull_back = move |gradient: Tensor<3>| {
        let gradient = pull_rest(gradient);
        gradient.clone() + pull_input(pull_attention(gradient))
    };
    (output, pull_back)
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
    let (input, pull_input) = attention_input(block, x);
    let (attended, pull_attention) = pooled_attention(&block.self_attn, input, position, visible);
    let (output, pull_rest) = rest(block, residual + attended);
    let pull_back = move |gradient: Tensor<2>| {
        let gradient = pull_rest(gradient);
        let to_x = pull_input(pull_attention(gradient.clone()));
        add_at(to_x, position, gradient.unsqueeze_dim::<3>(1))
    };
    (output, pull_back)
}

fn attention_input(block: &Block, x: Tensor<3>) -> (Tensor<3>, Back<'_, 3>) {
    let first = matches!(block.norms, Norms::Before).then_some(&block.layer_norm1);
    norm(first, x)
}

/// What follows the sum of the block's input and what attention adds.
fn rest<const D: usize>(block: &Block, sum: Tensor<D>) -> (Tensor<D>, Back<'_, D>) {
    match block.norms {
        Norms::Before => {
            let (normed, pull_norm) = layer_norm(&block.layer_norm2, sum.clone());
            let (output, pull_mlp) = mlp(&block.mlp, normed);
            let pull_back =
                move |gradient: Tensor<D>| gradient.clone() + pull_norm(pull_mlp(gradient));
            (sum + output, Box::new(pull_back))
        }
        Norms::After => {
            let (x, pull_first) = layer_norm(&block.layer_norm1, sum);
            let (output, pull_mlp) = mlp(&block.mlp, x.clone());
            let (output, pull_second) = layer_norm(&block.layer_norm2, x + output);
            let pull_back = move |gradient: Tensor<D>| {
                let gradient = pull_second(gradient);
                pull_first(gradient.clone() + pull_mlp(gradient))
            };
            (output, Box::new(pull_back))
        }
    }
}
