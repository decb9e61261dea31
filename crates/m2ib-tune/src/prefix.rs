//! The part of a model that is not trained: computed once for each example, and kept if it fits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::{Tensor, TensorData};
use clip_model::{ImageTower, LOGIT_BIAS, LOGIT_SCALE, TextTower, Tower, Trainable};

use crate::{Blocks, Example, Result};

/// Bytes of latents that are kept unless said otherwise: those of 5,000 examples of a ViT-B/32.
pub const DEFAULT_CACHE: usize = 1 << 30;

/// An example as it enters the trained part.
#[derive(Debug, PartialEq)]
pub(crate) struct Entered {
    /// `[tokens, width]` before the image tower's first trained block.
    pub(crate) image: Vec<f32>,
    /// The same of the text tower.
    pub(crate) text: Vec<f32>,
    pub(crate) meaning: u64,
    pub(crate) also: Vec<u64>,
}

/// The frozen blocks of both towers with what they made so far.
pub(crate) struct Prefix {
    /// The first trained block of the image tower and of the text tower.
    pub(crate) starts: (usize, usize),
    limit: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    bytes: usize,
    entered: HashMap<usize, Arc<Entered>>,
}

impl Prefix {
    /// Of a model of which `blocks` are trained; none where all are.
    pub(crate) fn new(model: &Trainable, blocks: Blocks, limit: usize) -> Option<Self> {
        let Blocks::Last(count) = blocks else {
            return None;
        };
        let start = |depth: usize| depth.saturating_sub(count);
        Some(Self {
            starts: (start(model.image.depth()), start(model.text.depth())),
            limit,
            kept: Mutex::new(Kept::default()),
        })
    }

    /// Whether the weight of this name lies behind the frozen part.
    pub(crate) fn is_trained(&self, name: &str) -> bool {
        let block = |encoder: &str, start: usize| {
            let rest = name.strip_prefix(encoder)?;
            let index: usize = rest.split('.').next()?.parse().ok()?;
            Some(index >= start)
        };
        let behind = [
            "vision_model.post_layernorm.",
            "vision_model.head.",
            "visual_projection.",
            "text_model.final_layer_norm.",
            "text_projection.",
        ];
        block("vision_model.encoder.layers.", self.starts.0)
            .or_else(|| block("text_model.encoder.layers.", self.starts.1))
            .unwrap_or_else(|| {
                [LOGIT_SCALE, LOGIT_BIAS].contains(&name)
                    || behind.iter().any(|part| name.starts_with(part))
            })
    }

    /// What was kept of example `index`.
    pub(crate) fn kept(&self, index: usize) -> Option<Arc<Entered>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.entered.get(&index).cloned()
    }

    /// Runs the frozen blocks on a [checked](crate::batch::check) example. Each is run by itself,
    /// so that the numbers do not depend on the company it is in.
    pub(crate) fn enter(
        &self,
        model: &Trainable,
        index: usize,
        example: &Example,
    ) -> Result<Arc<Entered>> {
        let size @ [height, width] = model.image.image_size();
        let data = TensorData::new(example.pixels.clone(), [1, 3, height, width]);
        let image = model
            .image
            .embed(Tensor::from_data(data, &model.device()))?;
        let text = model.text.embed(model.text.ids(&example.ids)?);
        let whole = model.image.layout(size)?;
        let layout = model.text.layout_of_ids(&example.ids)?;
        let entered = Arc::new(Entered {
            image: values(model.image.blocks(0..self.starts.0, image, &whole))?,
            text: values(model.text.blocks(0..self.starts.1, text, &layout))?,
            meaning: example.meaning,
            also: example.also.clone(),
        });
        self.keep(index, &entered);
        Ok(entered)
    }

    fn keep(&self, index: usize, entered: &Arc<Entered>) {
        let bytes = size_of::<f32>() * (entered.image.len() + entered.text.len());
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.bytes + bytes <= self.limit && kept.entered.insert(index, entered.clone()).is_none()
        {
            kept.bytes += bytes;
        }
    }
}

fn values(x: Tensor<3>) -> Result<Vec<f32>> {
    let values = x.try_into_vec_as::<f32>();
    Ok(values.map_err(m2ib_core::Error::from_device)?)
}
