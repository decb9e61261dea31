//! Encodings as plain data: made on one machine, kept, and explained on another.

use burn::tensor::{Tensor, TensorData};
use clip_input::{Caption, Layout, PictureFacts, View};
use serde::{Deserialize, Serialize};

use crate::encoded::{Origin, host};
use crate::{EncodedImage, EncodedText, Error, Explainer, Modality, Result};

/// An [`EncodedImage`] on the host, for any format that serde writes. Only an explainer of the same model,
/// layer, shifts and precision takes it back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageRecord {
    made: Made,
    embedding: Vec<f32>,
    /// One for each shift, `[tokens, width]`.
    latents: Vec<Vec<f32>>,
    layout: Layout,
    input_size: [usize; 2],
    view: View,
    facts: PictureFacts,
}

/// An [`EncodedText`] on the host, for any format that serde writes. Only an explainer of the same model, layer
/// and precision takes it back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextRecord {
    made: Made,
    embedding: Vec<f32>,
    /// `[tokens, width]`.
    latent: Vec<f32>,
    caption: Caption,
}

/// What an encoding was made by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Made {
    identity: String,
    layer: String,
    shifts: usize,
    precision: String,
}

impl Made {
    fn by(origin: &Origin) -> Self {
        Self {
            identity: origin.identity.clone(),
            layer: origin.layer.to_string(),
            shifts: origin.shifts.along(),
            precision: origin.precision.to_string(),
        }
    }

    fn name(&self) -> String {
        let Self {
            identity,
            layer,
            shifts,
            precision,
        } = self;
        format!("model {identity} in {precision} at {layer} with {shifts} shifts")
    }
}

impl EncodedImage {
    /// The same as plain data.
    ///
    /// # Errors
    /// [`Error::NotFinite`], [`Error::Device`].
    pub fn to_record(&self) -> Result<ImageRecord> {
        let latents = self.latents.iter();
        let latents = latents.map(|latent| host(latent.clone(), "the image's hidden state"));
        Ok(ImageRecord {
            made: Made::by(&self.origin),
            embedding: self.embedding_values()?,
            latents: latents.collect::<Result<_>>()?,
            layout: self.layout.clone(),
            input_size: self.input_size,
            view: self.view,
            facts: self.facts,
        })
    }
}

impl EncodedText {
    /// The same as plain data.
    ///
    /// # Errors
    /// [`Error::NotFinite`], [`Error::Device`].
    pub fn to_record(&self) -> Result<TextRecord> {
        Ok(TextRecord {
            made: Made::by(&self.origin),
            embedding: host(self.embedding.clone(), "the caption's embedding")?,
            latent: host(self.latent.clone(), "the caption's hidden state")?,
            caption: self.caption.clone(),
        })
    }
}

impl Explainer {
    /// Takes an image's encoding back, onto the model's device.
    ///
    /// # Errors
    /// [`Error::Encoded`] for one of another model, layer, grid or precision, [`Error::Record`] for one that
    /// was changed, [`Error::Model`] for a size that the model does not take.
    pub fn restore_image(&self, record: &ImageRecord) -> Result<EncodedImage> {
        let origin = self.origin_of(Modality::Image, &record.made)?;
        let layout = &record.layout;
        let wrong = |what, found: usize, expected: usize| {
            Err(Error::Record {
                what,
                found,
                expected,
            })
        };
        // Another than the tower's own would be read out by parts that it does not have.
        let own = self.layout_of(record.input_size)?;
        let tokens = layout.tokens.len();
        if tokens != own.tokens.len() {
            return wrong("tokens", tokens, own.tokens.len());
        }
        let differ = layout.tokens.iter().zip(&own.tokens);
        let differ = differ.filter(|(found, expected)| found != expected).count();
        if differ > 0 {
            return wrong("tokens that lie elsewhere than the model's", differ, 0);
        }
        let parts = [
            layout.grid == own.grid,
            layout.read == own.read,
            layout.sight == own.sight,
        ];
        let differ = parts.into_iter().filter(|same| !same).count();
        if differ > 0 {
            return wrong(
                "ways in which tokens are read otherwise than by the model",
                differ,
                0,
            );
        }
        let View {
            image_width,
            image_height,
            left,
            top,
            width,
            height,
        } = record.view;
        let sides = [width, height, image_width.into(), image_height.into()];
        let lengths = sides
            .into_iter()
            .filter(|side| *side > 0.0 && side.is_finite());
        let lengths = lengths.count();
        if lengths < sides.len() || !(left.is_finite() && top.is_finite()) {
            return wrong(
                "sides that the picture and what was seen of it have",
                lengths,
                4,
            );
        }
        if record.latents.len() != origin.shifts.count() {
            return wrong("hidden states", record.latents.len(), origin.shifts.count());
        }
        let width = self.model.image().width();
        let latents = record
            .latents
            .iter()
            .map(|latent| self.on_device(latent, [1, tokens, width], "values of a hidden state"));
        Ok(EncodedImage {
            latents: latents.collect::<Result<_>>()?,
            embedding: self.embedding(&record.embedding)?,
            origin,
            layout: layout.clone(),
            input_size: record.input_size,
            view: record.view,
            facts: record.facts,
        })
    }

    /// Takes a caption's encoding back, onto the model's device.
    ///
    /// # Errors
    /// As [`restore_image`](Self::restore_image), and [`Error::Model`] for tokens that the model does not have.
    pub fn restore_text(&self, record: &TextRecord) -> Result<EncodedText> {
        let origin = self.origin_of(Modality::Text, &record.made)?;
        let tower = self.model.text();
        // Ids outside the vocabulary are found where they are looked up.
        tower.ids(&record.caption.ids())?;
        let layout = tower.layout(&record.caption)?;
        let shape = [1, layout.tokens.len(), tower.width()];
        Ok(EncodedText {
            latent: self.on_device(&record.latent, shape, "values of the hidden state")?,
            embedding: self.embedding(&record.embedding)?,
            origin,
            layout,
            caption: record.caption.clone(),
        })
    }

    /// The tokens of an image of which patches cover so many pixels.
    fn layout_of(&self, covered: [usize; 2]) -> Result<Layout> {
        let tower = self.model.image();
        // Pixels beyond the last whole patch are part of an image of a fixed size, and are not covered.
        let whole = self.model.processor().output_size();
        let whole = whole.map(|(width, height)| [height as usize, width as usize]);
        let beyond = |whole: &[usize; 2]| {
            let patch = tower.patch();
            (0..2).all(|side| {
                covered[side] <= whole[side] && whole[side] - covered[side] < patch[side]
            })
        };
        Ok(tower.layout(whole.filter(beyond).unwrap_or(covered))?)
    }

    fn origin_of(&self, modality: Modality, made: &Made) -> Result<Origin> {
        let origin = self.origin(modality);
        let expected = Made::by(&origin);
        match *made == expected {
            true => Ok(origin),
            false => Err(Error::Encoded {
                modality,
                found: made.name(),
                expected: expected.name(),
            }),
        }
    }

    fn embedding(&self, values: &[f32]) -> Result<Tensor<2>> {
        let text = self.model.text();
        let width = text.head().embedding_width(text.width());
        self.on_device(values, [1, width], "values of the embedding")
    }

    fn on_device<const D: usize>(
        &self,
        values: &[f32],
        shape: [usize; D],
        what: &'static str,
    ) -> Result<Tensor<D>> {
        let expected = shape.iter().product();
        if values.len() != expected {
            let found = values.len();
            return Err(Error::Record {
                what,
                found,
                expected,
            });
        }
        if values.iter().any(|value| !value.is_finite()) {
            return Err(Error::NotFinite { what });
        }
        let data = TensorData::new(values.to_vec(), shape);
        Ok(Tensor::from_data(data, &self.model.device()))
    }
}

#[cfg(test)]
#[cfg(all(feature = "cpu", feature = "emoji"))]
mod tests {
    use super::*;
    use crate::{Preset, emoji};

    fn explainer(preset: Preset) -> Explainer {
        let builder = Explainer::builder("emoji").preset(preset);
        builder.steps(2).samples(1).build().unwrap()
    }

    #[test]
    fn an_encoding_that_was_kept_explains_as_the_one_that_was_made() {
        let explainer = explainer(Preset::Fine);
        let scene = crate::decode_image(emoji::SCENES[0].png, "scene").unwrap();
        let image = explainer.encode_image(&scene).unwrap();
        let text = explainer.encode_text("a photo of a piano").unwrap();
        let json = serde_json::to_string(&(image.to_record().unwrap(), text.to_record().unwrap()));
        let (of_image, of_text): (ImageRecord, TextRecord) =
            serde_json::from_str(&json.unwrap()).unwrap();
        let restored = (
            explainer.restore_image(&of_image).unwrap(),
            explainer.restore_text(&of_text).unwrap(),
        );
        let made = explainer.attribute_encoded(&image, &text).unwrap();
        let kept = explainer.attribute_encoded(&restored.0, &restored.1);
        assert_eq!(kept.unwrap(), made);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let explainer = explainer(Preset::Fine);
        let scene = crate::decode_image(emoji::SCENES[0].png, "scene").unwrap();
        let image = explainer.encode_image(&scene).unwrap().to_record().unwrap();
        let text = explainer.encode_text("a photo of a piano").unwrap();
        let text = text.to_record().unwrap();
        let other = self::explainer(Preset::Released);
        assert!(matches!(
            other.restore_image(&image),
            Err(Error::Encoded { .. })
        ));
        let changed = |change: fn(&mut ImageRecord)| {
            let mut image = image.clone();
            change(&mut image);
            explainer.restore_image(&image).unwrap_err().to_string()
        };
        let errors = [
            changed(|it| it.latents.truncate(1)),
            changed(|it| it.latents[0].truncate(5)),
            changed(|it| it.layout.grid = Some([1, 1])),
            changed(|it| it.layout.grid = None),
            changed(|it| it.layout.read = clip_input::Read::Row(999)),
            changed(|it| it.layout.read = clip_input::Read::Attention(vec![1])),
            changed(|it| it.layout.sight = clip_input::Sight::First(0)),
            changed(|it| it.layout.tokens.swap(1, 2)),
            changed(|it| it.layout.tokens.truncate(3)),
            changed(|it| it.view.width = 0.0),
            changed(|it| it.input_size = [1, 1]),
            changed(|it| it.embedding.clear()),
        ];
        for error in errors {
            assert!(error.contains("expected"), "{error}");
        }
        let error = changed(|it| it.embedding[0] = f32::NAN);
        assert!(error.contains("not finite"), "{error}");
        let mut broken = text.clone();
        broken.caption.tokens[1].id = i64::MAX;
        assert!(explainer.restore_text(&broken).is_err());
        let mut broken = text;
        broken.latent.clear();
        assert!(explainer.restore_text(&broken).is_err());
    }
}
