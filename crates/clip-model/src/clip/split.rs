//! CLIP in two halves, each a folder of its own with a flat configuration: `image_encoder` and
//! `text_encoder`, as pipelines have them.

use burn::tensor::Device;
use clip_input::Content;

use super::Pooling;
use super::config::{ClipConfig, TextConfig, VisionConfig};
use crate::checkpoint::Checkpoint;
use crate::patch_tower::{PatchShape, PatchTower};
use crate::token_tower::{TokenShape, TokenTower};
use crate::towers::{Scales, Towers};
use crate::{Note, Result, Weights};

/// What all of OpenAI's models multiply cosines with: training does not let it grow further.
const USUAL_SCALE: f32 = 100.0;

/// What both configurations say.
pub(crate) fn config([image, text]: [&Content; 2]) -> Result<ClipConfig> {
    let (vision, projection_dim) = VisionConfig::alone(&image.read()?, &image.name())?;
    let (text, _) = TextConfig::alone(&text.read()?, &text.name())?;
    Ok(ClipConfig {
        text,
        vision,
        projection_dim,
    })
}

/// Reads both halves. `end` is the end token that captions really carry, where known.
pub(crate) fn towers(
    [image, text]: [&Content; 2],
    mut checkpoint: Checkpoint,
    end: Option<i64>,
    device: &Device,
) -> Result<Towers> {
    let (vision, output) = VisionConfig::alone(&image.read()?, &image.name())?;
    let (caption, text_output) = TextConfig::alone(&text.read()?, &text.name())?;
    checkpoint.has_marked("vision_model.embeddings.class_embedding")?;
    let scale = checkpoint.has("logit_scale");
    let mut weights = Weights::named(checkpoint, None, device);
    let pooling = Pooling::new(&caption, end);
    let image = PatchTower::load(&mut weights, &PatchShape::of_clip(&vision, output));
    let text = TokenShape::of_clip(&caption, pooling, text_output);
    let text = TokenTower::load(&mut weights, &text);
    let scales = match scale {
        true => Scales::read(&mut weights, false),
        false => Scales {
            scale: USUAL_SCALE,
            bias: None,
        },
    };
    let mut towers = Towers::finish(image, text, scales, weights)?;
    if !scale {
        towers.notes.push(Note::NoScale { scale: USUAL_SCALE });
    }
    Ok(towers)
}
