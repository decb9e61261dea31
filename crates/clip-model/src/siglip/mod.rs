//! SigLIP, and SigLIP 2 at a fixed size and at any (NaFlex): no class token, an attention that reads the
//! patches out, a text tower whose tokens all see each other and the padding, and a bias to the cosines.

mod config;

pub(crate) use config::{Edition, SiglipConfig};

use burn::tensor::Device;

use crate::checkpoint::Checkpoint;
use crate::naming;
use crate::patch_tower::PatchTower;
use crate::token_tower::TokenTower;
use crate::towers::{Scales, Towers};
use crate::trainable::{LOGIT_BIAS, LOGIT_SCALE, Trainable};
use crate::weights::{Naming, Part, Weights};
use crate::{Result, initial};

/// A model with random weights, the same for the same seed on every backend.
///
/// The towers' are as large as [`random_clip`](crate::clip::random_clip) draws them; the scale starts
/// at 10 and the bias at −10, as in the paper (Zhai et al. 2023).
pub(crate) fn random_siglip(config: &SiglipConfig, seed: u64, device: &Device) -> Trainable {
    let (image, text) = (config.image.clone(), config.text.clone());
    let deviation = move |name: &str| match name {
        LOGIT_SCALE => (0.0, 10f32.ln()),
        LOGIT_BIAS => (0.0, -10.0),
        "text_model.embeddings.token_embedding.weight" => (0.02, 0.0),
        "text_model.embeddings.position_embedding.weight" => (0.01, 0.0),
        _ if name.starts_with("text") => initial::deviation(name, text.block.width, text.depth),
        _ => initial::deviation(name, image.block.width, image.depth),
    };
    let mut weights = Weights::random(Box::new(deviation), seed, device);
    let image = PatchTower::load(&mut weights, &config.image);
    let text = TokenTower::load(&mut weights, &config.text);
    let scales = Scales::read(&mut weights, true);
    let towers = Towers::finish(image, text, scales, weights);
    let towers = towers.and_then(|towers| Trainable::of_towers(towers, "random"));
    towers.expect("random weights fit any configuration")
}

/// Reads the towers out of files that are open.
pub(crate) fn towers(
    config: &SiglipConfig,
    mut checkpoint: Checkpoint,
    device: &Device,
) -> Result<Towers> {
    checkpoint.has_marked("vision_model.head.probe")?;
    // A dense layer over a patch's pixels, where others have a convolution.
    let dense = config.image.any_size;
    let naming = Naming {
        ignored: &[],
        locate: Box::new(move |name| match name {
            "vision_model.embeddings.patch_embedding.weight" if dense => {
                (name.to_owned(), Part::ChannelsLast)
            }
            name => naming::SIGLIP.locate(name),
        }),
    };
    let mut weights = Weights::named(checkpoint, Some(naming), device);
    let image = PatchTower::load(&mut weights, &config.image);
    let text = TokenTower::load(&mut weights, &config.text);
    let scales = Scales::read(&mut weights, true);
    Towers::finish(image, text, scales, weights)
}
