//! A pair as methods see it: encoded once, open at every block, and scored again when changed.

use burn::tensor::{Int, Tensor, TensorData};
use m2ib::clip_model::{Caption, Pixels, Token, TokenKind};
use m2ib::image::DynamicImage;
use m2ib::m2ib_core::{Fit, Readout, cosine_similarity};
use m2ib::{ImageReadout, Pretrained, TextReadout};
use ndarray::Array2;

use crate::host::host;
use crate::{Error, Result};

/// Pairs whose towers run at once when many are scored.
const BATCH: usize = 32;

/// An image and a caption with their embeddings.
#[derive(Debug, Clone)]
pub struct Subject<'a> {
    model: &'a Pretrained,
    pixels: Pixels,
    caption: Caption,
    /// `[1, tokens, width]`, without positions.
    tokens: Tensor<3>,
    position: usize,
    image: Tensor<2>,
    text: Tensor<2>,
    similarity: f32,
}

/// What a token's embedding becomes when it is masked; its position embedding stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// Zeros.
    Zero,
    /// The mean of the vocabulary's embeddings.
    Mean,
    /// Another token's. CLIP's own tokenizer pads with id 0.
    Id(i64),
}

impl<'a> Subject<'a> {
    /// Encodes a pair.
    ///
    /// # Errors
    /// [`Error::Explainer`] for a caption without words.
    pub fn new(model: &'a Pretrained, image: &DynamicImage, text: &str) -> Result<Self> {
        let caption = model.tokenizer.encode(text)?;
        Self::from_parts(model, model.processor.process(image), caption)
    }

    /// Encodes a preprocessed image and a tokenised caption.
    ///
    /// # Errors
    /// [`Error::Explainer`] for what does not fit the model.
    pub fn from_parts(model: &'a Pretrained, pixels: Pixels, caption: Caption) -> Result<Self> {
        let text = &model.clip.text;
        let tokens = text.look_up(text.ids(&caption.ids())?);
        Self::encode(model, pixels, caption, tokens)
    }

    fn encode(
        model: &'a Pretrained,
        pixels: Pixels,
        caption: Caption,
        tokens: Tensor<3>,
    ) -> Result<Self> {
        let position = model.pooling.position(&caption.ids())?;
        let towers = &model.clip;
        let image = towers.image.forward(pixels.to_tensor(&towers.device()))?;
        let embedded = towers.text.place(tokens.clone());
        let text = towers.text.read_out(0, embedded, position);
        let cosine = cosine_similarity(image.clone(), text.clone());
        Ok(Self {
            model,
            pixels,
            caption,
            tokens,
            position,
            image,
            text,
            similarity: host(cosine, "the similarity")?[0],
        })
    }

    /// The same caption with other pixels, `[3, height, width]`, normalised.
    ///
    /// # Errors
    /// As [`from_parts`](Self::from_parts).
    pub fn with_pixels(&self, values: Vec<f32>) -> Result<Self> {
        let pixels = Pixels {
            values,
            ..self.pixels.clone()
        };
        Self::encode(
            self.model,
            pixels,
            self.caption.clone(),
            self.tokens.clone(),
        )
    }

    /// The same pair with other token embeddings, `[tokens, width]`, positions not added.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for another number of tokens or width.
    pub fn with_token_embeddings(&self, values: &Array2<f32>) -> Result<Self> {
        let [_, tokens, width] = self.tokens.dims();
        if values.dim() != (tokens, width) {
            return Err(Error::Shape {
                what: "token embeddings",
                found: values.shape().to_vec(),
                expected: vec![tokens, width],
            });
        }
        let values = TensorData::new(values.iter().copied().collect(), [1, tokens, width]);
        let tokens = Tensor::from_data(values, &self.tokens.device());
        let (pixels, caption) = (self.pixels.clone(), self.caption.clone());
        Self::encode(self.model, pixels, caption, tokens)
    }

    /// The model.
    pub fn model(&self) -> &'a Pretrained {
        self.model
    }

    /// The preprocessed image.
    pub fn pixels(&self) -> &Pixels {
        &self.pixels
    }

    /// The tokenised caption.
    pub fn caption(&self) -> &Caption {
        &self.caption
    }

    /// Cosine similarity of the pair, nothing masked.
    pub fn similarity(&self) -> f32 {
        self.similarity
    }

    /// Side lengths of the model's input in pixels, `[height, width]`.
    pub fn input_size(&self) -> [usize; 2] {
        [self.pixels.height, self.pixels.width]
    }

    /// Patches along one side.
    pub fn side(&self) -> usize {
        self.model.clip.config.vision.patches_per_side()
    }

    /// Pixels along a patch's side.
    pub fn patch(&self) -> usize {
        self.model.clip.config.vision.patch_size
    }

    /// The pooled token's position.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Positions of the caption's own tokens, start and end left out.
    pub fn pieces(&self) -> Vec<usize> {
        let tokens = self.caption.tokens.iter().enumerate();
        let pieces = tokens.filter(|(_, token): &(usize, &Token)| token.kind == TokenKind::Text);
        pieces.map(|(position, _)| position).collect()
    }

    /// The image's input of block `block`, `[1, 1 + patches, width]`.
    ///
    /// # Errors
    /// As [`from_parts`](Self::from_parts).
    pub fn image_latent(&self, block: usize) -> Result<Tensor<3>> {
        let tower = &self.model.clip.image;
        let embedded = tower.embed(self.pixels.to_tensor(&self.model.clip.device()))?;
        Ok(tower.blocks(0..block, embedded))
    }

    /// The caption's input of block `block`, `[1, tokens, width]`.
    ///
    /// # Errors
    /// As [`from_parts`](Self::from_parts).
    pub fn text_latent(&self, block: usize) -> Result<Tensor<3>> {
        let tower = &self.model.clip.text;
        Ok(tower.blocks(0..block, tower.place(self.tokens.clone())))
    }

    /// Similarities of images read out of latents in front of block `block`, with their gradients.
    ///
    /// # Errors
    /// [`Error::Explainer`].
    pub fn image_fit(&self, block: usize, latent: Tensor<3>) -> Result<Fit> {
        let readout = ImageReadout {
            tower: &self.model.clip.image,
            start: block,
        };
        fit(&readout, latent, &self.text, m2ib::Modality::Image)
    }

    /// The same of captions.
    ///
    /// # Errors
    /// [`Error::Explainer`].
    pub fn text_fit(&self, block: usize, latent: Tensor<3>) -> Result<Fit> {
        let readout = TextReadout {
            tower: &self.model.clip.text,
            start: block,
            position: self.position,
        };
        fit(&readout, latent, &self.image, m2ib::Modality::Text)
    }

    /// Similarities of image embeddings `[batch, projection]` with the caption.
    pub(crate) fn image_cosine(&self, embedding: Tensor<2>) -> Tensor<1> {
        cosine_similarity(embedding, self.text.clone())
    }

    /// Similarities of caption embeddings `[batch, projection]` with the image.
    pub(crate) fn text_cosine(&self, embedding: Tensor<2>) -> Tensor<1> {
        cosine_similarity(embedding, self.image.clone())
    }

    /// The tokens' embeddings without positions, `[1, tokens, width]`.
    pub fn token_embeddings(&self) -> Tensor<3> {
        self.tokens.clone()
    }

    /// The same as numbers, `[tokens, width]`.
    ///
    /// # Errors
    /// [`Error::NotFinite`], [`Error::Device`].
    pub fn token_values(&self) -> Result<Array2<f32>> {
        let [_, tokens, width] = self.tokens.dims();
        let values = host(self.tokens.clone(), "the token embeddings")?;
        Ok(Array2::from_shape_fn(
            (tokens, width),
            |(token, feature)| values[token * width + feature],
        ))
    }

    /// Similarities of other images with the caption.
    ///
    /// # Shapes
    /// - images: of `[3, height, width]` each, normalised
    ///
    /// # Errors
    /// [`Error::Explainer`] for a wrong size, [`Error::NotFinite`].
    pub fn score_images<'b>(
        &self,
        images: impl IntoIterator<Item = &'b [f32]>,
    ) -> Result<Vec<f32>> {
        let [height, width] = self.input_size();
        let device = self.model.clip.device();
        let images: Vec<&[f32]> = images.into_iter().collect();
        let mut scores = Vec::with_capacity(images.len());
        for batch in images.chunks(BATCH) {
            let values = batch.concat();
            let shape = [batch.len(), 3, height, width];
            if values.len() != shape.iter().product::<usize>() {
                let found = batch.iter().map(|image| image.len()).max().into_iter();
                return Err(m2ib::clip_model::Error::PixelShape {
                    found: found.collect(),
                    expected: shape[1..].to_vec(),
                }
                .into());
            }
            let pixels = Tensor::<4>::from_data(TensorData::new(values, shape), &device);
            let cosine = self.image_cosine(self.model.clip.image.forward(pixels)?);
            scores.extend(host(cosine, "a masked image's similarity")?);
        }
        Ok(scores)
    }

    /// Similarities of the caption with some of its tokens masked.
    ///
    /// # Shapes
    /// - kept: of `[tokens]` each; start, end and the pooled position are kept whatever it says
    ///
    /// # Errors
    /// [`Error::Explainer`] for a fill outside the vocabulary, [`Error::NotFinite`].
    pub fn score_tokens<'b>(
        &self,
        kept: impl IntoIterator<Item = &'b [bool]>,
        fill: Fill,
    ) -> Result<Vec<f32>> {
        let tower = &self.model.clip.text;
        let own = self.tokens.clone();
        let filling = self.filling(fill)?;
        let kept: Vec<&[bool]> = kept.into_iter().collect();
        let tokens = self.caption.tokens.len();
        let mut scores = Vec::with_capacity(kept.len());
        for batch in kept.chunks(BATCH) {
            let mask: Vec<f32> = batch.iter().flat_map(|kept| self.mask(kept)).collect();
            let mask = TensorData::new(mask, [batch.len(), tokens, 1]);
            let mask = Tensor::<3>::from_data(mask, &own.device());
            let mixed = own.clone() * mask.clone() + filling.clone() * (mask.neg() + 1.0);
            let embedding = tower.read_out(0, tower.place(mixed), self.position);
            scores.extend(host(
                self.text_cosine(embedding),
                "a masked caption's similarity",
            )?);
        }
        Ok(scores)
    }

    /// What masked tokens become, `[1, tokens, width]`.
    ///
    /// # Errors
    /// [`Error::Explainer`] for an id outside the vocabulary.
    pub(crate) fn filling(&self, fill: Fill) -> Result<Tensor<3>> {
        let tower = &self.model.clip.text;
        let tokens = self.caption.tokens.len();
        let own = self.tokens.clone();
        Ok(match fill {
            Fill::Zero => own.zeros_like(),
            Fill::Mean => own.zeros_like() + tower.mean_embedding().unsqueeze::<3>(),
            Fill::Id(id) => {
                let ids: Tensor<2, Int> = tower.ids(&vec![id; tokens])?;
                tower.look_up(ids)
            }
        })
    }

    /// 1 where a token stays.
    fn mask<'b>(&'b self, kept: &'b [bool]) -> impl Iterator<Item = f32> + 'b {
        self.caption
            .tokens
            .iter()
            .enumerate()
            .map(|(position, token)| {
                let kept = kept.get(position).copied().unwrap_or(true);
                let fixed = token.kind != TokenKind::Text || position == self.position;
                f32::from(u8::from(kept || fixed))
            })
    }

    /// Values of `[1 + patches]` or `[patches]` tokens as a grid, the class token dropped.
    pub(crate) fn grid(&self, values: &[f32]) -> Array2<f32> {
        let side = self.side();
        let patches = &values[values.len() - side * side..];
        Array2::from_shape_fn((side, side), |(row, column)| patches[row * side + column])
    }
}

fn fit(
    readout: &dyn Readout,
    latent: Tensor<3>,
    target: &Tensor<2>,
    modality: m2ib::Modality,
) -> Result<Fit> {
    let failed = |source| Error::Explainer(m2ib::Error::Bottleneck { modality, source });
    readout.fit(latent, target).map_err(failed)
}

/// A pair of the embedded model, for the tests of this crate.
#[cfg(test)]
pub(crate) mod fixture {
    use m2ib::{Backend, Pretrained, emoji};

    use super::Subject;

    pub(crate) fn model() -> Pretrained {
        emoji::pretrained(&Backend::Cpu.device().unwrap()).unwrap()
    }

    pub(crate) fn subject(model: &Pretrained) -> Subject<'_> {
        let image = m2ib::decode_image(emoji::SCENES[0].png, "scene0.png").unwrap();
        Subject::new(model, &image, "a photo of a piano").unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_masked_scores_as_the_pair_does() {
        let model = fixture::model();
        let subject = fixture::subject(&model);
        let kept = vec![true; subject.caption().tokens.len()];
        let text = subject.score_tokens([&kept[..]], Fill::Zero).unwrap()[0];
        let image = subject
            .score_images([&subject.pixels().values[..]])
            .unwrap()[0];
        assert!((text - subject.similarity()).abs() < 1e-6);
        assert!((image - subject.similarity()).abs() < 1e-6);
    }

    #[test]
    fn masking_the_word_that_fits_costs_most() {
        let model = fixture::model();
        let subject = fixture::subject(&model);
        let tokens = &subject.caption().tokens;
        let without = |word: &str| -> Vec<bool> {
            tokens
                .iter()
                .map(|token| !token.text.starts_with(word))
                .collect()
        };
        for fill in [Fill::Zero, Fill::Mean, Fill::Id(0)] {
            let masks = [without("piano"), without("photo")];
            let scores = subject.score_tokens(masks.iter().map(|m| &m[..]), fill);
            let [piano, photo] = scores.unwrap()[..] else {
                panic!("one score each")
            };
            assert!(piano < photo, "{fill:?}: {piano} {photo}");
        }
    }

    #[test]
    fn an_image_of_another_size_is_refused() {
        let model = fixture::model();
        let subject = fixture::subject(&model);
        let error = subject.score_images([&[0.0; 12][..]]).unwrap_err();
        assert!(error.to_string().contains("12"), "{error}");
    }
}
