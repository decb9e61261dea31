//! What the towers of all families have in common.

use std::any::Any;
use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use burn::tensor::{Int, Tensor};
use clip_input::{Caption, Digest, Layout};

use crate::pullback::{self, ReadOut};
use crate::{Encoder, Head, Precision, Result, Trace, TraceOptions};

/// A tower behind its embedding: blocks, and what reads them out.
///
/// A family gives the two parts; running them, on whatever tokens a [`Layout`] describes, is the
/// same for all.
pub trait Tower: Any + Debug + Send + Sync {
    /// The blocks.
    fn encoder(&self) -> &Encoder;

    /// What reads the last block's output out.
    fn head(&self) -> Head<'_>;

    /// A digest of all its weights, taken when they were [loaded](crate::Weights::digest).
    fn digest(&self) -> Digest;

    /// Everything else that its embeddings depend on: how tokens are laid out and read, in words.
    fn describe(&self) -> String;

    /// Number of its weights.
    fn parameters(&self) -> usize;

    /// Number of blocks.
    fn depth(&self) -> usize {
        self.encoder().depth()
    }

    /// Width of a token between the blocks.
    fn width(&self) -> usize {
        self.encoder().shape().width
    }

    /// Runs the blocks of `range`.
    ///
    /// # Shapes
    /// - x and output: `[batch, tokens, width]`
    fn blocks(&self, range: Range<usize>, x: Tensor<3>, layout: &Layout) -> Tensor<3> {
        self.encoder().forward(range, x, layout)
    }

    /// Blocks `start..` and what is read out behind them, not normalised; of the last block only
    /// what leaves it is computed. With `start` at the [`depth`](Self::depth), only the reading.
    ///
    /// # Shapes
    /// - x: `[batch, tokens, width]`, the input of block `start`
    /// - output: `[batch, projection]`
    fn read_out(&self, start: usize, x: Tensor<3>, layout: &Layout) -> Tensor<2> {
        self.head().read_out(self.encoder(), start, x, layout)
    }

    /// As [`read_out`](Self::read_out), with the way back for gradients.
    ///
    /// # Shapes
    /// - x: `[batch, tokens, width]`
    fn read_out_with_pullback(&self, start: usize, x: Tensor<3>, layout: &Layout) -> ReadOut<'_> {
        pullback::read_out(self.encoder(), self.head(), start, x, layout)
    }

    /// Runs all blocks and keeps what is asked for.
    ///
    /// # Shapes
    /// - x: `[batch, tokens, width]`, the input of block 0
    fn trace(&self, x: Tensor<3>, layout: &Layout, options: TraceOptions) -> Trace {
        self.encoder().trace(x, layout, options)
    }

    /// What is read out behind all blocks of a trace; where an attention reads it, the trace keeps
    /// that too.
    ///
    /// # Shapes
    /// - output: `[batch, projection]`
    fn read_trace(&self, trace: &mut Trace, layout: &Layout) -> Tensor<2> {
        self.head().read_trace(trace, layout)
    }
}

/// A tower whose tokens come from pixels.
pub trait ImageTower: Tower {
    /// The tokens of an image of this size in pixels, `[height, width]`.
    ///
    /// # Errors
    /// [`Error::PixelShape`](crate::Error::PixelShape) for a size that it does not take.
    fn layout(&self, size: [usize; 2]) -> Result<Layout>;

    /// Side lengths of a patch in pixels, `[height, width]`.
    fn patch(&self) -> [usize; 2];

    /// Pixels to the input of block 0.
    ///
    /// # Shapes
    /// - pixels: `[batch, 3, height, width]`, preprocessed
    /// - output: `[batch, tokens, width]`
    ///
    /// # Errors
    /// [`Error::PixelShape`](crate::Error::PixelShape).
    fn embed(&self, pixels: Tensor<4>) -> Result<Tensor<3>>;

    /// The same tower with other blocks.
    fn with_encoder(&self, encoder: Encoder) -> Arc<dyn ImageTower>;

    /// The same tower for square images of `side` pixels, its positions
    /// [resized](crate::DualEncoder::with_input_size). None unless a family has positions that can be.
    ///
    /// # Errors
    /// [`Error::InputSize`](crate::Error::InputSize) for a side that is no whole number of patches.
    fn with_input_size(&self, side: usize) -> Result<Arc<dyn ImageTower>> {
        Err(crate::Error::InputSize {
            found: side,
            expected: "a model whose positions are a table over a square of patches".into(),
        })
    }

    /// The same tower with its matrices in another format: the blocks', unless a family has larger
    /// ones around them.
    fn with_precision(&self, precision: Precision) -> Arc<dyn ImageTower> {
        self.with_encoder(self.encoder().with_precision(precision))
    }
}

/// Patches along a side: far beyond any published model, and few enough that their square is counted.
pub(crate) const MOST_PATCHES: usize = 1000;

/// How many patches a side of `side` pixels has.
///
/// # Errors
/// [`Error::InputSize`](crate::Error::InputSize) for no whole number, none or more than a million in all.
pub(crate) fn patches_along(side: usize, patch: usize) -> Result<usize> {
    const MOST: usize = MOST_PATCHES;
    let along = side / patch;
    if side.is_multiple_of(patch) && (1..=MOST).contains(&along) {
        return Ok(along);
    }
    let near = along.clamp(1, MOST - 1) * patch;
    let next = near + patch;
    Err(crate::Error::InputSize {
        found: side,
        expected: format!("a multiple of its patches' {patch} pixels, such as {near} or {next}"),
    })
}

/// A tower whose tokens come from a vocabulary.
pub trait TextTower: Tower {
    /// The tokens of a caption.
    ///
    /// # Errors
    /// [`Error::TokenIds`](crate::Error::TokenIds) if what should be read out is not there.
    fn layout(&self, caption: &Caption) -> Result<Layout>;

    /// Tokens that a caption has at most.
    fn positions(&self) -> usize;

    /// Entries of the token embedding.
    fn vocabulary(&self) -> usize;

    /// Checks token ids and brings them to the tower's device.
    ///
    /// # Shapes
    /// - output: `[1, tokens]`
    ///
    /// # Errors
    /// [`Error::TokenIds`](crate::Error::TokenIds) for no ids, more ids than positions, or ids
    /// outside the vocabulary.
    fn ids(&self, ids: &[i64]) -> Result<Tensor<2, Int>>;

    /// The tokens' embeddings, positions not yet added.
    ///
    /// # Shapes
    /// - ids: `[batch, tokens]`, see [`ids`](Self::ids)
    /// - output: `[batch, tokens, width]`
    fn look_up(&self, ids: Tensor<2, Int>) -> Tensor<3>;

    /// Adds the position embeddings to tokens': the input of block 0.
    ///
    /// # Shapes
    /// - tokens and output: `[batch, tokens, width]`
    fn place(&self, tokens: Tensor<3>) -> Tensor<3>;

    /// The mean of all of the vocabulary's embeddings.
    ///
    /// # Shapes
    /// - output: `[width]`
    fn mean_embedding(&self) -> Tensor<1>;

    /// Token ids to the input of block 0.
    ///
    /// # Shapes
    /// - ids: `[batch, tokens]`, see [`ids`](Self::ids)
    /// - output: `[batch, tokens, width]`
    fn embed(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        self.place(self.look_up(ids))
    }

    /// The same tower with other blocks.
    fn with_encoder(&self, encoder: Encoder) -> Arc<dyn TextTower>;

    /// The same tower with its matrices in another format: the blocks', unless a family has larger
    /// ones around them.
    fn with_precision(&self, precision: Precision) -> Arc<dyn TextTower> {
        self.with_encoder(self.encoder().with_precision(precision))
    }
}
