//! open_clip's layout: `open_clip_config.json`, with towers of its own, of timm, or of Hugging Face.

mod config;
mod hf_text;
mod own;
mod timm;

pub(crate) use config::ModelConfig;

use burn::tensor::Device;

use crate::checkpoint::Checkpoint;
use crate::files::TowerFiles;
use crate::naming::{is_image, is_text};
use crate::patch_tower::{PatchShape, PatchTower};
use crate::token_tower::{TokenShape, TokenTower};
use crate::towers::{Scales, Towers};
use crate::weights::{Locate, Naming, Weights};
use crate::{Error, Result};

/// One tower's dimensions, and the names of its tensors.
struct Side<Shape> {
    shape: Shape,
    locate: Locate,
}

/// How captions are wanted.
pub(crate) struct Captions {
    pub(crate) positions: usize,
    /// Where the configuration says it.
    pub(crate) vocabulary: Option<usize>,
    /// Whether they are cleaned as SigLIP's.
    pub(crate) canonical: bool,
    /// Whether they are read with all of their padding.
    pub(crate) padded: bool,
    /// Whether open_clip's own tokenizer is meant, which fills up with 0.
    pub(crate) own_tokenizer: bool,
    /// Whether the token behind them becomes padding.
    pub(crate) endless: bool,
    /// Whether the token behind them is what is read out.
    pub(crate) framed: bool,
}

/// What the configuration says of captions.
pub(crate) fn captions(config: &ModelConfig, files: &TowerFiles) -> Result<Captions> {
    let file = files.config.name();
    let text = &config.text_cfg;
    let options = &text.tokenizer_kwargs;
    let (padded, framed) = match text.hf_model_name {
        Some(_) => (false, false),
        None => {
            let shape = own::text(config, &file)?;
            let framed = matches!(shape.pool, crate::token_tower::TextPool::End(_));
            (shape.reads_padding(), framed)
        }
    };
    Ok(Captions {
        positions: match text.hf_model_name {
            // As many as its table has, which only its weights or its own configuration say.
            Some(_) => hf_text::positions(config, files)?,
            None => text.context_length,
        },
        vocabulary: text.hf_model_name.is_none().then_some(text.vocab_size),
        canonical: options.clean.as_deref() == Some("canonicalize"),
        padded,
        own_tokenizer: text.hf_tokenizer_name.is_none() && text.hf_model_name.is_none(),
        endless: options.strip_sep_token,
        framed,
    })
}

/// Reads both towers.
///
/// # Errors
/// What is wrong with the configuration or the weights, by file.
pub(crate) fn towers(files: &TowerFiles, device: &Device) -> Result<Towers> {
    let file = files.config.name();
    let config = ModelConfig::from_json(&files.config.read()?, &file)?;
    // What the configuration says of itself comes before the weights are opened.
    let own_image = match config.vision_cfg.timm_model_name {
        Some(_) => None,
        None => Some(own::image(&config, &file)?),
    };
    let own_text = match config.text_cfg.hf_model_name {
        Some(_) => None,
        None => Some(own::text(&config, &file)?),
    };
    let mut checkpoint = files.checkpoint()?;
    find_prefix(&mut checkpoint)?;
    let image = match own_image {
        Some(shape) => own::image_names(shape),
        None => timm::image(&config, files, &checkpoint)?,
    };
    let text = match own_text {
        Some(shape) => own::text_names(shape, &checkpoint),
        None => hf_text::text(&config, files, &checkpoint)?,
    };
    let has_bias = config.has_bias();
    let (shapes, naming) = named(image, text);
    let mut weights = Weights::named(checkpoint, Some(naming), device);
    let image = PatchTower::load(&mut weights, &shapes.0);
    let text = TokenTower::load(&mut weights, &shapes.1);
    let scales = Scales::read(&mut weights, has_bias);
    Towers::finish(image, text, scales, weights)
}

fn named(image: Side<PatchShape>, text: Side<TokenShape>) -> ((PatchShape, TokenShape), Naming) {
    let (of_image, of_text) = (image.locate, text.locate);
    let locate = move |name: &str| match name {
        name if is_image(name) => of_image(name),
        name if is_text(name) => of_text(name),
        name => (name.to_owned(), crate::weights::Part::Whole),
    };
    let naming = Naming {
        ignored: &["attn_mask"],
        locate: Box::new(locate),
    };
    ((image.shape, text.shape), naming)
}

/// Finds what stands before every name, by what any image tower has.
fn find_prefix(checkpoint: &mut Checkpoint) -> Result<()> {
    if checkpoint.has_marked("visual.layer1.0.conv1.weight")? {
        return Err(Error::Unsupported {
            file: checkpoint.name(),
            found: "a ResNet (visual.layer1)".into(),
            expected: "a vision transformer",
        });
    }
    for mark in [
        "visual.conv1.weight",
        "visual.trunk.patch_embed.proj.weight",
    ] {
        if checkpoint.has_marked(mark)? {
            break;
        }
    }
    Ok(())
}
