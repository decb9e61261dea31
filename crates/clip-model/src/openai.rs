//! OpenAI's own state dicts and fine-tunes of them: no configuration, all sizes follow from the weights.

use std::path::Path;

use burn::tensor::Device;

use crate::checkpoint::Checkpoint;
use crate::clip::{self, ClipConfig, Pooling, TextConfig, VisionConfig};
use crate::naming::{self, is_image};
use crate::towers::Towers;
use crate::weights::{Naming, Weights};
use crate::{Activation, Error, Result, TensorProblem};

/// A tensor by which an OpenAI state dict is known.
const MARK: &str = "visual.conv1.weight";
/// Features of a head, in both towers of all sizes.
const HEAD: usize = 64;

/// The naming of both towers.
pub(crate) fn naming() -> Naming {
    Naming {
        ignored: &[
            "input_resolution",
            "context_length",
            "vocab_size",
            "attn_mask",
        ],
        locate: Box::new(|name| match is_image(name) {
            true => naming::OPENAI_IMAGE.locate(name),
            false => naming::OPENAI_TEXT.locate(name),
        }),
    }
}

/// Whether files follow this naming.
///
/// # Errors
/// [`Error::TwoModels`] where it cannot be told what stands before the names.
pub(crate) fn follows(checkpoint: &mut Checkpoint) -> Result<bool> {
    checkpoint.has_marked(MARK)
}

/// Reads the towers out of files that are open.
pub(crate) fn towers(mut checkpoint: Checkpoint, device: &Device) -> Result<Towers> {
    let config = config(&mut checkpoint)?;
    let weights = Weights::named(checkpoint, Some(naming()), device);
    clip::read(&config, Pooling::LargestId, weights)
}

/// The dimensions of both towers.
///
/// # Errors
/// [`Error::Unsupported`] for files that are no state dict of OpenAI's vision transformers.
pub(crate) fn config(checkpoint: &mut Checkpoint) -> Result<ClipConfig> {
    if checkpoint.has_marked("visual.layer1.0.conv1.weight")? {
        return Err(Error::Unsupported {
            file: checkpoint.name(),
            found: "a ResNet (visual.layer1)".into(),
            expected: "a vision transformer",
        });
    }
    if !checkpoint.has_marked(MARK)? {
        let file = checkpoint.name();
        let folder = Path::new(&file).parent().unwrap_or(Path::new("."));
        return Err(Error::MissingFile {
            folder: folder.into(),
            file: "config.json",
            hint: format!(
                "it is needed beside {file}, which is no state dict of OpenAI's (it has no {MARK})"
            ),
        });
    }
    by_shapes(checkpoint)
}

fn by_shapes(checkpoint: &Checkpoint) -> Result<ClipConfig> {
    let missing = |name: &str| Error::Tensors {
        file: checkpoint.name(),
        problems: vec![TensorProblem::Missing { name: name.into() }],
        unused: Vec::new(),
    };
    let shape = |name: &str, sides: usize| {
        let shape = checkpoint.shape(name);
        let shape = shape.filter(|shape| shape.len() == sides && !shape.contains(&0));
        shape.map(<[usize]>::to_vec).ok_or_else(|| missing(name))
    };
    let patches = shape(MARK, 4)?;
    let (width, patch) = (patches[0], patches[3]);
    let places = shape("visual.positional_embedding", 2)?[0];
    let side = (places - 1).isqrt();
    if side == 0 || side * side + 1 != places {
        return Err(Error::Unsupported {
            file: checkpoint.name(),
            found: format!("visual.positional_embedding of {places} places"),
            expected: "one more than a square, of the patches behind a class token",
        });
    }
    let tokens = shape("token_embedding.weight", 2)?;
    let inner = |blocks: &str| -> Result<usize> {
        Ok(shape(&format!("{blocks}.0.mlp.c_fc.weight"), 2)?[0])
    };
    let (image, text) = ("visual.transformer.resblocks", "transformer.resblocks");
    for (width, name) in [(width, MARK), (tokens[1], "token_embedding.weight")] {
        if !width.is_multiple_of(HEAD) {
            return Err(Error::Unsupported {
                file: checkpoint.name(),
                found: format!("{name} of width {width}"),
                expected: "a multiple of 64, the width of a head in OpenAI's models",
            });
        }
    }
    Ok(ClipConfig {
        vision: VisionConfig {
            hidden_size: width,
            intermediate_size: inner(image)?,
            num_hidden_layers: checkpoint.depth(image),
            num_attention_heads: width / HEAD,
            num_channels: 3,
            image_size: side * patch,
            patch_size: patch,
            hidden_act: Activation::QuickGelu,
            layer_norm_eps: 1e-5,
        },
        text: TextConfig {
            vocab_size: tokens[0],
            hidden_size: tokens[1],
            intermediate_size: inner(text)?,
            num_hidden_layers: checkpoint.depth(text),
            num_attention_heads: tokens[1] / HEAD,
            max_position_embeddings: shape("positional_embedding", 2)?[0],
            hidden_act: Activation::QuickGelu,
            layer_norm_eps: 1e-5,
            // As conversions have it: the largest id is read out.
            eos_token_id: 2,
        },
        projection_dim: shape("text_projection", 2)?[1],
    })
}
