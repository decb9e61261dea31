//! A block is y = x + attention(norm₁ x), z = y + mlp(norm₂ y), so ȳ = z̄ + norm₂*(mlp*(z̄)) and
//! x̄ = ȳ + norm₁*(attention*(ȳ)). With its norms behind the sums it is y = norm₁(x + attention(x)) and
//! z = norm₂(y + mlp(y)). Of a tower's last block, one token a sequence is enough.

use burn::tensor::Tensor;

use super::attention::attention;
use super::layer_norm::layer_norm;
use super::mlp::mlp;
use super::rows::{add_rows, pick};
use super::{Gradients, PullBack};
use crate::Block;
use crate::block::Norms;

/// # Shapes
/// - x, output and both gradients: `[batch · tokens, width]`
/// - bias: broadcastable to `[batch, heads, tokens, tokens]`
pub(super) fn block<'a>(
    block: &'a Block,
    name: String,
    x: Tensor<2>,
    batch: usize,
    bias: Option<&Tensor<4>>,
) -> (Tensor<2>, PullBack<'a>) {
    let (input, pull_input) = attention_input(block, &name, x.clone());
    let (attended, pull_attention) = attention(
        &block.self_attn,
        format!("{name}.self_attn"),
        input.clone(),
        input,
        batch,
        bias,
    );
    let (output, pull_rest) = rest(block, &name, x + attended);
    let pull_back = move |gradient: Tensor<2>, into: &mut Gradients| {
        let gradient = pull_rest(gradient, into)?;
        let (to_queries, to_tokens) = pull_attention(gradient.clone(), into)?;
        Ok(gradient + pull_input(to_queries + to_tokens, into)?)
    };
    (output, Box::new(pull_back))
}

/// The output at the `picked` rows alone, one of each sequence.
///
/// # Shapes
/// - x and its gradient: `[batch · tokens, width]`
/// - bias: broadcastable to `[batch, heads, 1, tokens]`
/// - output and its gradient: `[batch, width]`
pub(super) fn pooled_block<'a>(
    block: &'a Block,
    name: String,
    x: Tensor<2>,
    picked: Vec<usize>,
    bias: Option<&Tensor<4>>,
) -> (Tensor<2>, PullBack<'a>) {
    let residual = pick(x.clone(), &picked);
    let (input, pull_input) = attention_input(block, &name, x);
    let (attended, pull_attention) = attention(
        &block.self_attn,
        format!("{name}.self_attn"),
        pick(input.clone(), &picked),
        input,
        picked.len(),
        bias,
    );
    let (output, pull_rest) = rest(block, &name, residual + attended);
    let pull_back = move |gradient: Tensor<2>, into: &mut Gradients| {
        let gradient = pull_rest(gradient, into)?;
        let (to_queries, to_tokens) = pull_attention(gradient.clone(), into)?;
        let to_input = add_rows(to_tokens, &picked, to_queries)?;
        add_rows(pull_input(to_input, into)?, &picked, gradient)
    };
    (output, Box::new(pull_back))
}

/// What attention works on.
fn attention_input<'a>(block: &'a Block, name: &str, x: Tensor<2>) -> (Tensor<2>, PullBack<'a>) {
    match block.norms {
        Norms::Before => layer_norm(&block.layer_norm1, format!("{name}.layer_norm1"), x),
        Norms::After => (x, Box::new(|gradient, _| Ok(gradient))),
    }
}

/// What follows the sum of the block's input and what attention adds.
fn rest<'a>(block: &'a Block, name: &str, sum: Tensor<2>) -> (Tensor<2>, PullBack<'a>) {
    let first = format!("{name}.layer_norm1");
    let second = format!("{name}.layer_norm2");
    let layers = ["fc1", "fc2"].map(|layer| format!("{name}.mlp.{layer}"));
    match block.norms {
        Norms::Before => {
            let (normed, pull_norm) = layer_norm(&block.layer_norm2, second, sum.clone());
            let (output, pull_mlp) = mlp(&block.mlp, layers, normed);
            let pull_back = move |gradient: Tensor<2>, into: &mut Gradients| {
                let inner = pull_mlp(gradient.clone(), into)?;
                Ok(gradient + pull_norm(inner, into)?)
            };
            (sum + output, Box::new(pull_back))
        }
        Norms::After => {
            let (x, pull_first) = layer_norm(&block.layer_norm1, first, sum);
            let (output, pull_mlp) = mlp(&block.mlp, layers, x.clone());
            let (output, pull_second) = layer_norm(&block.layer_norm2, second, x + output);
            let pull_back = move |gradient: Tensor<2>, into: &mut Gradients| {
                let gradient = pull_second(gradient, into)?;
                let inner = pull_mlp(gradient.clone(), into)?;
                pull_first(gradient + inner, into)
            };
            (output, Box::new(pull_back))
        }
    }
}
