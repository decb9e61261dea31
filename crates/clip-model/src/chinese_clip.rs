//! Chinese-CLIP: CLIP's image tower, and a BERT that is read out at its first token.

use burn::tensor::Device;
use clip_input::json_object;
use serde::Deserialize;

use crate::Result;
use crate::bert::BertConfig;
use crate::checked::positive;
use crate::checkpoint::Checkpoint;
use crate::clip::VisionConfig;
use crate::naming;
use crate::output::{OutputShape, ProjectionShape};
use crate::patch_tower::{PatchShape, PatchTower};
use crate::token_tower::{TextPool, TokenShape, TokenTower};
use crate::towers::{Scales, Towers};
use crate::weights::{Naming, Part, Weights};

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    text_config: BertConfig,
    projection_dim: Option<usize>,
}

/// Both towers' dimensions.
pub(crate) struct ChineseClipConfig {
    pub(crate) image: PatchShape,
    pub(crate) text: TokenShape,
}

impl ChineseClipConfig {
    /// Parses `config.json`: absent keys take the defaults of transformers' `ChineseCLIPConfig`.
    ///
    /// # Errors
    /// [`Error::Input`](crate::Error::Input) for values that make no model, by key.
    pub(crate) fn from_json(json: &[u8], file: &str) -> Result<Self> {
        let raw: Raw = json_object(json, file)?;
        let output = positive(file, "projection_dim", raw.projection_dim.unwrap_or(512))?;
        let projection = ProjectionShape::Linear {
            output,
            bias: false,
        };
        let vision = VisionConfig::section_of(json, file)?;
        let text = raw.text_config.check(file, "text_config.vocab_size")?;
        let text = text.shape(None, TextPool::First, OutputShape::projection(projection));
        Ok(Self {
            image: PatchShape::of_clip(&vision, output),
            text,
        })
    }
}

/// Reads the towers out of files that are open.
pub(crate) fn towers(
    config: &ChineseClipConfig,
    mut checkpoint: Checkpoint,
    device: &Device,
) -> Result<Towers> {
    checkpoint.has_marked("text_model.embeddings.word_embeddings.weight")?;
    let locate = |name: &str| match name.starts_with("text_model.") {
        true => {
            let (theirs, part) = naming::BERT.locate(name);
            (format!("text_model.{theirs}"), part)
        }
        false => (name.to_owned(), Part::Whole),
    };
    let naming = Naming {
        // BERT's pooler is in published files, and in no forward pass.
        ignored: &[
            "text_model.pooler.dense.weight",
            "text_model.pooler.dense.bias",
        ],
        locate: Box::new(locate),
    };
    let mut weights = Weights::named(checkpoint, Some(naming), device);
    let image = PatchTower::load(&mut weights, &config.image);
    let text = TokenTower::load(&mut weights, &config.text);
    let scales = Scales::read(&mut weights, false);
    Towers::finish(image, text, scales, weights)
}
