//! Pairs scored again with a part of them changed.

use burn::tensor::{Int, Tensor, TensorData};

use m2ib::Modality;
use m2ib::m2ib_core::Scope;

use super::{Subject, failed};
use crate::Result;
use crate::host::host;

/// Pairs whose towers run at once when many are scored.
const BATCH: usize = 32;

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

impl Subject<'_> {
    /// What other images fit: their similarities with the caption, unless the subject asks otherwise.
    ///
    /// # Shapes
    /// - images: of `[3, height, width]` each, normalised
    ///
    /// # Errors
    /// [`Error::Explainer`](crate::Error::Explainer) for a wrong size, [`Error::NotFinite`](crate::Error::NotFinite).
    pub fn score_images<'b>(
        &self,
        images: impl IntoIterator<Item = &'b [f32]>,
    ) -> Result<Vec<f32>> {
        let [height, width] = self.input_size();
        let device = self.model.device();
        let images: Vec<&[f32]> = images.into_iter().collect();
        let mut scores = Vec::with_capacity(images.len());
        let expected = 3 * height * width;
        if let Some(wrong) = images.iter().find(|image| image.len() != expected) {
            return Err(m2ib::clip_model::Error::PixelShape {
                found: vec![wrong.len()],
                expected: vec![3, height, width],
            }
            .into());
        }
        for batch in images.chunks(BATCH) {
            Scope::check().map_err(|source| failed(Modality::Image, source))?;
            let values = batch.concat();
            let shape = [batch.len(), 3, height, width];
            let pixels = Tensor::<4>::from_data(TensorData::new(values, shape), &device);
            let value = self.image_value(self.model.embed_pixels(pixels)?)?;
            scores.extend(host(value, "a masked image's score")?);
        }
        Ok(scores)
    }

    /// The embeddings of other images, each of length 1, `[embedding]`.
    ///
    /// # Shapes
    /// - images: of `[3, height, width]` each, normalised
    pub(crate) fn image_directions(
        &self,
        images: impl Iterator<Item = Vec<f32>>,
    ) -> Result<Vec<Vec<f64>>> {
        let [height, width] = self.input_size();
        let device = self.model.device();
        let mut images = images.peekable();
        let mut directions = Vec::new();
        while images.peek().is_some() {
            Scope::check().map_err(|source| failed(Modality::Image, source))?;
            let batch: Vec<Vec<f32>> = images.by_ref().take(BATCH).collect();
            let shape = [batch.len(), 3, height, width];
            let pixels = TensorData::new(batch.concat(), shape);
            let pixels = Tensor::<4>::from_data(pixels, &device);
            let embedding = self.model.embed_pixels(pixels)?;
            directions.extend(units(embedding, "a masked image's embedding")?);
        }
        Ok(directions)
    }

    /// The embeddings of the caption with some of its tokens masked, each of length 1, `[embedding]`.
    ///
    /// # Shapes
    /// - kept: as for [`score_tokens`](Self::score_tokens)
    pub(crate) fn text_directions(
        &self,
        kept: impl Iterator<Item = Vec<bool>>,
        fill: Fill,
    ) -> Result<Vec<Vec<f64>>> {
        let filling = self.filling(fill)?;
        let kept: Vec<Vec<bool>> = kept.collect();
        let mut directions = Vec::with_capacity(kept.len());
        for batch in kept.chunks(BATCH) {
            Scope::check().map_err(|source| failed(Modality::Text, source))?;
            let batch: Vec<&[bool]> = batch.iter().map(|kept| &kept[..]).collect();
            let embedding = self.masked_texts(&batch, &filling);
            directions.extend(units(embedding, "a masked caption's embedding")?);
        }
        Ok(directions)
    }

    /// The caption with some of its tokens masked.
    ///
    /// # Shapes
    /// - filling: `[1, tokens, width]`
    /// - output: `[batch, embedding]`
    fn masked_texts(&self, batch: &[&[bool]], filling: &Tensor<3>) -> Tensor<2> {
        let tower = self.model.text();
        let own = self.tokens.clone();
        let tokens = self.caption.tokens.len();
        let mask: Vec<f32> = batch.iter().flat_map(|kept| self.mask(kept)).collect();
        let mask = TensorData::new(mask, [batch.len(), tokens, 1]);
        let mask = Tensor::<3>::from_data(mask, &own.device());
        let mixed = own * mask.clone() + filling.clone() * (mask.neg() + 1.0);
        tower.read_out(0, tower.place(mixed), &self.text_layout)
    }

    /// What the caption fits with some of its tokens masked: similarities, unless the subject asks
    /// otherwise.
    ///
    /// # Shapes
    /// - kept: of `[tokens]` each; tokens that are no piece of the caption are kept whatever it
    ///   says
    ///
    /// # Errors
    /// [`Error::Explainer`](crate::Error::Explainer) for a fill outside the vocabulary, [`Error::NotFinite`](crate::Error::NotFinite).
    pub fn score_tokens<'b>(
        &self,
        kept: impl IntoIterator<Item = &'b [bool]>,
        fill: Fill,
    ) -> Result<Vec<f32>> {
        let filling = self.filling(fill)?;
        let kept: Vec<&[bool]> = kept.into_iter().collect();
        let mut scores = Vec::with_capacity(kept.len());
        for batch in kept.chunks(BATCH) {
            Scope::check().map_err(|source| failed(Modality::Text, source))?;
            let value = self.text_value(self.masked_texts(batch, &filling))?;
            scores.extend(host(value, "a masked caption's score")?);
        }
        Ok(scores)
    }

    /// What masked tokens become, `[1, tokens, width]`.
    ///
    /// # Errors
    /// [`Error::Explainer`](crate::Error::Explainer) for an id outside the vocabulary.
    pub(crate) fn filling(&self, fill: Fill) -> Result<Tensor<3>> {
        let tower = self.model.text();
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
        let roles = self.text_layout.tokens.iter().enumerate();
        roles.map(|(position, role)| {
            let kept = kept.get(position).copied().unwrap_or(true);
            f32::from(u8::from(kept || !role.is_input()))
        })
    }
}

/// Embeddings on the host, each of length 1.
fn units(embedding: Tensor<2>, what: &'static str) -> Result<Vec<Vec<f64>>> {
    let [_, width] = embedding.dims();
    let values = host(embedding, what)?;
    let unit = |values: &[f32]| -> Vec<f64> {
        let length = values
            .iter()
            .map(|&x| f64::from(x).powi(2))
            .sum::<f64>()
            .sqrt();
        let length = length.max(f64::MIN_POSITIVE);
        values.iter().map(|&x| f64::from(x) / length).collect()
    };
    Ok(values.chunks_exact(width.max(1)).map(unit).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::fixture;

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
    fn scoring_stops_when_it_is_told_to() {
        let model = fixture::model();
        let subject = fixture::subject(&model);
        let (stop, pixels) = (m2ib::Stop::new(), &subject.pixels().values[..]);
        let kept = vec![true; subject.caption().tokens.len()];
        let scope = Scope::new().with_stop(&stop);
        let score = || {
            let images = subject.score_images([pixels]);
            images.and_then(|_| subject.score_tokens([&kept[..]], Fill::Zero))
        };
        assert!(scope.run(score).is_ok());
        stop.stop();
        let stopped = scope.run(score).unwrap_err();
        let expected = matches!(stopped, crate::Error::Explainer(m2ib::Error::Stopped));
        assert!(expected, "{stopped:?}");
        let latent = subject.image_latent(1).unwrap();
        assert!(scope.run(|| subject.image_fit(1, latent)).is_err());
        assert!(score().is_ok());
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

    /// Two images of one and a half and of half the size have as many values as two whole ones.
    #[test]
    fn images_of_another_size_are_refused() {
        let model = fixture::model();
        let subject = fixture::subject(&model);
        let whole = subject.pixels().values.len();
        let values = vec![0.0; 2 * whole];
        for sizes in [[12, whole], [whole * 3 / 2, whole / 2], [whole, 0]] {
            let images = sizes.map(|size| &values[..size]);
            let error = subject.score_images(images).unwrap_err().to_string();
            let wrong = sizes.into_iter().find(|&size| size != whole).unwrap();
            assert!(error.contains(&format!("[{wrong}]")), "{error}");
        }
        for size in [0, whole - 1, whole + 1] {
            let error = subject.with_pixels(vec![0.0; size]).unwrap_err();
            assert!(error.to_string().contains(&format!("[{size}]")), "{error}");
        }
    }
}
