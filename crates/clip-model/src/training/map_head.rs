//! Attention pooling (see [`MapHead`]): y = attention(q, x) with a learned query q, z = y + mlp(norm y),
//! so ȳ = z̄ + norm*(mlp*(z̄)), and the query gets what is left of it in every sequence.

use burn::tensor::Tensor;

use super::attention::attention;
use super::layer_norm::layer_norm;
use super::mlp::mlp;
use super::rows::column_sums;
use super::{Gradients, PullBack};
use crate::MapHead;

/// # Shapes
/// - x and its gradient: `[batch · tokens, width]`
/// - output and its gradient: `[batch, width]`
pub(super) fn map_head<'a>(
    head: &'a MapHead,
    name: &str,
    x: Tensor<2>,
    batch: usize,
) -> (Tensor<2>, PullBack<'a>) {
    let probe = head.probe.val();
    let [_, width] = probe.dims();
    let queries = probe.expand([batch, width]);
    let (y, pull_attention) = attention(
        &head.attention,
        format!("{name}.attention"),
        queries,
        x,
        batch,
        None,
    );
    let (normed, pull_norm) = layer_norm(&head.layer_norm, format!("{name}.layernorm"), y.clone());
    let names = ["fc1", "fc2"].map(|layer| format!("{name}.mlp.{layer}"));
    let (added, pull_mlp) = mlp(&head.mlp, names, normed);
    let probe = format!("{name}.probe");
    let pull_back = move |gradient: Tensor<2>, into: &mut Gradients| {
        let inner = pull_mlp(gradient.clone(), into)?;
        let gradient = gradient + pull_norm(inner, into)?;
        let (to_queries, to_x) = pull_attention(gradient, into)?;
        into.add(probe, column_sums(to_queries)?);
        Ok(to_x)
    };
    (y + added, Box::new(pull_back))
}
