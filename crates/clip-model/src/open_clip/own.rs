//! open_clip's own towers.

use super::Side;
use super::config::{ModelConfig, unsupported};
use crate::Result;
use crate::block::BlockForm;
use crate::checked::invalid;
use crate::checkpoint::Checkpoint;
use crate::clip::Pooling;
use crate::naming;
use crate::output::{OutputShape, ProjectionShape};
use crate::patch_tower::{OutputNorm, PatchPool, PatchShape};
use crate::token_tower::{TextPool, TextSight, TokenShape};
use crate::weights::Part;

/// The image tower's dimensions.
pub(super) fn image(config: &ModelConfig, file: &str) -> Result<PatchShape> {
    let vision = &config.vision_cfg;
    let depth = vision.depth(file)?;
    let image_size = vision.image_size(file)?;
    let patch = vision.patch_size;
    if patch == 0 || image_size.iter().any(|&side| side < patch) {
        let expected = format!("1 to the image_size, {image_size:?}");
        return Err(invalid(file, "vision_cfg.patch_size", patch, expected));
    }
    let pool = match vision.pool_type.as_str() {
        "tok" => PatchPool::Class,
        "avg" => PatchPool::Mean,
        other => {
            let found = format!("vision_cfg.pool_type \"{other}\"");
            return Err(unsupported(file, &found));
        }
    };
    // Of one row, it is the same on either side.
    let behind = vision.final_ln_after_pool || pool == PatchPool::Class;
    Ok(PatchShape {
        image_size,
        any_size: false,
        patch_size: patch,
        depth,
        block: vision.block_shape(file, config.quick_gelu)?,
        form: BlockForm {
            layer_scale: vision.ls_init_value.is_some(),
            ..BlockForm::default()
        },
        class_token: true,
        patch_bias: false,
        pre_norm: !vision.no_ln_pre,
        pool,
        norm: match behind {
            true => OutputNorm::BehindPooling,
            false => OutputNorm::BeforePooling,
        },
        output: OutputShape::projection(ProjectionShape::Linear {
            output: config.embed_dim,
            bias: false,
        }),
    })
}

pub(super) fn image_names(shape: PatchShape) -> Side<PatchShape> {
    Side {
        shape,
        locate: Box::new(|name| naming::OPENAI_IMAGE.locate(name)),
    }
}

/// The text tower's dimensions.
pub(super) fn text(config: &ModelConfig, file: &str) -> Result<TokenShape> {
    let text = &config.text_cfg;
    let pool = match text.pool_type.as_str() {
        "argmax" => TextPool::End(Pooling::LargestId),
        "eos" => TextPool::End(Pooling::FirstEos(text.eos_id)),
        "first" => TextPool::First,
        "last" => TextPool::Last,
        other => {
            let found = format!("text_cfg.pool_type \"{other}\"");
            return Err(unsupported(file, &found));
        }
    };
    let projection = match text.proj_type.as_str() {
        "linear" => ProjectionShape::Linear {
            output: config.embed_dim,
            bias: text.proj_bias,
        },
        "none" => ProjectionShape::None,
        other => {
            let found = format!("text_cfg.proj_type \"{other}\"");
            return Err(unsupported(file, &found));
        }
    };
    let sight = match text.no_causal_mask {
        true => TextSight::All,
        false => TextSight::Causal,
    };
    Ok(TokenShape {
        vocabulary: text.vocab_size,
        table: text.context_length,
        first_position: 0,
        positions: text.context_length,
        depth: text.depth(file)?,
        block: text.block_shape(file, config.quick_gelu)?,
        form: BlockForm {
            layer_scale: text.ls_init_value.is_some(),
            ..BlockForm::default()
        },
        types: 0,
        embedding_norm: false,
        final_norm: true,
        sight,
        pool,
        output: OutputShape::projection(projection),
    })
}

/// Text tensors may carry `text.` before their names, whatever the configuration says.
pub(super) fn text_names(shape: TokenShape, checkpoint: &Checkpoint) -> Side<TokenShape> {
    let before = match checkpoint.has("text.token_embedding.weight") {
        true => "text.",
        false => "",
    };
    let with_bias = matches!(
        shape.output.projection,
        ProjectionShape::Linear { bias: true, .. }
    );
    let locate = move |name: &str| {
        let (theirs, part) = match with_bias && name.starts_with("text_projection.") {
            true => (name.to_owned(), Part::Whole),
            false => naming::OPENAI_TEXT.locate(name),
        };
        (format!("{before}{theirs}"), part)
    };
    Side {
        shape,
        locate: Box::new(locate),
    }
}
