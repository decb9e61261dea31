//! The image tower on chosen patches.

use burn::tensor::{Tensor, TensorData};

use super::layer_norm::layer_norm;
use super::read_out::{Bias, Parts, Rows, read_out};
use super::rows::{column_sums, matrix, values};
use super::{Gradients, PullBack, TrainingPass};
use crate::Result;
use crate::patch_tower::{OutputNorm, PatchPool, PatchTower};

/// Some patches of each image of a batch, the same number of each.
#[derive(Debug, Clone, PartialEq)]
pub struct Patches {
    /// `[images · kept, channels · side · side]`, preprocessed.
    pub values: Vec<f32>,
    /// Which patch of its image each is, counted row by row from 0.
    pub places: Vec<usize>,
    /// Number of images.
    pub images: usize,
}

impl PatchTower {
    /// Runs the tower on the given patches, each with its own place's position embedding, behind the
    /// class token if there is one.
    ///
    /// # Errors
    /// [`Error::Device`](crate::Error::Device) from a device that is lost or full.
    ///
    /// # Panics
    /// If lengths or places do not fit the tower.
    pub fn training_pass(&self, patches: Patches) -> Result<TrainingPass<'_>> {
        let Patches {
            values: pixels,
            places,
            images,
        } = patches;
        let kernel = self.patch_embedding.val();
        let device = kernel.device();
        let [width, channels, side, _] = kernel.dims();
        let area = channels * side * side;
        let kept = places.len() / images;
        let prefix = usize::from(self.class_embedding.is_some());
        let tokens = kept + prefix;
        let shape = [images * kept, area];
        let pixels = Tensor::<2>::from_data(TensorData::new(pixels, shape), &device);
        let kernel = kernel.reshape([width, area]);
        let embedded = pixels.clone().matmul(kernel.transpose());
        let embedded = match &self.patch_bias {
            Some(bias) => embedded + bias.val().unsqueeze(),
            None => embedded,
        };
        let embedded = values(embedded)?;
        let class = match &self.class_embedding {
            Some(class) => Some(values(class.val())?),
            None => None,
        };
        let positions = values(self.position_embedding.val())?;

        let mut rows = Vec::with_capacity(images * tokens * width);
        let position = |token: usize| &positions[token * width..(token + 1) * width];
        let sum = |a: &[f32], b: &[f32], rows: &mut Vec<f32>| {
            rows.extend(a.iter().zip(b).map(|(a, b)| a + b));
        };
        for image in 0..images {
            if let Some(class) = &class {
                sum(class, position(0), &mut rows);
            }
            for patch in image * kept..(image + 1) * kept {
                let embedded = &embedded[patch * width..(patch + 1) * width];
                sum(embedded, position(prefix + places[patch]), &mut rows);
            }
        }
        let x = matrix(rows, [images * tokens, width], &pixels);

        let (normed, pull_norm): (_, PullBack<'_>) = match &self.pre_layernorm {
            Some(norm) => layer_norm(norm, "vision_model.pre_layrnorm".into(), x),
            None => (x, Box::new(|gradient, _| Ok(gradient))),
        };
        let (embedding, pull_blocks) = self.read_out_rows(0, normed, images);
        let pull_back = move |gradient: Tensor<2>, into: &mut Gradients| {
            let gradient = pull_blocks(gradient, into)?;
            let gradient = values(pull_norm(gradient, into)?)?;
            let mut to_class = vec![0.0; width];
            let mut to_positions = vec![0.0; positions.len()];
            let mut to_embedded = Vec::with_capacity(images * kept * width);
            let add = |sum: &mut [f32], x: &[f32]| {
                sum.iter_mut().zip(x).for_each(|(sum, x)| *sum += x);
            };
            for (row, gradient) in gradient.chunks_exact(width).enumerate() {
                let (image, token) = (row / tokens, row % tokens);
                let place = match token.checked_sub(prefix) {
                    None => {
                        add(&mut to_class, gradient);
                        0
                    }
                    Some(patch) => {
                        to_embedded.extend_from_slice(gradient);
                        prefix + places[image * kept + patch]
                    }
                };
                add(
                    &mut to_positions[place * width..(place + 1) * width],
                    gradient,
                );
            }
            let to_embedded = matrix(to_embedded, [images * kept, width], &pixels);
            let name = |part| format!("vision_model.embeddings.{part}");
            if self.patch_bias.is_some() {
                let bias = column_sums(to_embedded.clone())?;
                into.add(name("patch_embedding.bias"), bias);
            }
            let to_kernel = values(to_embedded.transpose().matmul(pixels))?;
            if self.class_embedding.is_some() {
                into.add(name("class_embedding"), to_class);
            }
            into.add(name("position_embedding.weight"), to_positions);
            into.add(name("patch_embedding.weight"), to_kernel);
            Ok(())
        };
        Ok(TrainingPass {
            embedding,
            pull_back: Box::new(pull_back),
        })
    }

    /// Runs the blocks `start..` on what the others made of whole images: only what lies behind
    /// gets gradients.
    ///
    /// # Shapes
    /// - x: `[images, tokens, width]`, the input of block `start`
    ///
    /// # Panics
    /// If the tower has no block `start`.
    pub fn training_pass_from(&self, start: usize, x: Tensor<3>) -> TrainingPass<'_> {
        let [images, tokens, width] = x.dims();
        let rows = x.reshape([images * tokens, width]);
        let (embedding, pull_back) = self.read_out_rows(start, rows, images);
        TrainingPass {
            embedding,
            pull_back: Box::new(move |gradient, into| pull_back(gradient, into).map(drop)),
        }
    }

    /// # Shapes
    /// - rows: `[images · tokens, width]`
    fn read_out_rows(
        &self,
        start: usize,
        rows: Tensor<2>,
        images: usize,
    ) -> (Tensor<2>, PullBack<'_>) {
        let tokens = rows.dims()[0] / images;
        let prefix = usize::from(self.class_embedding.is_some());
        let read = match self.shape.pool {
            PatchPool::Class => Rows::One(vec![0; images]),
            PatchPool::Mean => Rows::Mean(vec![(prefix..tokens).collect(); images]),
            PatchPool::Attention { .. } => Rows::Attention(images),
        };
        let norm = self.post_layernorm.as_ref();
        let parts = Parts {
            encoder: (&self.encoder, "vision_model.encoder"),
            norm: norm.map(|norm| (norm, "vision_model.post_layernorm")),
            before: self.shape.norm == OutputNorm::BeforePooling,
            attention: self
                .attention
                .as_ref()
                .map(|head| (head, "vision_model.head")),
            output: (&self.output, "visual_projection"),
        };
        read_out(parts, start, rows, Bias::default(), read)
    }
}
