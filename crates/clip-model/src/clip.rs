//! Both towers with the scale between them.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use clip_input::{Content, Pixels};

use crate::checkpoint::Checkpoint;
use crate::{ClipConfig, ImageTower, ModelFiles, Precision, Result, TextTower};

/// A CLIP model's weights, ready to run.
#[derive(Debug, Clone)]
pub struct Clip {
    /// The image tower.
    pub image: ImageTower,
    /// The text tower.
    pub text: TextTower,
    /// exp(logit_scale): what cosine similarities are multiplied with before a softmax.
    pub logit_scale: f32,
    /// The dimensions.
    pub config: ClipConfig,
    pub(crate) fingerprint: String,
    device: Device,
    precision: Precision,
}

impl Clip {
    /// Loads configuration and weights of a Hugging Face folder; no tokenizer or preprocessor is
    /// needed (see [`Pretrained`](crate::Pretrained) for the whole).
    ///
    /// # Errors
    /// Whatever is missing or malformed, by file.
    pub fn load(folder: impl AsRef<std::path::Path>, device: &Device) -> Result<Self> {
        let folder = folder.as_ref();
        let config = ModelFiles::config_in(folder)?;
        Self::from_parts(&config, &ModelFiles::weights_in(folder)?, device)
    }

    /// Loads from a configuration and one or more weight files.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_parts(config: &Content, weights: &[Content], device: &Device) -> Result<Self> {
        let config = ClipConfig::from_json(&config.read()?, &config.name())?;
        Self::read(config, Checkpoint::open(weights, device)?)
    }

    pub(crate) fn read(config: ClipConfig, mut weights: Checkpoint) -> Result<Self> {
        let image = ImageTower::load(&mut weights, &config.vision, config.projection_dim);
        let text = TextTower::load(&mut weights, &config.text, config.projection_dim);
        let logit_scale = weights.scalar("logit_scale").exp();
        let device = weights.device().clone();
        let fingerprint = weights.finish()?;
        Ok(Self {
            image,
            text,
            logit_scale,
            config,
            fingerprint,
            device,
            precision: Precision::F32,
        })
    }

    /// This model with the last `blocks` blocks of both towers taken from `other` (all of them in a
    /// tower of fewer); final norms and projections stay its own. Nothing is copied.
    ///
    /// With [random](crate::random_clip) blocks: what does not depend on them cannot depend on what
    /// the model learnt there (Adebayo et al., *Sanity Checks for Saliency Maps*, 2018).
    ///
    /// # Errors
    /// [`Config`](clip_input::Error::Config) if `other` has other dimensions.
    pub fn with_last_blocks_of(&self, other: &Self, blocks: usize) -> crate::Result<Self> {
        if self.config != other.config {
            return Err(clip_input::Error::Config {
                file: "the other model".into(),
                field: "config",
                found: format!("{:?}", other.config),
                expected: format!("{:?}", self.config),
            }
            .into());
        }
        let mut changed = self.clone();
        let towers = [
            (&mut changed.image.encoder, &other.image.encoder),
            (&mut changed.text.encoder, &other.text.encoder),
        ];
        for (encoder, other) in towers {
            let kept = encoder.depth().saturating_sub(blocks);
            let on_host = encoder
                .layers
                .first()
                .is_some_and(|block| block.mlp.on_host);
            for (block, other) in encoder.layers.iter_mut().zip(&other.layers).skip(kept) {
                *block = other.clone();
                block.computes_on_host(on_host);
                block.set_precision(self.precision);
            }
        }
        let (own, other) = (&self.fingerprint, &other.fingerprint);
        changed.fingerprint = format!("{own}, last {blocks} blocks of {other}");
        Ok(changed)
    }

    /// Identifies the weights: hexadecimal digits that differ between models, equal for the same
    /// weights in any file layout.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The device the weights are on.
    pub fn device(&self) -> Device {
        self.device.clone()
    }

    /// A preprocessed image as the image tower takes it, on the model's device.
    ///
    /// # Shapes
    /// - output: `[1, 3, height, width]`
    pub fn pixels(&self, pixels: &Pixels) -> Tensor<4> {
        let shape = [1, 3, pixels.height, pixels.width];
        Tensor::from_data(TensorData::new(pixels.values.clone(), shape), &self.device)
    }

    /// Stores the matrices of both towers in another format, and multiplies by them in it. Sums,
    /// norms, softmax and everything between two layers stay f32, and so do embeddings and
    /// gradients; a way back is scaled so that no f16 underflows.
    ///
    /// Half the memory, and faster on devices with units for it; slower on most CPUs.
    /// Going back to f32 does not bring lost digits back.
    ///
    /// # Errors
    /// [`Error::Precision`](crate::Error::Precision) if the device does not have it.
    pub fn set_precision(&mut self, precision: Precision) -> Result<()> {
        precision.check(&self.device)?;
        self.image.set_precision(precision);
        self.text.set_precision(precision);
        self.precision = precision;
        Ok(())
    }

    /// The format of the matrices: f32 unless it was [set](Self::set_precision).
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Says whether the device's tensors lie in host memory, where chains of elementwise operations
    /// can be single loops. Where they do not, results are the same but each such loop costs two
    /// transfers.
    pub fn computes_on_host(&mut self, yes: bool) {
        let blocks = self.image.encoder.layers.iter_mut();
        let blocks = blocks.chain(&mut self.text.encoder.layers);
        blocks.for_each(|block| block.computes_on_host(yes));
    }

    /// Parameters of both towers.
    pub fn parameters(&self) -> usize {
        // The logit scale is the one parameter outside the towers.
        self.image.num_params() + self.text.num_params() + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random_clip;

    fn tiny(seed: u64) -> Clip {
        let json = br#"{"projection_dim": 6, "vision_config": {"hidden_size": 8,
            "intermediate_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2,
            "image_size": 4, "patch_size": 2}, "text_config": {"vocab_size": 5, "hidden_size": 4,
            "num_attention_heads": 1, "num_hidden_layers": 1, "intermediate_size": 4}}"#;
        let config = ClipConfig::from_json(json, "config.json").unwrap();
        random_clip(config, seed, &m2ib_cpu::flex())
    }

    #[test]
    fn the_last_blocks_are_the_others_and_the_first_its_own() {
        let (own, other) = (tiny(1), tiny(2));
        let mixed = own.with_last_blocks_of(&other, 1).unwrap();
        let x = Tensor::<3>::ones([1, 5, 8], &own.device());
        let value = |clip: &Clip, range| {
            let out = clip.image.blocks(range, x.clone());
            out.try_into_vec_as::<f32>().unwrap()
        };
        assert_eq!(value(&mixed, 0..2), value(&own, 0..2));
        assert_eq!(value(&mixed, 2..3), value(&other, 2..3));
        assert_ne!(mixed.fingerprint(), own.fingerprint());
        // A tower of one block has no more to give.
        let all = own.with_last_blocks_of(&other, 9).unwrap();
        assert_eq!(value(&all, 0..3), value(&other, 0..3));
    }
}
