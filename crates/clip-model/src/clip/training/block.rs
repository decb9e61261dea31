//! A block is y = x + attention(norm₁ x), z = y + mlp(norm₂ y), so ȳ = z̄ + norm₂*(mlp*(z̄)) and
//! x̄ = ȳ + norm₁*(attention*(ȳ)). Of a tower's last block, one token a sequence is enough.

use burn::tensor::Tensor;

use super::attention::attention;
use super::layer_norm::layer_norm;
use super::mlp::mlp;
use super::rows::{add_rows, pick};
use super::{Gradients, PullBack};
use crate::Block;

/// # Shapes
/// - x, output and both gradients: `[batch · tokens, width]`
/// - bias: `[1, 1, tokens, tokens]`
pub(super) fn block<'a>(
    block: &'a Block,
    name: String,
    x: Tensor<2>,
    batch: usize,
    bias: Option<&Tensor<4>>,
) -> (Tensor<2>, PullBack<'a>) {
    let part = |part| format!("{name}.{part}");
    let (normed, pull_norm1) = layer_norm(&block.layer_norm1, part("layer_norm1"), x.clone());
    let (attended, pull_attention) = attention(
        &block.self_attn,
        part("self_attn"),
        normed.clone(),
        normed,
        batch,
        bias,
    );
    let x = x + attended;
    let (normed, pull_norm2) = layer_norm(&block.layer_norm2, part("layer_norm2"), x.clone());
    let (output, pull_mlp) = mlp(&block.mlp, part("mlp"), normed);
    let pull_back = move |gradient: Tensor<2>, into: &mut Gradients| {
        let inner = pull_mlp(gradient.clone(), into)?;
        let gradient = gradient + pull_norm2(inner, into)?;
        let (to_queries, to_tokens) = pull_attention(gradient.clone(), into)?;
        Ok(gradient + pull_norm1(to_queries + to_tokens, into)?)
    };
    (x + output, Box::new(pull_back))
}

/// The output at the `picked` rows alone, one of each sequence.
///
/// # Shapes
/// - x and its gradient: `[batch · tokens, width]`
/// - bias: `[1, 1, tokens, tokens]`
/// - output and its gradient: `[batch, width]`
pub(super) fn pooled_block<'a>(
    block: &'a Block,
    name: String,
    x: Tensor<2>,
    picked: Vec<usize>,
    tokens: usize,
    bias: Option<&Tensor<4>>,
) -> (Tensor<2>, PullBack<'a>) {
    let batch = picked.len();
    let part = |part| format!("{name}.{part}");
    let residual = pick(x.clone(), &picked);
    let (normed, pull_norm1) = layer_norm(&block.layer_norm1, part("layer_norm1"), x);
    // What a picked token may look at is its own row of the bias.
    let bias = bias.map(|bias| {
        let within: Vec<usize> = picked.iter().map(|row| row % tokens).collect();
        let rows = pick(bias.clone().reshape([tokens, tokens]), &within);
        rows.reshape([batch, 1, 1, tokens])
    });
    let (attended, pull_attention) = attention(
        &block.self_attn,
        part("self_attn"),
        pick(normed.clone(), &picked),
        normed,
        batch,
        bias.as_ref(),
    );
    let x = residual + attended;
    let (normed, pull_norm2) = layer_norm(&block.layer_norm2, part("layer_norm2"), x.clone());
    let (output, pull_mlp) = mlp(&block.mlp, part("mlp"), normed);
    let pull_back = move |gradient: Tensor<2>, into: &mut Gradients| {
        let inner = pull_mlp(gradient.clone(), into)?;
        let gradient = gradient + pull_norm2(inner, into)?;
        let (to_queries, to_tokens) = pull_attention(gradient.clone(), into)?;
        let to_normed = add_rows(to_tokens, &picked, to_queries)?;
        add_rows(pull_norm1(to_normed, into)?, &picked, gradient)
    };
    (x + output, Box::new(pull_back))
}
