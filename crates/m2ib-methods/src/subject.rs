//! A pair as methods see it: encoded once and open at every block.

#[cfg(test)]
pub(crate) mod fixture;
mod scoring;

pub use scoring::Fill;

use burn::tensor::{Tensor, TensorData};
use m2ib::clip_input::{Caption, Layout, Pictured, Pixels, View};
use m2ib::m2ib_core::{Fit, Fitted, Scope, cosine_similarity, fit_latent};
use m2ib::{Backend, DualEncoder, Fits, Modality, TowerReadout};
use ndarray::Array2;

use crate::host::host;
use crate::{Error, Result};

/// An image and a caption, and what is wanted of their embeddings: to be similar to each other, or
/// whatever else [fits](m2ib::Fits) say.
#[derive(Debug, Clone)]
pub struct Subject<'a> {
    model: &'a DualEncoder,
    pixels: Pixels,
    caption: Caption,
    /// `[1, tokens, width]`, without positions.
    tokens: Tensor<3>,
    image_layout: Layout,
    text_layout: Layout,
    image: Tensor<2>,
    text: Tensor<2>,
    similarity: f32,
    fits: Fits,
    /// Whether the fits are the embeddings' own cosines, and change with them.
    of_pair: bool,
}

impl<'a> Subject<'a> {
    /// Encodes a pair.
    ///
    /// # Errors
    /// [`Error::Explainer`] for a caption without words.
    pub fn new(model: &'a DualEncoder, image: &impl Pictured, text: &str) -> Result<Self> {
        let caption = model.tokenizer().encode(text)?;
        Self::from_parts(model, model.processor().process(image), caption)
    }

    /// Encodes a preprocessed image and a tokenised caption.
    ///
    /// # Errors
    /// [`Error::Explainer`] for what does not fit the model.
    pub fn from_parts(model: &'a DualEncoder, pixels: Pixels, caption: Caption) -> Result<Self> {
        let text = model.text();
        let tokens = text.look_up(text.ids(&caption.ids())?);
        Self::encode(model, pixels, caption, tokens)
    }

    fn encode(
        model: &'a DualEncoder,
        pixels: Pixels,
        caption: Caption,
        tokens: Tensor<3>,
    ) -> Result<Self> {
        let image_layout = model.image_layout(&pixels)?;
        let text_layout = model.text().layout(&caption)?;
        let lanes = Backend::lanes(&model.device(), 1)?;
        let (image, text) = lanes.together(|| {
            let image = model.embed_pixels(model.pixels(&pixels)?)?;
            let embedded = model.text().place(tokens.clone());
            Ok::<_, Error>((image, model.text().read_out(0, embedded, &text_layout)))
        })?;
        let cosine = cosine_similarity(image.clone(), text.clone());
        let fits = Fits::of_pair(&image, &text);
        Ok(Self {
            model,
            pixels,
            caption,
            tokens,
            image_layout,
            text_layout,
            image,
            text,
            similarity: host(cosine, "the similarity")?[0],
            fits,
            of_pair: true,
        })
    }

    /// The same pair, of whose embeddings something else is wanted.
    pub fn with_fits(self, fits: Fits) -> Self {
        Self {
            fits,
            of_pair: false,
            ..self
        }
    }

    /// A changed pair that is asked for the same.
    fn asked_as(self, other: &Self) -> Self {
        match other.of_pair {
            true => self,
            false => self.with_fits(other.fits.clone()),
        }
    }

    /// The same caption with other pixels, `[3, height, width]`, normalised.
    ///
    /// # Errors
    /// [`Error::Explainer`] for another number of them, and as [`from_parts`](Self::from_parts).
    pub fn with_pixels(&self, values: Vec<f32>) -> Result<Self> {
        let pixels = Pixels {
            values,
            ..self.pixels.clone()
        };
        let (caption, tokens) = (self.caption.clone(), self.tokens.clone());
        Ok(Self::encode(self.model, pixels, caption, tokens)?.asked_as(self))
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
        Ok(Self::encode(self.model, pixels, caption, tokens)?.asked_as(self))
    }

    /// The model.
    pub fn model(&self) -> &'a DualEncoder {
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

    /// The image's embedding, `[1, embedding]`.
    pub(crate) fn image_embedding(&self) -> &Tensor<2> {
        &self.image
    }

    /// The caption's embedding, `[1, embedding]`.
    pub(crate) fn text_embedding(&self) -> &Tensor<2> {
        &self.text
    }

    /// Whether it is asked for nothing but the similarity of its two parts.
    pub fn is_of_pair(&self) -> bool {
        self.of_pair
    }

    /// The numbers of the image's embedding, `[embedding]`.
    ///
    /// # Errors
    /// [`Error::NotFinite`], [`Error::Device`].
    pub fn image_values(&self) -> Result<Vec<f32>> {
        host(self.image.clone(), "the image's embedding")
    }

    /// Cosine similarity of the pair, nothing masked.
    pub fn similarity(&self) -> f32 {
        self.similarity
    }

    /// What is wanted of the two embeddings.
    pub fn fits(&self) -> &Fits {
        &self.fits
    }

    /// What the unchanged image's embedding fits.
    ///
    /// # Errors
    /// [`Error::Explainer`] for a fit of another width, [`Error::NotFinite`].
    pub fn image_score(&self) -> Result<f32> {
        let value = self.image_value(self.image.clone())?;
        Ok(host(value, "the image's fit")?[0])
    }

    /// What the unchanged caption's embedding fits.
    ///
    /// # Errors
    /// As [`image_score`](Self::image_score).
    pub fn text_score(&self) -> Result<f32> {
        let value = self.text_value(self.text.clone())?;
        Ok(host(value, "the caption's fit")?[0])
    }

    /// Side lengths of the model's input in pixels, `[height, width]`.
    pub fn input_size(&self) -> [usize; 2] {
        [self.pixels.height, self.pixels.width]
    }

    /// Side lengths of what patches cover of it, `[height, width]`, and what of the original that is.
    pub fn covered(&self) -> ([usize; 2], View) {
        self.model.covered(&self.pixels, &self.image_layout)
    }

    /// Rows and columns of the patches.
    pub fn grid(&self) -> [usize; 2] {
        self.image_layout.grid.unwrap_or_default()
    }

    /// Side lengths of a patch in pixels, `[height, width]`.
    pub fn patch(&self) -> [usize; 2] {
        self.model.image().patch()
    }

    /// The image's tokens.
    pub fn image_layout(&self) -> &Layout {
        &self.image_layout
    }

    /// The caption's tokens.
    pub fn text_layout(&self) -> &Layout {
        &self.text_layout
    }

    /// Positions of the caption's own tokens, start and end left out.
    pub fn pieces(&self) -> Vec<usize> {
        self.text_layout.inputs()
    }

    /// The image's input of block `block`, `[1, tokens, width]`.
    ///
    /// # Errors
    /// As [`from_parts`](Self::from_parts).
    pub fn image_latent(&self, block: usize) -> Result<Tensor<3>> {
        let tower = self.model.image();
        let embedded = tower.embed(self.model.pixels(&self.pixels)?)?;
        Ok(tower.blocks(0..block, embedded, self.image_layout()))
    }

    /// The caption's input of block `block`, `[1, tokens, width]`.
    ///
    /// # Errors
    /// As [`from_parts`](Self::from_parts).
    pub fn text_latent(&self, block: usize) -> Result<Tensor<3>> {
        let tower = self.model.text();
        let embedded = tower.place(self.tokens.clone());
        Ok(tower.blocks(0..block, embedded, &self.text_layout))
    }

    /// What images read out of latents in front of block `block` fit, with the gradients.
    ///
    /// # Errors
    /// [`Error::Explainer`].
    pub fn image_fit(&self, block: usize, latent: Tensor<3>) -> Result<Fitted<3>> {
        let readout = TowerReadout {
            tower: self.model.image(),
            start: block,
            layout: self.image_layout(),
        };
        fit(readout, latent, &*self.fits.image, Modality::Image)
    }

    /// The same of captions.
    ///
    /// # Errors
    /// [`Error::Explainer`].
    pub fn text_fit(&self, block: usize, latent: Tensor<3>) -> Result<Fitted<3>> {
        let readout = TowerReadout {
            tower: self.model.text(),
            start: block,
            layout: &self.text_layout,
        };
        fit(readout, latent, &*self.fits.text, Modality::Text)
    }

    /// What image embeddings `[batch, projection]` fit.
    pub(crate) fn image_value(&self, embedding: Tensor<2>) -> Result<Tensor<1>> {
        let value = self.fits.image.value(embedding);
        value.map_err(|source| failed(Modality::Image, source))
    }

    /// What caption embeddings `[batch, projection]` fit.
    pub(crate) fn text_value(&self, embedding: Tensor<2>) -> Result<Tensor<1>> {
        let value = self.fits.text.value(embedding);
        value.map_err(|source| failed(Modality::Text, source))
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

    /// Values of the image's tokens as a map over its patches, `[tokens]` to `[rows, columns]`.
    pub(crate) fn on_grid(&self, values: &[f32]) -> Array2<f32> {
        self.map(self.image_layout().on_grid(values))
    }

    /// Values of the patches, row by row, as a map.
    pub(crate) fn map(&self, patches: Vec<f32>) -> Array2<f32> {
        Array2::from_shape_vec(self.grid(), patches).expect("one value a patch")
    }
}

fn fit(
    readout: TowerReadout<'_>,
    latent: Tensor<3>,
    wanted: &dyn Fit,
    modality: Modality,
) -> Result<Fitted<3>> {
    let checked = Scope::check().and_then(|()| fit_latent(&readout, latent, wanted));
    checked.map_err(|source| failed(modality, source))
}

pub(crate) fn failed(modality: Modality, source: m2ib::m2ib_core::Error) -> Error {
    Error::Explainer(m2ib::Error::of_bottleneck(modality, source))
}
