//! What reads a tower out behind its blocks: norm, pooling, norm, projection, where it has them.

use burn::tensor::Tensor;
use clip_input::{Layout, Read};

use crate::layer_norm::LayerNorm;
use crate::linear::Linear;
use crate::{Encoder, MapHead, Mlp, Trace, pooling};

/// The end of a tower. Which rows are pooled, its [`Layout`] says.
#[derive(Debug, Clone, Copy, Default)]
pub struct Head<'a> {
    /// Norms every token before they are pooled.
    pub before: Option<&'a LayerNorm>,
    /// Pools what is [read by attention](Read::Attention).
    pub attention: Option<&'a MapHead>,
    /// Norms what was pooled.
    pub after: Option<&'a LayerNorm>,
    /// tanh of a dense layer follows: BERT's pooler.
    pub pooler: Option<&'a Linear>,
    /// Into the space that both towers share.
    pub projection: Option<&'a Linear>,
    /// Two layers in place of a projection.
    pub perceptron: Option<&'a Mlp>,
}

/// What leads into the space that both towers share.
pub(crate) enum Projection<'a> {
    None,
    Linear(&'a Linear),
    Mlp(&'a Mlp),
}

impl<'a> Head<'a> {
    /// The blocks from `start` on, and what is read out behind them.
    ///
    /// # Shapes
    /// - x: `[batch, tokens, width]`, the input of block `start`
    /// - output: `[batch, projection]`
    pub(crate) fn read_out(
        self,
        encoder: &Encoder,
        start: usize,
        x: Tensor<3>,
        layout: &Layout,
    ) -> Tensor<2> {
        let range = start..encoder.depth();
        let pooled = match &layout.read {
            &Read::Row(row) => normed(self.before, encoder.forward_at(range, x, layout, row)),
            read => self.pooled(encoder.forward(range, x, layout), read, |a| a),
        };
        self.embedding(pooled)
    }

    /// What is read out of a trace, which keeps the head's own attention too if it keeps attention.
    ///
    /// # Shapes
    /// - output: `[batch, projection]`
    pub(crate) fn read_trace(self, trace: &mut Trace, layout: &Layout) -> Tensor<2> {
        let output = trace.output();
        let pooled = self.pooled(output, &layout.read, |a| trace.pooling(a));
        self.embedding(pooled)
    }

    /// From the last block's output to one row.
    fn pooled(
        self,
        x: Tensor<3>,
        read: &Read,
        see: impl FnOnce(Tensor<4>) -> Tensor<4>,
    ) -> Tensor<2> {
        let x = normed(self.before, x);
        match (read, self.attention) {
            (Read::Attention(rows), Some(attention)) => attention.forward(x, rows, see),
            _ => pooling::pool(read, x),
        }
    }

    /// What an attention that reads the tower out works on.
    ///
    /// # Shapes
    /// - x: `[batch, tokens, width]`, the last block's output; output: `[batch, rows, width]`
    pub fn attended_to(self, x: Tensor<3>, layout: &Layout) -> Tensor<3> {
        pooling::pick(normed(self.before, x), layout.read.rows())
    }

    /// Every token read out alone, as if the pooling had nothing else to pool.
    ///
    /// # Shapes
    /// - x: `[batch, tokens, width]`, the last block's output; output: `[batch · tokens, projection]`
    pub fn each(self, x: Tensor<3>) -> Tensor<2> {
        let [batch, tokens, width] = x.dims();
        let rows = normed(self.before, x).reshape([batch * tokens, width]);
        self.embedding(match self.attention {
            Some(attention) => attention.forward_alone(rows),
            None => rows,
        })
    }

    /// What follows the pooling.
    ///
    /// # Shapes
    /// - pooled: `[batch, width]`, output: `[batch, projection]`
    pub fn embedding(self, pooled: Tensor<2>) -> Tensor<2> {
        let pooled = normed(self.after, pooled);
        let pooled = match self.pooler {
            Some(pooler) => pooler.forward(pooled).tanh(),
            None => pooled,
        };
        match self.into_shared() {
            Projection::None => pooled,
            Projection::Linear(projection) => projection.forward(pooled),
            Projection::Mlp(layers) => layers.forward(pooled),
        }
    }

    /// Numbers of an embedding, of a tower whose tokens have so many.
    pub fn embedding_width(self, width: usize) -> usize {
        match (self.into_shared(), self.pooler) {
            (Projection::Linear(projection), _) => projection.outputs(),
            (Projection::Mlp(layers), _) => layers.fc2.outputs(),
            (Projection::None, Some(pooler)) => pooler.outputs(),
            (Projection::None, None) => width,
        }
    }

    pub(crate) fn into_shared(self) -> Projection<'a> {
        match (self.projection, self.perceptron) {
            (_, Some(layers)) => Projection::Mlp(layers),
            (Some(projection), None) => Projection::Linear(projection),
            (None, None) => Projection::None,
        }
    }
}

fn normed<const D: usize>(norm: Option<&LayerNorm>, x: Tensor<D>) -> Tensor<D> {
    match norm {
        Some(norm) => norm.forward(x),
        None => x,
    }
}
