//! What reads a tower out behind its blocks: norm, pooling, norm, projection, where it has them.

use burn::tensor::Tensor;
use clip_input::{Layout, Read};

use crate::layer_norm::LayerNorm;
use crate::linear::Linear;
use crate::{Encoder, pooling};

/// The end of a tower. Which rows are pooled, its [`Layout`] says.
#[derive(Debug, Clone, Copy, Default)]
pub struct Head<'a> {
    /// Norms every token before they are pooled.
    pub before: Option<&'a LayerNorm>,
    /// Norms what was pooled.
    pub after: Option<&'a LayerNorm>,
    /// Into the space that both towers share.
    pub projection: Option<&'a Linear>,
}

impl Head<'_> {
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
            read => {
                let x = normed(self.before, encoder.forward(range, x, layout));
                pooling::pool(read, x)
            }
        };
        let pooled = normed(self.after, pooled);
        match self.projection {
            Some(projection) => projection.forward(pooled),
            None => pooled,
        }
    }
}

fn normed<const D: usize>(norm: Option<&LayerNorm>, x: Tensor<D>) -> Tensor<D> {
    match norm {
        Some(norm) => norm.forward(x),
        None => x,
    }
}
