//! A tower's stack of blocks.

use std::ops::Range;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use clip_input::Layout;

use crate::block::BlockForm;
use crate::{Block, BlockShape, Precision, Trace, TraceOptions, Weights, attention_bias, initial};

/// The blocks of one tower, in order.
#[derive(Module, Debug)]
pub struct Encoder {
    pub(crate) layers: Vec<Block>,
}

impl Encoder {
    /// So many blocks under the names that Hugging Face gives them: `name.layers.0.self_attn…`.
    ///
    /// # Panics
    /// For no blocks.
    pub fn load(weights: &mut Weights, name: &str, depth: usize, shape: BlockShape) -> Self {
        Self::load_as(weights, name, depth, shape, BlockForm::default())
    }

    /// As [`load`](Self::load), of blocks of another form than CLIP's.
    pub(crate) fn load_as(
        weights: &mut Weights,
        name: &str,
        depth: usize,
        shape: BlockShape,
        form: BlockForm,
    ) -> Self {
        assert!(depth > 0, "a tower has blocks");
        let layers = (0..depth)
            .map(|index| Block::load(weights, &format!("{name}.layers.{index}"), shape, form))
            .collect();
        Self { layers }
    }

    /// The blocks, in order.
    pub fn blocks(&self) -> &[Block] {
        &self.layers
    }

    /// The dimensions of each block.
    pub fn shape(&self) -> BlockShape {
        self.layers[0].shape()
    }

    /// The format of the matrices.
    pub fn precision(&self) -> Precision {
        self.layers[0].mlp.fc1.precision()
    }

    /// The same with its matrices in another format.
    pub fn with_precision(&self, precision: Precision) -> Self {
        self.changed(|block| block.set_precision(precision))
    }

    /// The same, told whether the device's tensors lie in host memory.
    pub fn computing_on_host(&self, yes: bool) -> Self {
        self.changed(|block| block.computes_on_host(yes))
    }

    /// The same with the last `blocks` blocks (all of them, if it has fewer) taken from `other`.
    pub(crate) fn with_last_of(&self, other: &Self, blocks: usize) -> Self {
        let kept = self.depth().saturating_sub(blocks);
        let other = other.with_precision(self.precision());
        let other = other.computing_on_host(self.layers[0].mlp.on_host);
        let (own, other) = (
            self.layers.iter().take(kept),
            other.layers.iter().skip(kept),
        );
        Self {
            layers: own.chain(other).cloned().collect(),
        }
    }

    /// Blocks of the same dimensions that learnt nothing.
    pub(crate) fn untrained(&self, seed: u64, device: &Device) -> Self {
        let (shape, depth) = (self.shape(), self.depth());
        let initial = move |name: &str| initial::deviation(name, shape.width, depth);
        let mut weights = Weights::random(Box::new(initial), seed, device);
        let form = self.layers[0].form();
        Self::load_as(&mut weights, "untrained", depth, shape, form)
    }

    fn changed(&self, change: impl FnMut(&mut Block)) -> Self {
        let mut changed = self.clone();
        changed.layers.iter_mut().for_each(change);
        changed
    }

    /// Number of blocks.
    pub fn depth(&self) -> usize {
        self.layers.len()
    }

    /// Runs the blocks of `range` (zero-based) in order.
    ///
    /// # Shapes
    /// - x and output: `[batch, tokens, width]`
    pub fn forward(&self, range: Range<usize>, x: Tensor<3>, layout: &Layout) -> Tensor<3> {
        let bias = attention_bias(layout, &x.device());
        self.layers[range]
            .iter()
            .fold(x, |x, block| block.forward(x, bias.as_ref(), |a| a))
    }

    /// Runs the blocks of `range` and returns the output at `row`; the last block computes nothing
    /// else.
    ///
    /// # Shapes
    /// - x: `[batch, tokens, width]`
    /// - output: `[batch, width]`
    pub fn forward_at(
        &self,
        range: Range<usize>,
        x: Tensor<3>,
        layout: &Layout,
        row: usize,
    ) -> Tensor<2> {
        match self.layers[range.clone()].split_last() {
            Some((last, _)) => {
                let x = self.forward(range.start..range.end - 1, x, layout);
                last.forward_at(x, row, layout.visible(row))
            }
            None => x.narrow(1, row, 1).squeeze_dim(1),
        }
    }

    /// Runs all blocks and keeps what `options` ask for.
    ///
    /// # Shapes
    /// - x: `[batch, tokens, width]`
    pub fn trace(&self, x: Tensor<3>, layout: &Layout, options: TraceOptions) -> Trace {
        let bias = attention_bias(layout, &x.device());
        let mut trace = Trace::new(options);
        let mut x = trace.hidden(x);
        for block in &self.layers {
            x = block.forward(x, bias.as_ref(), |attention| trace.attention(attention));
            x = trace.hidden(x);
        }
        trace.finish(x)
    }
}
