//! `config.json` of SigLIP, of SigLIP 2 at a fixed size, and of SigLIP 2 NaFlex.

use clip_input::json_object;
use serde::Deserialize;

use crate::block::BlockForm;
use crate::checked::{MAX_SIZE, invalid, positive};
use crate::clip::{TextConfig, VisionConfig};
use crate::output::{OutputShape, ProjectionShape};
use crate::patch_tower::{OutputNorm, PatchPool, PatchShape};
use crate::sections::{SIGLIP, TextSection, VisionSection};
use crate::token_tower::{TextPool, TextSight, TokenShape};
use crate::{BlockShape, Result};

/// Which of the two image towers there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edition {
    /// Images of one size.
    Fixed,
    /// Images of any size, each of as many patches as its shape makes the best use of.
    NaFlex,
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    text_config: TextSection,
    #[serde(default)]
    vision_config: VisionSection,
}

/// What SigLIP's sections have beside CLIP's.
#[derive(Deserialize)]
struct Beside {
    #[serde(default)]
    text_config: BesideText,
    #[serde(default)]
    vision_config: BesideVision,
}

#[derive(Deserialize, Default)]
struct BesideText {
    /// The text's width where it is not said.
    projection_size: Option<usize>,
}

#[derive(Deserialize, Default)]
struct BesideVision {
    vision_use_head: Option<bool>,
    /// Of NaFlex: the square that the table of positions is.
    num_patches: Option<usize>,
}

/// Both towers' dimensions.
pub(crate) struct SiglipConfig {
    pub(crate) image: PatchShape,
    pub(crate) text: TokenShape,
}

impl SiglipConfig {
    /// # Errors
    /// [`Error::Input`](crate::Error::Input) for values that make no model, by key.
    pub(crate) fn from_json(json: &[u8], file: &str, edition: Edition) -> Result<Self> {
        let Raw {
            text_config: text,
            vision_config: mut vision,
        } = json_object(json, file)?;
        let beside: Beside = json_object(json, file)?;
        if beside.vision_config.vision_use_head == Some(false) {
            let expected = "true: without the head that reads the patches out, there is no embedding to compare with captions";
            let field = "vision_config.vision_use_head";
            return Err(invalid(file, field, "false", expected));
        }
        if edition == Edition::NaFlex {
            let along = square(file, beside.vision_config.num_patches.unwrap_or(256))?;
            let patch = vision.patch(&SIGLIP);
            let patch = positive(file, "vision_config.patch_size", patch)?;
            vision = vision.with_image_size(along * patch);
        }
        let text = text.check(file, &SIGLIP)?;
        let output = beside.text_config.projection_size;
        let output = output.unwrap_or(text.hidden_size);
        let output = positive(file, "text_config.projection_size", output)?;
        Ok(Self {
            image: image(&vision.check(file, &SIGLIP)?, edition),
            text: caption(&text, output),
        })
    }
}

/// The side of a square of patches.
fn square(file: &str, patches: usize) -> Result<usize> {
    let along = patches.isqrt();
    match along * along == patches && (1..=MAX_SIZE).contains(&patches) {
        true => Ok(along),
        false => {
            let expected = format!("a square number, at most {MAX_SIZE}");
            let field = "vision_config.num_patches";
            Err(invalid(file, field, patches, expected))
        }
    }
}

fn image(vision: &VisionConfig, edition: Edition) -> PatchShape {
    PatchShape {
        image_size: [vision.image_size; 2],
        any_size: edition == Edition::NaFlex,
        patch_size: vision.patch_size,
        depth: vision.num_hidden_layers,
        block: BlockShape {
            width: vision.hidden_size,
            inner: vision.intermediate_size,
            heads: vision.num_attention_heads,
            activation: vision.hidden_act,
            epsilon: vision.layer_norm_eps,
        },
        form: BlockForm::default(),
        class_token: false,
        patch_bias: true,
        pre_norm: false,
        pool: PatchPool::Attention {
            inner: vision.intermediate_size,
        },
        norm: OutputNorm::BeforePooling,
        output: OutputShape::projection(ProjectionShape::None),
    }
}

fn caption(text: &TextConfig, output: usize) -> TokenShape {
    TokenShape {
        vocabulary: text.vocab_size,
        table: text.max_position_embeddings,
        first_position: 0,
        positions: text.max_position_embeddings,
        depth: text.num_hidden_layers,
        block: BlockShape {
            width: text.hidden_size,
            inner: text.intermediate_size,
            heads: text.num_attention_heads,
            activation: text.hidden_act,
            epsilon: text.layer_norm_eps,
        },
        form: BlockForm::default(),
        types: 0,
        embedding_norm: false,
        final_norm: true,
        sight: TextSight::All,
        pool: TextPool::Last,
        output: OutputShape::projection(ProjectionShape::Linear { output, bias: true }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_keys_are_those_of_the_base_model() {
        for (edition, any_size, image_size) in [
            (Edition::Fixed, false, [224, 224]),
            (Edition::NaFlex, true, [256, 256]),
        ] {
            let config = SiglipConfig::from_json(b"{}", "config.json", edition).unwrap();
            assert_eq!(config.image.any_size, any_size);
            assert_eq!(config.image.image_size, image_size);
            assert_eq!(config.image.patch_size, 16);
            assert_eq!((config.text.vocabulary, config.text.positions), (32000, 64));
        }
    }

    #[test]
    fn a_table_of_positions_that_is_no_square_is_refused() {
        for (found, needle) in [
            ("15", "num_patches is 15"),
            ("0", "num_patches is 0"),
            ("18446744073709551615", "num_patches"),
            ("1099511627776", "at most 16777216"),
        ] {
            let json = format!(r#"{{"vision_config": {{"num_patches": {found}}}}}"#);
            let error = SiglipConfig::from_json(json.as_bytes(), "c.json", Edition::NaFlex);
            let error = error.err().unwrap().to_string();
            assert!(
                error.contains(needle) && error.contains("c.json"),
                "{error}"
            );
        }
    }
}
