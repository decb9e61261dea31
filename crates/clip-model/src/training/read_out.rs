//! The blocks of a tower and what reads them out: a row of each sequence, the mean of some, or an
//! attention over all; norms on either side, and the projection.

use burn::tensor::{Tensor, TensorData};

use super::PullBack;
use super::block::{block, pooled_block};
use super::layer_norm::layer_norm;
use super::linear::linear;
use super::map_head::map_head;
use super::mlp::mlp;
use crate::layer_norm::LayerNorm;
use crate::output::Output;
use crate::{Encoder, MapHead};

/// The parts of a tower behind its embedding, with what the names of their weights begin with.
pub(super) struct Parts<'a> {
    pub(super) encoder: (&'a Encoder, &'static str),
    pub(super) norm: Option<(&'a LayerNorm, &'static str)>,
    /// Whether the norm comes before the pooling.
    pub(super) before: bool,
    pub(super) attention: Option<(&'a MapHead, &'static str)>,
    pub(super) output: (&'a Output, &'static str),
}

/// What is read out of each sequence of a batch.
pub(super) enum Rows {
    /// One token of each.
    One(Vec<usize>),
    /// The mean of some tokens of each.
    Mean(Vec<Vec<usize>>),
    /// An attention over all tokens of so many sequences.
    Attention(usize),
}

/// What attention adds to its logits.
#[derive(Default)]
pub(super) struct Bias {
    /// From every token, broadcastable to `[batch, heads, tokens, tokens]`.
    pub(super) full: Option<Tensor<4>>,
    /// From the one that is read out, `[batch, 1, 1, tokens]`.
    pub(super) picked: Option<Tensor<4>>,
}

/// The blocks `start..` and what is read out behind them. Of one row, the last block computes
/// nothing else.
///
/// # Shapes
/// - x and its gradient: `[batch · tokens, width]`
/// - output and its gradient: `[batch, projection]`
pub(super) fn read_out<'a>(
    parts: Parts<'a>,
    start: usize,
    x: Tensor<2>,
    bias: Bias,
    rows: Rows,
) -> (Tensor<2>, PullBack<'a>) {
    let batch = match &rows {
        Rows::One(rows) => rows.len(),
        Rows::Mean(rows) => rows.len(),
        &Rows::Attention(batch) => batch,
    };
    let tokens = x.dims()[0] / batch;
    let (encoder, name) = parts.encoder;
    let name = |index: usize| format!("{name}.layers.{index}");
    let layers = &encoder.layers[start..];
    let (full, last) = match (&rows, layers.split_last()) {
        (Rows::One(_), Some((last, full))) => (full, Some(last)),
        _ => (layers, None),
    };
    let mut way: Vec<PullBack<'a>> = Vec::new();
    let mut through = |(output, pull_back): (Tensor<2>, PullBack<'a>)| {
        way.push(pull_back);
        output
    };
    let mut x = x;
    for (index, layer) in (start..).zip(full) {
        x = through(block(layer, name(index), x, batch, bias.full.as_ref()));
    }
    let norm = |x: Tensor<2>| match parts.norm {
        Some((layer, name)) => layer_norm(layer, name.into(), x),
        None => (x, nothing()),
    };
    // Of one row alone, both sides of the pooling are the same.
    let before = parts.before && last.is_none();
    if before {
        x = through(norm(x));
    }
    x = match (rows, parts.attention) {
        (Rows::One(positions), _) => {
            let rows = positions.iter().enumerate();
            let picked: Vec<usize> = rows.map(|(i, position)| i * tokens + position).collect();
            match last {
                Some(last) => {
                    let name = name(start + full.len());
                    through(pooled_block(last, name, x, picked, bias.picked.as_ref()))
                }
                None => through(pick_rows(x, picked)),
            }
        }
        (Rows::Attention(batch), Some((head, name))) => through(map_head(head, name, x, batch)),
        (Rows::Mean(rows), _) => through(mean(x, &rows)),
        // What no tower is: an attention to read, and none to read it with.
        (Rows::Attention(batch), None) => through(mean(x, &vec![(0..tokens).collect(); batch])),
    };
    if !before {
        x = through(norm(x));
    }
    let (output, name) = parts.output;
    if let Some(pooler) = &output.pooler {
        let (h, pull_back) = linear(pooler, format!("{name}.pooler"), x);
        let y = through((h, pull_back)).tanh();
        let slope = y.clone().square().neg() + 1.0;
        x = through((y, Box::new(move |gradient, _| Ok(gradient * slope))));
    }
    if let Some(layers) = &output.perceptron {
        let names = ["0", "1"].map(|layer| format!("{name}.{layer}"));
        x = through(mlp(layers, names, x));
    } else if let Some(projection) = &output.projection {
        x = through(linear(projection, name.into(), x));
    }
    let pull_back = move |gradient, into: &mut _| {
        let mut back = way.into_iter().rev();
        back.try_fold(gradient, |gradient, pull_back| pull_back(gradient, into))
    };
    (x, Box::new(pull_back))
}

/// The way back of a part that is not there.
fn nothing<'a>() -> PullBack<'a> {
    Box::new(|gradient, _| Ok(gradient))
}

/// Some rows of a matrix, and the way back.
fn pick_rows<'a>(x: Tensor<2>, picked: Vec<usize>) -> (Tensor<2>, PullBack<'a>) {
    let zeros = x.zeros_like();
    let output = super::rows::pick(x, &picked);
    let pull_back = move |gradient, _: &mut _| super::rows::add_rows(zeros, &picked, gradient);
    (output, Box::new(pull_back))
}

/// The mean of some rows of each sequence, and the way back: to each of them in equal shares.
///
/// # Shapes
/// - x and its gradient: `[batch · tokens, width]`; output and its gradient: `[batch, width]`
fn mean<'a>(x: Tensor<2>, rows: &[Vec<usize>]) -> (Tensor<2>, PullBack<'a>) {
    let (batch, [all, width]) = (rows.len(), x.dims());
    let tokens = all / batch;
    let mut shares = vec![0.0f32; all];
    for (sequence, rows) in rows.iter().enumerate() {
        for row in rows {
            shares[sequence * tokens + row] = 1.0 / rows.len() as f32;
        }
    }
    let shares = TensorData::new(shares, [batch, tokens, 1]);
    let shares = Tensor::<3>::from_data(shares, &x.device());
    let mean = (x.reshape([batch, tokens, width]) * shares.clone()).sum_dim(1);
    let pull_back = move |gradient: Tensor<2>, _: &mut _| {
        let to_x = gradient.reshape([batch, 1, width]) * shares;
        Ok(to_x.reshape([all, width]))
    };
    (mean.reshape([batch, width]), Box::new(pull_back))
}
