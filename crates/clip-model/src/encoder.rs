//! A tower's stack of blocks.

use std::ops::Range;

use burn::module::Module;
use burn::tensor::Tensor;

use crate::Block;
use crate::block::BlockShape;
use crate::checkpoint::Checkpoint;
use crate::trace::{Trace, TraceOptions};

/// The blocks of one tower, in order.
#[derive(Module, Debug)]
pub struct Encoder {
    pub(crate) layers: Vec<Block>,
}

impl Encoder {
    pub(crate) fn load(
        weights: &mut Checkpoint,
        name: &str,
        depth: usize,
        shape: BlockShape,
    ) -> Self {
        let layers = (0..depth)
            .map(|index| Block::load(weights, &format!("{name}.layers.{index}"), shape))
            .collect();
        Self { layers }
    }

    /// The blocks, in order.
    pub fn blocks(&self) -> &[Block] {
        &self.layers
    }

    /// Number of blocks.
    pub fn depth(&self) -> usize {
        self.layers.len()
    }

    /// Runs the blocks of `range` (zero-based) in order.
    ///
    /// # Shapes
    /// - x and output: `[batch, tokens, width]`
    /// - bias: `[1, 1, tokens, tokens]`
    pub fn forward(
        &self,
        range: Range<usize>,
        x: Tensor<3>,
        bias: Option<&Tensor<4>>,
    ) -> Tensor<3> {
        self.layers[range]
            .iter()
            .fold(x, |x, block| block.forward(x, bias, |a| a))
    }

    /// Runs the blocks of `range` and returns the output at `position`, which sees the first
    /// `visible` tokens; the last block computes nothing else.
    ///
    /// # Shapes
    /// - x: `[batch, tokens, width]`
    /// - output: `[batch, width]`
    pub fn forward_at(
        &self,
        range: Range<usize>,
        x: Tensor<3>,
        bias: Option<&Tensor<4>>,
        position: usize,
        visible: usize,
    ) -> Tensor<2> {
        match self.layers[range.clone()].split_last() {
            Some((last, _)) => {
                let x = self.forward(range.start..range.end - 1, x, bias);
                last.forward_at(x, position, visible)
            }
            None => x.narrow(1, position, 1).squeeze_dim(1),
        }
    }

    /// Runs all blocks and keeps what `options` ask for.
    ///
    /// # Shapes
    /// - x: `[batch, tokens, width]`
    pub fn trace(&self, x: Tensor<3>, bias: Option<&Tensor<4>>, options: TraceOptions) -> Trace {
        let mut trace = Trace::new(options);
        let mut x = trace.hidden(x);
        for block in &self.layers {
            x = block.forward(x, bias, |attention| trace.attention(attention));
            x = trace.hidden(x);
        }
        trace.finish(x)
    }
}
