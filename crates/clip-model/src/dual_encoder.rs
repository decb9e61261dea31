//! A model as a whole: both towers, tokenizer and preprocessing that belong together.

use std::sync::{Arc, OnceLock};

use burn::tensor::{Device, Tensor, TensorData};
use clip_input::{Caption, CaptionTokenizer, Digest, ImageProcessor, Layout, Pixels, View};

use crate::{
    CaptionBank, Encoder, Error, ImageTower, Note, Origin, Precision, Result, TextTower, Towers,
};

/// Everything needed to embed image files and captions, of any family.
///
/// Its parts cannot be exchanged: the [identity](Self::identity) taken of them when they were
/// brought together holds as long as the model lives.
#[derive(Debug, Clone)]
pub struct DualEncoder {
    name: String,
    image: Arc<dyn ImageTower>,
    text: Arc<dyn TextTower>,
    scale: f32,
    bias: Option<f32>,
    tokenizer: CaptionTokenizer,
    processor: ImageProcessor,
    device: Device,
    identity: Digest,
    /// What it was before its input size was changed.
    unresized: Option<Digest>,
    notes: Vec<Note>,
    origin: Option<Origin>,
    /// Made when it is first asked for.
    bank: Arc<OnceLock<CaptionBank>>,
}

/// What makes a [`DualEncoder`].
#[derive(Debug)]
pub struct Parts {
    /// What the model is called in reports.
    pub name: String,
    /// The image tower.
    pub image: Arc<dyn ImageTower>,
    /// The text tower.
    pub text: Arc<dyn TextTower>,
    /// What cosine similarities are multiplied with before a softmax.
    pub scale: f32,
    /// Captions to ids.
    pub tokenizer: CaptionTokenizer,
    /// Images to pixels.
    pub processor: ImageProcessor,
    /// The device the towers are on.
    pub device: Device,
}

impl DualEncoder {
    /// Brings parts together, and takes the model's identity.
    pub fn new(parts: Parts) -> Self {
        let Parts {
            name,
            image,
            text,
            scale,
            tokenizer,
            processor,
            device,
        } = parts;
        // Heads, activations and the ε of norms are in no weight.
        let shapes = [image.encoder().shape(), text.encoder().shape()];
        let identity = Digest::of([
            format!("{shapes:?}").as_bytes(),
            image.digest().as_bytes(),
            image.describe().as_bytes(),
            text.digest().as_bytes(),
            text.describe().as_bytes(),
            &scale.to_le_bytes(),
            tokenizer.digest().as_bytes(),
            processor.digest().as_bytes(),
        ]);
        Self {
            name,
            image,
            text,
            scale,
            bias: None,
            tokenizer,
            processor,
            device,
            identity,
            unresized: None,
            notes: Vec::new(),
            origin: None,
            bank: Arc::default(),
        }
    }

    /// Brings towers together with what belongs around them.
    pub fn of_towers(
        name: String,
        towers: Towers,
        tokenizer: CaptionTokenizer,
        processor: ImageProcessor,
    ) -> Self {
        let (bias, notes) = (towers.bias, towers.notes);
        let model = Self::new(Parts {
            name,
            image: towers.image,
            text: towers.text,
            scale: towers.scale,
            tokenizer,
            processor,
            device: towers.device,
        });
        let model = match bias {
            Some(bias) => model.with_bias(bias),
            None => model,
        };
        model.with_notes(notes)
    }

    /// The same model, trained to say of each pair by itself whether it belongs together: by the
    /// sigmoid of scale · cosine + bias.
    pub fn with_bias(self, bias: f32) -> Self {
        let identity = Digest::of([self.identity.as_bytes(), b"bias", &bias.to_le_bytes()]);
        Self {
            bias: Some(bias),
            identity,
            ..self
        }
    }

    /// How likely a pair of such a cosine belongs together, 0..1, if the model was trained to say so
    /// of each pair by itself.
    pub fn probability(&self, cosine: f32) -> Option<f32> {
        let logit = self.scale * cosine + self.bias?;
        Some(1.0 / (1.0 + (-logit).exp()))
    }

    /// What is added to multiples of cosines, where the model has [a probability](Self::probability)
    /// of each pair.
    pub fn bias(&self) -> Option<f32> {
        self.bias
    }

    /// The embeddings of captions of other things, which a pair's similarity is held against: those of
    /// [`with_bank`](Self::with_bank), or else of those given the first time, ever after.
    ///
    /// # Errors
    /// What the text tower says.
    pub fn bank<T: AsRef<str>>(&self, captions: impl FnOnce() -> Vec<T>) -> Result<&CaptionBank> {
        if let Some(bank) = self.bank.get() {
            return Ok(bank);
        }
        let bank = CaptionBank::of(self, captions())?;
        Ok(self.bank.get_or_init(|| bank))
    }

    /// The same with these captions as its [`bank`](Self::bank).
    ///
    /// # Errors
    /// What the text tower says.
    pub fn with_bank<T: AsRef<str>>(&self, captions: impl IntoIterator<Item = T>) -> Result<Self> {
        let bank = CaptionBank::of(self, captions)?;
        Ok(Self {
            bank: Arc::new(OnceLock::from(bank)),
            ..self.clone()
        })
    }

    /// The same, with what its user should know of its files.
    pub fn with_notes(self, notes: Vec<Note>) -> Self {
        Self { notes, ..self }
    }

    /// The same, with what its files turned out to be.
    pub(crate) fn with_origin(self, origin: Origin) -> Self {
        Self {
            origin: Some(origin),
            ..self
        }
    }

    /// What its files turned out to be, where it comes from files.
    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// What was passed over when its files were loaded.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// What the model is called in reports.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The image tower.
    pub fn image(&self) -> &dyn ImageTower {
        &*self.image
    }

    /// The text tower.
    pub fn text(&self) -> &dyn TextTower {
        &*self.text
    }

    /// What cosine similarities are multiplied with before a softmax.
    pub fn scale(&self) -> f32 {
        self.scale
    }

    /// Captions to ids.
    pub fn tokenizer(&self) -> &CaptionTokenizer {
        &self.tokenizer
    }

    /// The id that takes the place of tokens that are taken away: the tokenizer's padding token or,
    /// where it has none, the end token, which CLIP's own processor pads with. None without either.
    pub fn pad_id(&self) -> Option<i64> {
        self.tokenizer.pad_id().or(self.tokenizer.end_id())
    }

    /// Images to pixels.
    pub fn processor(&self) -> &ImageProcessor {
        &self.processor
    }

    /// The device the weights are on.
    pub fn device(&self) -> Device {
        self.device.clone()
    }

    /// Tells the model from every other: a digest of all its weights, whatever files they came in,
    /// of the tokenizer and the preprocessing, and of how tokens are laid out and read.
    pub fn identity(&self) -> Digest {
        self.identity
    }

    /// Parameters of both towers.
    pub fn parameters(&self) -> usize {
        // Scale and bias are the parameters outside the towers.
        let around = 1 + usize::from(self.bias.is_some());
        self.image.parameters() + self.text.parameters() + around
    }

    /// Rows and columns of patches, where they are the same for every image.
    pub fn grid(&self) -> Option<[usize; 2]> {
        let (width, height) = self.processor.output_size()?;
        let layout = self.image.layout([height as usize, width as usize]);
        layout.ok()?.grid
    }

    /// The image tower's tokens for a preprocessed image.
    ///
    /// # Errors
    /// [`Error::Input`] if preprocessing makes images of a size that the tower does not take; it
    /// names the file and the key.
    pub fn image_layout(&self, pixels: &Pixels) -> Result<Layout> {
        let size = [pixels.height, pixels.width];
        self.image.layout(size).map_err(|error| {
            if let Error::PixelShape { expected, .. } = &error
                && let [.., height, width] = expected[..]
                && [height, width] != size
            {
                return self.processor.misfit(size, [height, width]).into();
            }
            error
        })
    }

    /// How much of a preprocessed image patches cover, from the top and the left, in pixels
    /// `[height, width]`, and what of the original that is: 14-pixel patches leave 6 of 384 out.
    pub fn covered(&self, pixels: &Pixels, layout: &Layout) -> ([usize; 2], View) {
        let whole = [pixels.height, pixels.width];
        let (patch, grid) = (self.image.patch(), layout.grid.unwrap_or([0; 2]));
        let part = [0, 1].map(|side| grid[side] * patch[side]);
        match part.contains(&0) {
            true => (whole, pixels.view),
            false => (part, pixels.view.from_corner(part, whole)),
        }
    }

    /// A preprocessed image as the image tower takes it, on the model's device.
    ///
    /// # Shapes
    /// - output: `[1, 3, height, width]`
    ///
    /// # Errors
    /// [`Error::PixelShape`] for another number of values than the image's sides tell.
    pub fn pixels(&self, pixels: &Pixels) -> Result<Tensor<4>> {
        let shape = [1, 3, pixels.height, pixels.width];
        let expected = shape
            .iter()
            .try_fold(1usize, |n, &side| n.checked_mul(side));
        if expected != Some(pixels.values.len()) {
            return Err(Error::PixelShape {
                found: vec![pixels.values.len()],
                expected: shape[1..].to_vec(),
            });
        }
        let data = TensorData::new(pixels.values.clone(), shape);
        Ok(Tensor::from_data(data, &self.device))
    }

    /// Embeds preprocessed images of one size, not normalised.
    ///
    /// # Shapes
    /// - pixels: `[batch, 3, height, width]`
    /// - output: `[batch, projection]`
    ///
    /// # Errors
    /// [`Error::PixelShape`].
    pub fn embed_pixels(&self, pixels: Tensor<4>) -> Result<Tensor<2>> {
        let [.., height, width] = pixels.dims();
        let layout = self.image.layout([height, width])?;
        Ok(self.image.read_out(0, self.image.embed(pixels)?, &layout))
    }

    /// Embeds a caption, not normalised.
    ///
    /// # Shapes
    /// - output: `[1, projection]`
    ///
    /// # Errors
    /// [`Error::TokenIds`].
    pub fn embed_caption(&self, caption: &Caption) -> Result<Tensor<2>> {
        let layout = self.text.layout(caption)?;
        let embedded = self.text.embed(self.text.ids(&caption.ids())?);
        Ok(self.text.read_out(0, embedded, &layout))
    }

    /// Stores the matrices of both towers in another format, and multiplies by them in it. Sums,
    /// norms, softmax and everything between two layers stay f32, and so do embeddings and
    /// gradients; a way back is scaled so that no f16 underflows.
    ///
    /// Half the memory, and faster on devices with units for it; slower on most CPUs.
    /// Going back to f32 does not bring lost digits back.
    ///
    /// # Errors
    /// [`Error::Precision`] if the device does not have it.
    pub fn set_precision(&mut self, precision: Precision) -> Result<()> {
        precision.check(&self.device)?;
        self.image = self.image.with_precision(precision);
        self.text = self.text.with_precision(precision);
        Ok(())
    }

    /// This model for square images of `side` pixels, a multiple of its patches': a finer grid of the same
    /// patches. The positions that it learnt are resized as open_clip does (bicubic, with antialiasing),
    /// and images are preprocessed to that size. It is another model, with calibrations of its own.
    ///
    /// # Errors
    /// [`Error::InputSize`] for a side that it cannot take, or a family whose positions cannot be
    /// resized; [`Error::Input`] where the preprocessing says no size.
    pub fn with_input_size(&self, side: usize) -> Result<Self> {
        let image = self.image.with_input_size(side)?;
        let processor = self.processor.with_output_size(side as u32)?;
        let (from, to) = (self.identity.as_bytes(), side.to_le_bytes());
        Ok(Self {
            identity: Digest::of([from, &to]),
            unresized: self.unresized.or(Some(self.identity)),
            image,
            processor,
            ..self.clone()
        })
    }

    /// The identity of the model before its [input size](Self::with_input_size) was changed.
    pub fn unresized_identity(&self) -> Digest {
        self.unresized.unwrap_or(self.identity)
    }

    /// The format of the matrices: f32 unless it was [set](Self::set_precision).
    pub fn precision(&self) -> Precision {
        self.image.encoder().precision()
    }

    /// Says whether the device's tensors lie in host memory, where chains of elementwise operations
    /// can be single loops. Where they do not, results are the same but each such loop costs two
    /// transfers.
    pub fn computes_on_host(&mut self, yes: bool) {
        let image = self.image.encoder().computing_on_host(yes);
        let text = self.text.encoder().computing_on_host(yes);
        self.image = self.image.with_encoder(image);
        self.text = self.text.with_encoder(text);
    }

    /// This model with the last `blocks` blocks of both towers taken from `other`, which is
    /// [like it](Self::untrained) (all of them in a tower of fewer); final norms and projections
    /// stay its own. Nothing is copied.
    ///
    /// With blocks that learnt nothing: what does not depend on them cannot depend on what the
    /// model learnt there (Adebayo et al., *Sanity Checks for Saliency Maps*, 2018).
    ///
    /// # Errors
    /// [`Error::Blocks`] if `other` has other dimensions.
    pub fn with_last_blocks_of(&self, other: &Self, blocks: usize) -> Result<Self> {
        let mixed = |own: &Encoder, other: &Encoder| {
            let (expected, found) = (own.shape(), other.shape());
            if (expected, own.depth()) != (found, other.depth()) {
                return Err(Error::Blocks {
                    found: format!("{} of {found:?}", other.depth()),
                    expected: format!("{} of {expected:?}", own.depth()),
                });
            }
            Ok(own.with_last_of(other, blocks))
        };
        let image = mixed(self.image.encoder(), other.image.encoder())?;
        let text = mixed(self.text.encoder(), other.text.encoder())?;
        let count = (blocks as u64).to_le_bytes();
        let identity = Digest::of([self.identity.as_bytes(), other.identity.as_bytes(), &count]);
        Ok(self.with_encoders(image, text, identity))
    }

    /// The same with other blocks, which make it another model.
    pub(crate) fn with_encoders(&self, image: Encoder, text: Encoder, identity: Digest) -> Self {
        Self {
            image: self.image.with_encoder(image),
            text: self.text.with_encoder(text),
            identity,
            bank: Arc::default(),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use clip_input::Content;

    use super::*;
    use crate::clip::{ClipConfig, random_clip};

    const WORDS: &[u8] = br#"{"version": "1.0", "added_tokens": [],
        "model": {"type": "WordLevel", "unk_token": "a", "vocab": {"a": 0, "b": 1}}}"#;

    fn tiny(seed: u64) -> DualEncoder {
        let json = br#"{"projection_dim": 6, "vision_config": {"hidden_size": 8,
            "intermediate_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2,
            "image_size": 4, "patch_size": 2}, "text_config": {"vocab_size": 5, "hidden_size": 4,
            "num_attention_heads": 1, "num_hidden_layers": 1, "intermediate_size": 4}}"#;
        let config = ClipConfig::from_json(json, "config.json").unwrap();
        let tokenizer = Content::bytes("tokenizer.json", WORDS);
        random_clip(config, seed, &m2ib_cpu::flex()).into_model(
            "tiny".into(),
            CaptionTokenizer::load(&tokenizer, 77).unwrap(),
            ImageProcessor::from_json(b"{}", "defaults").unwrap(),
        )
    }

    #[test]
    fn the_last_blocks_are_the_others_and_the_first_its_own() {
        let (own, other) = (tiny(1), tiny(2));
        let mixed = own.with_last_blocks_of(&other, 1).unwrap();
        let x = Tensor::<3>::ones([1, 5, 8], &own.device());
        let layout = own.image().layout([4, 4]).unwrap();
        let value = |model: &DualEncoder, range| {
            let out = model.image().blocks(range, x.clone(), &layout);
            out.try_into_vec_as::<f32>().unwrap()
        };
        assert_eq!(value(&mixed, 0..2), value(&own, 0..2));
        assert_eq!(value(&mixed, 2..3), value(&other, 2..3));
        assert_ne!(mixed.identity(), own.identity());
        // A tower of one block has no more to give.
        let all = own.with_last_blocks_of(&other, 9).unwrap();
        assert_eq!(value(&all, 0..3), value(&other, 0..3));
    }
}
