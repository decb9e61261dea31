//! CLIP's vision transformer.

use std::sync::Arc;

use burn::module::{Module, Param};
use burn::tensor::{Tensor, module::conv2d, ops::ConvOptions};
use clip_input::{Digest, Layout, Read, Role, Sight};

use crate::clip::VisionConfig;
use crate::layer_norm::LayerNorm;
use crate::linear::Linear;
use crate::position_table;
use crate::tower::patches_along;
use crate::{BlockShape, Encoder, Error, Head, ImageTower, Precision, Result, Tower, Weights};

/// The image tower: patches and a class token through pre-norm blocks; the class token is pooled.
#[derive(Module, Debug)]
pub struct ClipImageTower {
    pub(crate) class_embedding: Param<Tensor<1>>,
    pub(crate) patch_embedding: Param<Tensor<4>>,
    pub(crate) position_embedding: Param<Tensor<2>>,
    pub(crate) pre_layernorm: LayerNorm,
    pub(crate) encoder: Encoder,
    pub(crate) post_layernorm: LayerNorm,
    pub(crate) projection: Linear,
    #[module(skip)]
    config: VisionConfig,
    #[module(skip)]
    pub(super) digest: Digest,
}

impl ClipImageTower {
    pub(crate) fn load(weights: &mut Weights, config: &VisionConfig, output: usize) -> Self {
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
        let mut tower = Self {
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
            config: config.clone(),
            digest: Digest::of([]),
        };
        tower.digest = weights.digest();
        tower
    }

    /// The dimensions.
    pub fn config(&self) -> &VisionConfig {
        &self.config
    }
}

impl Tower for ClipImageTower {
    fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    fn head(&self) -> Head<'_> {
        Head {
            after: Some(&self.post_layernorm),
            projection: Some(&self.projection),
            ..Head::default()
        }
    }

    fn digest(&self) -> Digest {
        self.digest
    }

    fn describe(&self) -> String {
        let VisionConfig {
            image_size,
            patch_size,
            ..
        } = self.config;
        let side = self.config.patches_per_side();
        format!(
            "{image_size}×{image_size} pixels, {side}×{side} patches of {patch_size}×{patch_size} behind a class token, which is read out"
        )
    }

    fn parameters(&self) -> usize {
        self.num_params()
    }
}

impl ImageTower for ClipImageTower {
    /// The class token, which is read out, and the patches row by row.
    fn layout(&self, size: [usize; 2]) -> Result<Layout> {
        self.check(1, 3, size)?;
        let side = self.config.patches_per_side();
        let patches = (0..side).flat_map(|row| (0..side).map(move |column| (row, column)));
        let patches = patches.map(|(row, column)| Role::Patch { row, column });
        Ok(Layout {
            tokens: [Role::Class].into_iter().chain(patches).collect(),
            grid: Some([side, side]),
            read: Read::Row(0),
            sight: Sight::All,
        })
    }

    fn patch(&self) -> [usize; 2] {
        [self.config.patch_size; 2]
    }

    fn embed(&self, pixels: Tensor<4>) -> Result<Tensor<3>> {
        let kernel = self.patch_embedding.val();
        let [width, _, patch, _] = kernel.dims();
        let [batch, channels, rows, columns] = pixels.dims();
        self.check(batch, channels, [rows, columns])?;
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

    fn with_encoder(&self, encoder: Encoder) -> Arc<dyn ImageTower> {
        Arc::new(Self {
            encoder,
            ..self.clone()
        })
    }

    fn with_input_size(&self, side: usize) -> Result<Arc<dyn ImageTower>> {
        let along = patches_along(side, self.config.patch_size)?;
        let own = self.config.patches_per_side();
        let table = self.position_embedding.val();
        let table = position_table::resized(table, [own; 2], [along; 2]);
        Ok(Arc::new(Self {
            position_embedding: Param::from_tensor(table),
            config: VisionConfig {
                image_size: side,
                ..self.config.clone()
            },
            ..self.clone()
        }))
    }

    fn with_precision(&self, precision: Precision) -> Arc<dyn ImageTower> {
        let mut changed = self.clone();
        changed.set_precision(precision);
        Arc::new(changed)
    }
}

impl ClipImageTower {
    pub(super) fn set_precision(&mut self, precision: Precision) {
        self.encoder = self.encoder.with_precision(precision);
        self.projection.set_precision(precision);
    }

    fn check(&self, batch: usize, channels: usize, [height, width]: [usize; 2]) -> Result<()> {
        let (found, side) = ([batch, channels, height, width], self.config.image_size);
        let expected = [batch, self.config.num_channels, side, side];
        if found == expected {
            return Ok(());
        }
        Err(Error::PixelShape {
            found: found.to_vec(),
            expected: expected.to_vec(),
        })
    }
}
