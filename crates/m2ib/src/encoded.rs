//! Images and captions that went through their towers once.

use burn::tensor::{Device, Tensor};
use clip_input::{Caption, Layout, PictureFacts, Pictured, Pixels, View};
use clip_model::{Precision, Tower};
use m2ib_core::{Readout, Scope, cosine_similarity};

use crate::readout::TowerReadout;
use crate::{Error, Explainer, Layer, Modality, ModalitySettings, Result, Shifts, shifts};

/// An image that went through its tower once, ready to be explained against many captions.
#[derive(Debug, Clone)]
pub struct EncodedImage {
    /// The projected embedding, `[1, embedding]`, not normalised.
    pub embedding: Tensor<2>,
    /// One for each shift, `[1, tokens, width]`.
    pub(crate) latents: Vec<Tensor<3>>,
    pub(crate) origin: Origin,
    pub(crate) layout: Layout,
    pub(crate) input_size: [usize; 2],
    pub(crate) view: View,
    pub(crate) facts: PictureFacts,
}

/// A caption that went through its tower once, ready to be explained against many images.
#[derive(Debug, Clone)]
pub struct EncodedText {
    /// The projected embedding, `[1, embedding]`, not normalised.
    pub embedding: Tensor<2>,
    pub(crate) latent: Tensor<3>,
    pub(crate) origin: Origin,
    pub(crate) layout: Layout,
    pub(crate) caption: Caption,
}

impl EncodedImage {
    /// The numbers of the embedding, `[embedding]`.
    ///
    /// # Errors
    /// [`Error::NotFinite`], [`Error::Device`].
    pub fn embedding_values(&self) -> Result<Vec<f32>> {
        host(self.embedding.clone(), "the image's embedding")
    }
}

impl EncodedText {
    /// The tokenised caption.
    pub fn caption(&self) -> &Caption {
        &self.caption
    }
}

/// Which model and layer a latent belongs to, in which format they were, and where it lies.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Origin {
    pub(crate) identity: String,
    pub(crate) layer: Layer,
    pub(crate) shifts: Shifts,
    pub(crate) precision: Precision,
    device: Device,
}

impl Explainer {
    /// Runs an image through its tower.
    ///
    /// # Errors
    /// As [`encode_pixels`](Self::encode_pixels).
    pub fn encode_image(&self, image: &impl Pictured) -> Result<EncodedImage> {
        self.encode_pixels(self.model.processor().process(image))
    }

    /// Runs a preprocessed image through its tower, under each of the shifted grids.
    ///
    /// # Errors
    /// [`Error::Model`] if it does not fit the tower, [`Error::Shifts`] where a patch has fewer pixels
    /// than there are shifts along it.
    pub fn encode_pixels(&self, pixels: Pixels) -> Result<EncodedImage> {
        Scope::check().map_err(|source| Error::of_bottleneck(Modality::Image, source))?;
        let facts = pixels.facts;
        let tower = self.model.image();
        let ModalitySettings { layer, shifts, .. } = self.image.settings;
        let start = layer.next_block();
        let layout = self.model.image_layout(&pixels)?;
        let moved = shifts::moved(&pixels, &layout, shifts)?;
        let work = || {
            let embedded = tower.embed(self.model.pixels(&pixels)?)?;
            let (latent, embedding) = begin(tower, start, embedded, &layout);
            if moved.is_empty() {
                return Ok((vec![latent], embedding));
            }
            let latents = moved.iter().map(|pixels| {
                let embedded = tower.embed(self.model.pixels(pixels)?)?;
                Ok::<_, Error>(tower.blocks(0..start, embedded, &layout))
            });
            Ok::<_, Error>((latents.collect::<Result<_>>()?, embedding))
        };
        let (latents, embedding) = self.scoped(|| self.pair_lanes.together(work))?;
        let origin = self.origin(Modality::Image);
        let (input_size, view) = self.model.covered(&pixels, &layout);
        Ok(EncodedImage {
            embedding,
            latents,
            origin,
            layout,
            input_size,
            view,
            facts,
        })
    }

    /// Runs a caption through its tower.
    ///
    /// # Errors
    /// [`Error::Model`] for a caption without words or with text outside the vocabulary.
    pub fn encode_text(&self, text: &str) -> Result<EncodedText> {
        self.encode_caption(self.model.tokenizer().encode(text)?)
    }

    /// Runs a tokenised caption through its tower.
    ///
    /// # Errors
    /// [`Error::Model`] for ids outside the vocabulary or without an end token.
    pub fn encode_caption(&self, caption: Caption) -> Result<EncodedText> {
        let tower = self.model.text();
        let ids = tower.ids(&caption.ids())?;
        let embedded = self.scoped(|| self.pair_lanes.together(|| tower.embed(ids)));
        self.encode_embedded(caption, embedded)
    }

    /// Runs a caption through its tower whose embeddings were changed.
    ///
    /// # Shapes
    /// - embedded: `[1, tokens, width]`, the input of block 0
    ///
    /// # Errors
    /// As [`encode_caption`](Self::encode_caption), and [`Error::Bottleneck`] for embeddings of
    /// another shape.
    pub fn encode_embedded(&self, caption: Caption, embedded: Tensor<3>) -> Result<EncodedText> {
        Scope::check().map_err(|source| Error::of_bottleneck(Modality::Text, source))?;
        let tower = self.model.text();
        let layout = tower.layout(&caption)?;
        let (found, expected) = (embedded.dims(), [1, layout.tokens.len(), tower.width()]);
        if found != expected {
            let source = m2ib_core::Error::Shape {
                what: "the token embeddings",
                found: found.to_vec(),
                expected: expected.to_vec(),
            };
            let modality = Modality::Text;
            return Err(Error::Bottleneck { modality, source });
        }
        let start = self.text.settings.layer.next_block();
        let begin = || begin(tower, start, embedded, &layout);
        let (latent, embedding) = self.scoped(|| self.pair_lanes.together(begin));
        let origin = self.origin(Modality::Text);
        Ok(EncodedText {
            embedding,
            latent,
            origin,
            layout,
            caption,
        })
    }

    /// Cosine similarity of an image and a caption.
    ///
    /// # Errors
    /// [`Error::Encoded`] for encodings of another model, [`Error::NotFinite`], [`Error::Device`].
    pub fn similarity(&self, image: &EncodedImage, text: &EncodedText) -> Result<f32> {
        self.check_image(image)?;
        self.check_text(text)?;
        let cosine = cosine_similarity(image.embedding.clone(), text.embedding.clone());
        Ok(host(cosine, "the similarity")?[0])
    }

    pub(crate) fn check_image(&self, image: &EncodedImage) -> Result<()> {
        self.check(Modality::Image, &image.origin)
    }

    pub(crate) fn check_text(&self, text: &EncodedText) -> Result<()> {
        self.check(Modality::Text, &text.origin)
    }

    pub(crate) fn origin(&self, modality: Modality) -> Origin {
        let identity = self.model.identity().to_string();
        Origin {
            identity,
            layer: self.settings(modality).layer,
            shifts: self.settings(modality).shifts,
            precision: self.model.precision(),
            device: self.model.device(),
        }
    }

    fn check(&self, modality: Modality, found: &Origin) -> Result<()> {
        let expected = self.origin(modality);
        if *found == expected {
            return Ok(());
        }
        let name = |origin: &Origin| {
            let Origin {
                identity,
                layer,
                shifts,
                precision,
                device,
            } = origin;
            let shifts = match *shifts {
                Shifts::ONE => String::new(),
                shifts => format!(" with {shifts} shifts"),
            };
            format!(
                "model {identity} in {precision} at {layer}{shifts} on {:?}",
                device.as_dispatch()
            )
        };
        Err(Error::Encoded {
            modality,
            found: name(found),
            expected: name(&expected),
        })
    }
}

/// Runs a tower up to block `start`, and from there on: the latent and the embedding.
pub(crate) fn begin(
    tower: &dyn Tower,
    start: usize,
    embedded: Tensor<3>,
    layout: &Layout,
) -> (Tensor<3>, Tensor<2>) {
    let latent = tower.blocks(0..start, embedded, layout);
    let readout = TowerReadout {
        tower,
        start,
        layout,
    };
    let embedding = readout.read(latent.clone());
    (latent, embedding)
}

/// A tensor's values on the host, all of them finite.
pub(crate) fn host<const D: usize>(tensor: Tensor<D>, what: &'static str) -> Result<Vec<f32>> {
    let values = tensor.try_into_vec_as::<f32>();
    let values = values.map_err(|error| Error::Device(m2ib_core::Error::from_device(error)))?;
    match values.iter().all(|value| value.is_finite()) {
        true => Ok(values),
        false => Err(Error::NotFinite { what }),
    }
}
