//! CLIP's vision transformer.

use std::ops::Range;

use burn::module::{Module, Param};
use burn::tensor::{Tensor, module::conv2d, ops::ConvOptions};

use crate::block::BlockShape;
use crate::checkpoint::Checkpoint;
use crate::layer_norm::LayerNorm;
use crate::linear::Linear;
use crate::pullback::{self, ReadOut};
use crate::{Encoder, Error, Precision, Result, Trace, TraceOptions, VisionConfig};

/// The image tower: patches and a class token through pre-norm blocks; the class token is pooled.
#[derive(Module, Debug)]
pub struct ImageTower {
    pub(crate) class_embedding: Param<Tensor<1>>,
    pub(crate) patch_embedding: Param<Tensor<4>>,
    pub(crate) position_embedding: Param<Tensor<2>>,
    pub(crate) pre_layernorm: LayerNorm,
    pub(crate) encoder: Encoder,
    pub(crate) post_layernorm: LayerNorm,
    pub(crate) projection: Linear,
    image_size: usize,
}

impl ImageTower {
    pub(crate) fn load(weights: &mut Checkpoint, config: &VisionConfig, output: usize) -> Self {
        let (width, patch) = (config.hidden_size, config.patch_size);
        let epsilon = config.layer_norm_eps;
        let shape = BlockShape {
            width,
            inner: config.intermediate_size,
            heads: config.num_attention_heads,
            activation: config.hidden_act,
            epsilon,
        };
        let embedding = |name| format!("vision_model.embeddings.{name}");
        Self {
            class_embedding: Param::from_tensor(
                weights.tensor(&embedding("class_embedding"), [width]),
            ),
            patch_embedding: Param::from_tensor(weights.tensor(
                &embedding("patch_embedding.weight"),
                [width, config.num_channels, patch, patch],
            )),
            position_embedding: Param::from_tensor(weights.tensor(
                &embedding("position_embedding.weight"),
                [config.tokens(), width],
            )),
            // The key is really spelt so, in every CLIP checkpoint.
            pre_layernorm: weights.layer_norm("vision_model.pre_layrnorm", width, epsilon),
            encoder: Encoder::load(
                weights,
                "vision_model.encoder",
                config.num_hidden_layers,
                shape,
            ),
            post_layernorm: weights.layer_norm("vision_model.post_layernorm", width, epsilon),
            projection: weights.linear("visual_projection", width, output, false),
            image_size: config.image_size,
        }
    }

    /// See [`Clip::set_precision`](crate::Clip::set_precision).
    pub(crate) fn set_precision(&mut self, precision: Precision) {
        let blocks = self.encoder.layers.iter_mut();
        blocks.for_each(|block| block.set_precision(precision));
        self.projection.set_precision(precision);
    }

    /// Number of blocks.
    pub fn depth(&self) -> usize {
        self.encoder.depth()
    }

    /// The blocks themselves.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// Pixels to the input of block 0: patches and class token with positions, normed.
    ///
    /// # Shapes
    /// - pixels: `[batch, channels, height, width]`, preprocessed
    /// - output: `[batch, 1 + patches, width]`, the class token first
    ///
    /// # Errors
    /// [`Error::PixelShape`].
    pub fn embed(&self, pixels: Tensor<4>) -> Result<Tensor<3>> {
        let kernel = self.patch_embedding.val();
        let [width, channels, patch, _] = kernel.dims();
        let [batch, ..] = pixels.dims();
        let expected = [batch, channels, self.image_size, self.image_size];
        if pixels.dims() != expected {
            return Err(Error::PixelShape {
                found: pixels.dims().to_vec(),
                expected: expected.to_vec(),
            });
        }
        let options = ConvOptions::new([patch, patch], [0, 0], [1, 1], 1);
        let patches = conv2d(pixels, kernel, None, options)
            .flatten::<3>(2, 3)
            .swap_dims(1, 2);
        let class = self
            .class_embedding
            .val()
            .reshape([1, 1, width])
            .expand([batch, 1, width]);
        let tokens = Tensor::cat(vec![class, patches], 1);
        Ok(self
            .pre_layernorm
            .forward(tokens + self.position_embedding.val().unsqueeze()))
    }

    /// Runs the blocks of `range`.
    ///
    /// # Shapes
    /// - x and output: `[batch, tokens, width]`
    pub fn blocks(&self, range: Range<usize>, x: Tensor<3>) -> Tensor<3> {
        self.encoder.forward(range, x, None)
    }

    /// Picks and norms the class token of the last block's output.
    ///
    /// # Shapes
    /// - x: `[batch, tokens, width]`
    /// - output: `[batch, width]`
    pub fn pool(&self, x: Tensor<3>) -> Tensor<2> {
        self.post_layernorm
            .forward(x.narrow(1, 0, 1).squeeze_dim(1))
    }

    /// Projects the pooled token into the shared space (not normalised).
    ///
    /// # Shapes
    /// - pooled: `[batch, width]`
    /// - output: `[batch, projection]`
    pub fn project(&self, pooled: Tensor<2>) -> Tensor<2> {
        self.projection.forward(pooled)
    }

    /// Blocks `start..`, pooling and projection, computing of the last block only what leaves it.
    ///
    /// # Shapes
    /// - x: `[batch, tokens, width]`, the input of block `start`
    /// - output: `[batch, projection]`
    pub fn read_out(&self, start: usize, x: Tensor<3>) -> Tensor<2> {
        let tokens = x.dims()[1];
        let pooled = self
            .encoder
            .forward_at(start..self.depth(), x, None, 0, tokens);
        self.project(self.post_layernorm.forward(pooled))
    }

    /// As [`read_out`](Self::read_out), with the way back for gradients.
    ///
    /// # Shapes
    /// - x: `[batch, tokens, width]`
    pub fn read_out_with_pullback(&self, start: usize, x: Tensor<3>) -> ReadOut<'_> {
        let place = (0, x.dims()[1]);
        let (norm, projection) = (&self.post_layernorm, &self.projection);
        pullback::read_out(&self.encoder, norm, projection, start, x, None, place)
    }

    /// The whole tower.
    ///
    /// # Shapes
    /// - pixels: `[batch, channels, height, width]`
    /// - output: `[batch, projection]`
    ///
    /// # Errors
    /// [`Error::PixelShape`].
    pub fn forward(&self, pixels: Tensor<4>) -> Result<Tensor<2>> {
        Ok(self.read_out(0, self.embed(pixels)?))
    }

    /// Runs all blocks on an embedded image and keeps what is asked for.
    ///
    /// # Shapes
    /// - x: `[batch, tokens, width]`, from [`embed`](Self::embed)
    pub fn trace(&self, x: Tensor<3>, options: TraceOptions) -> Trace {
        self.encoder.trace(x, None, options)
    }
}
