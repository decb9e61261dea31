//! An image tower as most families have it: a square of patches, with or without a class token before
//! them, through blocks; a class token, the mean of the patches or an attention reads it out.

use std::sync::Arc;

use burn::module::{Module, Param};
use burn::tensor::{Tensor, module::conv2d, ops::ConvOptions};
use clip_input::{Digest, Filter, Layout, Read, Role, Sight};

use crate::block::BlockForm;
use crate::clip::VisionConfig;
use crate::layer_norm::LayerNorm;
use crate::linear::Linear;
use crate::output::{Output, OutputShape, ProjectionShape};
use crate::position_table;
use crate::tower::{MOST_PATCHES, patches_along};
use crate::{
    BlockShape, Encoder, Error, Head, ImageTower, MapHead, Precision, Result, Tower, Weights,
};

/// An image tower of any family that is loaded from files. Its tensors go by the names of Hugging
/// Face's CLIP and SigLIP.
#[derive(Module, Debug)]
pub struct PatchTower {
    pub(crate) class_embedding: Option<Param<Tensor<1>>>,
    pub(crate) patch_embedding: Param<Tensor<4>>,
    pub(crate) patch_bias: Option<Param<Tensor<1>>>,
    pub(crate) position_embedding: Param<Tensor<2>>,
    pub(crate) pre_layernorm: Option<LayerNorm>,
    pub(crate) encoder: Encoder,
    /// Before or behind the pooling.
    pub(crate) post_layernorm: Option<LayerNorm>,
    pub(crate) attention: Option<MapHead>,
    pub(crate) output: Output,
    #[module(skip)]
    pub(crate) shape: PatchShape,
    #[module(skip)]
    pub(crate) digest: Digest,
}

/// Its dimensions, and which parts it has.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PatchShape {
    /// Sides of the input in pixels, `[height, width]`; of a tower for [any size](Self::any_size),
    /// those that its positions were stored for.
    pub(crate) image_size: [usize; 2],
    /// Whether it takes images of any size, and resizes its positions to each one's grid.
    pub(crate) any_size: bool,
    /// Side of a patch in pixels.
    pub(crate) patch_size: usize,
    pub(crate) depth: usize,
    pub(crate) block: BlockShape,
    pub(crate) form: BlockForm,
    pub(crate) class_token: bool,
    /// Whether patches have a bias of their own.
    pub(crate) patch_bias: bool,
    /// Whether tokens are normed before the blocks.
    pub(crate) pre_norm: bool,
    pub(crate) pool: PatchPool,
    /// Whether there is a norm behind the blocks, and on which side of the pooling.
    pub(crate) norm: OutputNorm,
    pub(crate) output: OutputShape,
}

/// What an image tower's embedding is read out of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PatchPool {
    Class,
    /// The mean of the patches.
    Mean,
    /// An attention over all tokens, whose inner layer is so wide.
    Attention {
        inner: usize,
    },
}

/// Where the norm behind the blocks is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutputNorm {
    None,
    BeforePooling,
    BehindPooling,
}

impl PatchShape {
    /// CLIP's, with a projection to so many numbers.
    pub(crate) fn of_clip(config: &VisionConfig, output: usize) -> Self {
        Self {
            image_size: [config.image_size; 2],
            any_size: false,
            patch_size: config.patch_size,
            depth: config.num_hidden_layers,
            block: BlockShape {
                width: config.hidden_size,
                inner: config.intermediate_size,
                heads: config.num_attention_heads,
                activation: config.hidden_act,
                epsilon: config.layer_norm_eps,
            },
            form: BlockForm::default(),
            class_token: true,
            patch_bias: false,
            pre_norm: true,
            pool: PatchPool::Class,
            norm: OutputNorm::BehindPooling,
            output: OutputShape::projection(ProjectionShape::Linear {
                output,
                bias: false,
            }),
        }
    }

    /// Rows and columns of patches; what is left over at the right and the bottom is not seen.
    pub(crate) fn grid(&self) -> [usize; 2] {
        self.grid_of(self.image_size)
    }

    /// The same of an image of this height and width, which the tower takes.
    fn grid_of(&self, size: [usize; 2]) -> [usize; 2] {
        size.map(|side| side / self.patch_size)
    }

    /// Whether images of this height and width are taken.
    fn takes(&self, size: [usize; 2]) -> bool {
        match self.any_size {
            true => self
                .grid_of(size)
                .into_iter()
                .all(|along| (1..=MOST_PATCHES).contains(&along)),
            false => size == self.image_size,
        }
    }

    /// Tokens before the patches.
    fn prefix(&self) -> usize {
        usize::from(self.class_token)
    }

    pub(crate) fn tokens(&self) -> usize {
        let [rows, columns] = self.grid();
        rows * columns + self.prefix()
    }
}

impl PatchTower {
    pub(crate) fn load(weights: &mut Weights, shape: &PatchShape) -> Self {
        let (block, patch) = (shape.block, shape.patch_size);
        let width = block.width;
        let embedding = |name: &str| format!("vision_model.embeddings.{name}");
        let mut vector = |name: &str| Param::from_tensor(weights.tensor(&embedding(name), [width]));
        let class_embedding = shape.class_token.then(|| vector("class_embedding"));
        let patch_bias = shape.patch_bias.then(|| vector("patch_embedding.bias"));
        let patch_embedding = weights.tensor(
            &embedding("patch_embedding.weight"),
            [width, 3, patch, patch],
        );
        let positions = [shape.tokens(), width];
        let positions = weights.tensor(&embedding("position_embedding.weight"), positions);
        // Random weights are drawn in this order.
        let norm = |weights: &mut Weights, name: &str, there: bool| {
            there.then(|| weights.layer_norm(&format!("vision_model.{name}"), width, block.epsilon))
        };
        // The key is really spelt so, in every CLIP checkpoint.
        let pre_layernorm = norm(weights, "pre_layrnorm", shape.pre_norm);
        let blocks = "vision_model.encoder";
        let encoder = Encoder::load_as(weights, blocks, shape.depth, block, shape.form);
        let post_layernorm = norm(weights, "post_layernorm", shape.norm != OutputNorm::None);
        let attention = match shape.pool {
            PatchPool::Attention { inner } => {
                let block = BlockShape { inner, ..block };
                Some(MapHead::load(weights, "vision_model.head", block))
            }
            _ => None,
        };
        let mut tower = Self {
            class_embedding,
            patch_embedding: Param::from_tensor(patch_embedding),
            patch_bias,
            position_embedding: Param::from_tensor(positions),
            pre_layernorm,
            encoder,
            post_layernorm,
            attention,
            output: Output::load(weights, "visual_projection", width, &shape.output),
            shape: shape.clone(),
            digest: Digest::of([]),
        };
        tower.digest = weights.digest();
        tower
    }

    /// Height and width of the images it takes, in pixels.
    pub fn image_size(&self) -> [usize; 2] {
        self.shape.image_size
    }

    /// Rows and columns of patches.
    pub fn grid(&self) -> [usize; 2] {
        self.shape.grid()
    }

    /// All its dense layers.
    pub(crate) fn dense(&mut self) -> Vec<&mut Linear> {
        let blocks = self.encoder.layers.iter_mut();
        let blocks = blocks.flat_map(|block| block.dense());
        let head = self.attention.iter_mut().flat_map(MapHead::dense);
        blocks.chain(head).chain(self.output.dense()).collect()
    }

    /// See [`DualEncoder::set_precision`](crate::DualEncoder::set_precision).
    pub(crate) fn set_precision(&mut self, precision: Precision) {
        for layer in self.dense() {
            layer.set_precision(precision);
        }
    }

    /// See [`DualEncoder::computes_on_host`](crate::DualEncoder::computes_on_host).
    pub(crate) fn computes_on_host(&mut self, yes: bool) {
        self.encoder = self.encoder.computing_on_host(yes);
    }

    /// Out of so many tokens.
    fn read(&self, tokens: usize) -> Read {
        match self.shape.pool {
            PatchPool::Class => Read::Row(0),
            PatchPool::Mean => Read::Mean((self.shape.prefix()..tokens).collect()),
            PatchPool::Attention { .. } => Read::Attention((0..tokens).collect()),
        }
    }
}

impl Tower for PatchTower {
    fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    fn head(&self) -> Head<'_> {
        let norm = self.post_layernorm.as_ref();
        let before = self.shape.norm == OutputNorm::BeforePooling;
        Head {
            before: norm.filter(|_| before),
            attention: self.attention.as_ref(),
            after: norm.filter(|_| !before),
            ..self.output.head()
        }
    }

    fn digest(&self) -> Digest {
        self.digest
    }

    fn describe(&self) -> String {
        let PatchShape {
            image_size: [height, width],
            any_size,
            patch_size: patch,
            ..
        } = self.shape;
        let [rows, columns] = self.shape.grid();
        let patches = match any_size {
            true => format!(
                "any size, patches of {patch}×{patch}, places of {columns}×{rows} resized to them"
            ),
            false => {
                format!("{width}×{height} pixels, {columns}×{rows} patches of {patch}×{patch}")
            }
        };
        // In CLIP's own words: a model's identity depends on them.
        if (self.shape.pool, self.shape.norm) == (PatchPool::Class, OutputNorm::BehindPooling) {
            return format!("{patches} behind a class token, which is read out");
        }
        let class = match self.shape.class_token {
            true => " behind a class token",
            false => "",
        };
        let read = match self.shape.pool {
            PatchPool::Class => "the class token is read out".into(),
            PatchPool::Mean => "the mean of the patches is read out".into(),
            PatchPool::Attention { .. } => {
                format!(
                    "an attention of {} heads reads them out",
                    self.shape.block.heads
                )
            }
        };
        let norm = match self.shape.norm {
            OutputNorm::None => "no norm",
            OutputNorm::BeforePooling => "a norm before it",
            OutputNorm::BehindPooling => "a norm behind it",
        };
        format!("{patches}{class}; {read}, {norm}")
    }

    fn parameters(&self) -> usize {
        self.num_params()
    }
}

impl ImageTower for PatchTower {
    fn layout(&self, size: [usize; 2]) -> Result<Layout> {
        self.check(1, 3, size)?;
        let [rows, columns] = self.shape.grid_of(size);
        let class = self.shape.class_token.then_some(Role::Class);
        let patches = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
        let patches = patches.map(|(row, column)| Role::Patch { row, column });
        Ok(Layout {
            tokens: class.into_iter().chain(patches).collect(),
            grid: Some([rows, columns]),
            read: self.read(self.shape.prefix() + rows * columns),
            sight: Sight::All,
        })
    }

    fn patch(&self) -> [usize; 2] {
        [self.shape.patch_size; 2]
    }

    fn embed(&self, pixels: Tensor<4>) -> Result<Tensor<3>> {
        let patch = self.shape.patch_size;
        let [batch, channels, height, width] = pixels.dims();
        self.check(batch, channels, [height, width])?;
        // What is left over beyond the last whole patch is left out.
        let [rows, columns] = self.shape.grid_of([height, width]);
        let seen = [rows * patch, columns * patch];
        let pixels = match seen == [height, width] {
            true => pixels,
            false => pixels.slice([0..batch, 0..channels, 0..seen[0], 0..seen[1]]),
        };
        let options = ConvOptions::new([patch, patch], [0, 0], [1, 1], 1);
        let bias = self.patch_bias.as_ref().map(Param::val);
        let patches = conv2d(pixels, self.patch_embedding.val(), bias, options);
        let patches = patches.flatten::<3>(2, 3).swap_dims(1, 2);
        let tokens = match &self.class_embedding {
            Some(class) => {
                let class = class.val();
                let [width] = class.dims();
                let class = class.reshape([1, 1, width]).expand([batch, 1, width]);
                Tensor::cat(vec![class, patches], 1)
            }
            None => patches,
        };
        let tokens = tokens + self.positions([rows, columns]).unsqueeze();
        Ok(match &self.pre_layernorm {
            Some(norm) => norm.forward(tokens),
            None => tokens,
        })
    }

    fn with_encoder(&self, encoder: Encoder) -> Arc<dyn ImageTower> {
        Arc::new(Self {
            encoder,
            ..self.clone()
        })
    }

    fn with_input_size(&self, side: usize) -> Result<Arc<dyn ImageTower>> {
        let along = patches_along(side, self.shape.patch_size)?;
        let table = self.positions([along; 2]);
        Ok(Arc::new(Self {
            position_embedding: Param::from_tensor(table),
            shape: PatchShape {
                image_size: [side; 2],
                any_size: false,
                ..self.shape.clone()
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

impl PatchTower {
    /// The places of a grid's patches, behind those of what stands before them.
    ///
    /// # Shapes
    /// - output: `[tokens, width]`
    fn positions(&self, grid: [usize; 2]) -> Tensor<2> {
        let (table, own) = (self.position_embedding.val(), self.shape.grid());
        let filter = match self.shape.any_size {
            // As it was trained.
            true => Filter::Bilinear,
            // As open_clip does it.
            false => Filter::Bicubic,
        };
        match grid == own {
            true => table,
            false => position_table::resized(table, own, grid, filter),
        }
    }

    fn check(&self, batch: usize, channels: usize, size: [usize; 2]) -> Result<()> {
        if channels == 3 && self.shape.takes(size) {
            return Ok(());
        }
        let [height, width] = size;
        let [rows, columns] = self.shape.image_size;
        Err(Error::PixelShape {
            found: vec![batch, channels, height, width],
            expected: vec![batch, 3, rows, columns],
        })
    }
}
