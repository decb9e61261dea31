//! Embeddings of many images and captions, and what they say of each other: all that retrieval and
//! zero-shot classification take.

use std::collections::BTreeMap;

use burn::tensor::{Tensor, TensorData};
use clip_input::{Caption, Layout, Pictured, Pixels};

use crate::{DualEncoder, Error, Result};

/// Images that go through the tower together. More are no faster on a CPU, and a hundred of a large model's
/// fill a GPU's memory.
const IMAGES: usize = 16;
/// The same of captions, which have a tenth of the tokens.
const CAPTIONS: usize = 256;

/// How captions fit one image.
#[derive(Debug, Clone, PartialEq)]
pub struct ZeroShot {
    /// Cosine similarity of each caption, in the order in which they were given.
    pub similarities: Vec<f32>,
    /// How likely each caption is, 0..1. Of models that judge each pair by itself (SigLIP), each for
    /// itself; of others as a share of all that were given, so that they sum to 1.
    pub probabilities: Vec<f32>,
}

impl ZeroShot {
    /// The place of the most similar caption; of equals the first.
    pub fn best(&self) -> usize {
        let places = self.similarities.iter().enumerate().rev();
        let best = places.max_by(|a, b| a.1.total_cmp(b.1));
        best.map_or(0, |(place, _)| place)
    }
}

impl DualEncoder {
    /// Embeds images, not normalised: as many at once as have one size and fit a device.
    ///
    /// # Shapes
    /// - output: `[images, projection]`, in their order
    ///
    /// # Errors
    /// [`Error::Nothing`] for no images; [`Error::Input`], [`Error::PixelShape`] if preprocessing makes
    /// something of them that the tower does not take; [`Error::Device`].
    pub fn embed_images(&self, images: &[impl Pictured]) -> Result<Tensor<2>> {
        let mut rows = Rows::of("images", images.len())?;
        let mut batches: BTreeMap<Layout, Vec<(usize, Pixels)>> = BTreeMap::new();
        for (place, image) in images.iter().enumerate() {
            let pixels = self.processor().process(image);
            let layout = self.image_layout(&pixels)?;
            let batch = batches.entry(layout.clone()).or_default();
            batch.push((place, pixels));
            if batch.len() == IMAGES {
                let batch = std::mem::take(batch);
                rows.add(self.batch_of_images(&layout, batch)?)?;
            }
        }
        for (layout, batch) in batches {
            if !batch.is_empty() {
                rows.add(self.batch_of_images(&layout, batch)?)?;
            }
        }
        Ok(rows.on(self))
    }

    /// Embeds captions of any lengths, not normalised: those of one length go through the tower together.
    ///
    /// # Shapes
    /// - output: `[captions, projection]`, in their order
    ///
    /// # Errors
    /// [`Error::Nothing`] for no captions; [`Error::Input`] for one without words or with text outside the
    /// vocabulary; [`Error::TokenIds`]; [`Error::Device`].
    pub fn embed_texts(&self, captions: &[impl AsRef<str>]) -> Result<Tensor<2>> {
        let encoded = captions.iter().map(|caption| {
            let caption = self.tokenizer().encode(caption.as_ref())?;
            Ok(caption)
        });
        self.embed_captions(&encoded.collect::<Result<Vec<_>>>()?)
    }

    /// Embeds tokenised captions, as [`embed_texts`](Self::embed_texts) does.
    ///
    /// # Shapes
    /// - output: `[captions, projection]`, in their order
    ///
    /// # Errors
    /// [`Error::Nothing`], [`Error::TokenIds`], [`Error::Device`].
    pub fn embed_captions(&self, captions: &[Caption]) -> Result<Tensor<2>> {
        let mut rows = Rows::of("captions", captions.len())?;
        let tower = self.text();
        let mut alike: BTreeMap<Layout, Vec<usize>> = BTreeMap::new();
        for (place, caption) in captions.iter().enumerate() {
            alike.entry(tower.layout(caption)?).or_default().push(place);
        }
        for (layout, places) in alike {
            for places in places.chunks(CAPTIONS) {
                let ids = places
                    .iter()
                    .map(|&place| tower.ids(&captions[place].ids()));
                let ids = Tensor::cat(ids.collect::<Result<Vec<_>>>()?, 0);
                let embedded = tower.read_out(0, tower.embed(ids), &layout);
                rows.add((places.to_vec(), embedded))?;
            }
        }
        Ok(rows.on(self))
    }

    /// How well captions fit each of some images: classification without any training, by captions such as
    /// "a photo of a cat".
    ///
    /// ```
    /// # use clip_input::Content;
    /// # use clip_model::{DualEncoder, ModelFiles};
    /// # let model = DualEncoder::from_files(&ModelFiles::new(
    /// #     "emoji".into(),
    /// #     Content::bytes("config.json", m2ib_emoji::CONFIG),
    /// #     Content::bytes("preprocessor_config.json", m2ib_emoji::PREPROCESSOR),
    /// #     Content::bytes("tokenizer.json", m2ib_emoji::TOKENIZER),
    /// #     vec![Content::bytes("model.safetensors", m2ib_emoji::WEIGHTS)],
    /// # ), &clip_model::cpu())?;
    /// // let model = DualEncoder::load("path/to/clip-vit-base-patch32", &clip_model::cpu())?;
    /// let image = clip_input::decode_image(m2ib_emoji::SCENES[0].png, "scene0.png")?;
    /// let captions = ["a photo of a tractor", "a photo of a piano", "a photo of a snail and a tree"];
    /// let found = &model.zero_shot(&[image], &captions)?[0];
    /// assert_eq!(captions[found.best()], "a photo of a piano");
    /// assert!(found.probabilities[1] > 0.9);
    /// # Ok::<(), clip_model::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`embed_images`](Self::embed_images) and [`embed_texts`](Self::embed_texts).
    pub fn zero_shot(
        &self,
        images: &[impl Pictured],
        captions: &[impl AsRef<str>],
    ) -> Result<Vec<ZeroShot>> {
        let captions = unit_rows(self.embed_texts(captions)?)?;
        let images = unit_rows(self.embed_images(images)?)?;
        let fits = images.iter().map(|image| {
            let cosine = |caption: &Vec<f32>| image.iter().zip(caption).map(|(a, b)| a * b).sum();
            let similarities: Vec<f32> = captions.iter().map(cosine).collect();
            ZeroShot {
                probabilities: self.probabilities(&similarities),
                similarities,
            }
        });
        Ok(fits.collect())
    }

    /// How likely captions of one image are, by their cosines: each [for itself](Self::probability) where
    /// the model says so, else the softmax of them all.
    pub fn probabilities(&self, similarities: &[f32]) -> Vec<f32> {
        let alone = similarities.iter().map(|&cosine| self.probability(cosine));
        if let Some(alone) = alone.collect() {
            return alone;
        }
        let largest = similarities.iter().copied().fold(f32::MIN, f32::max);
        let weight = |cosine: &f32| ((cosine - largest) * self.scale()).exp();
        let weights: Vec<f32> = similarities.iter().map(weight).collect();
        let sum: f32 = weights.iter().sum();
        weights.iter().map(|weight| weight / sum).collect()
    }

    /// The places of some images of one layout, and their embeddings.
    fn batch_of_images(
        &self,
        layout: &Layout,
        batch: Vec<(usize, Pixels)>,
    ) -> Result<(Vec<usize>, Tensor<2>)> {
        let (places, pixels): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let pixels = pixels.iter().map(|pixels| self.pixels(pixels));
        let pixels = Tensor::cat(pixels.collect::<Result<Vec<_>>>()?, 0);
        let embedded = self.image().embed(pixels)?;
        Ok((places, self.image().read_out(0, embedded, layout)))
    }
}

/// Embeddings that come batch by batch, put in their places on the host: a batch is no longer on the device
/// when the next one is.
struct Rows {
    values: Vec<f32>,
    count: usize,
}

impl Rows {
    fn of(what: &'static str, count: usize) -> Result<Self> {
        match count {
            0 => Err(Error::Nothing { what }),
            count => Ok(Self {
                values: Vec::new(),
                count,
            }),
        }
    }

    fn add(&mut self, (places, embedded): (Vec<usize>, Tensor<2>)) -> Result<()> {
        let (values, width) = on_host(embedded)?;
        self.values.resize(self.count * width, 0.0);
        for (place, row) in places.into_iter().zip(values.chunks_exact(width.max(1))) {
            self.values[place * width..][..width].copy_from_slice(row);
        }
        Ok(())
    }

    fn on(self, model: &DualEncoder) -> Tensor<2> {
        let shape = [self.count, self.values.len() / self.count];
        Tensor::from_data(TensorData::new(self.values, shape), &model.device())
    }
}

/// A matrix's values, row by row, and its width.
fn on_host(matrix: Tensor<2>) -> Result<(Vec<f32>, usize)> {
    let [_, width] = matrix.dims();
    let values = matrix.try_into_vec_as::<f32>();
    let values = values.map_err(|error| Error::Device {
        reason: error.to_string(),
    })?;
    Ok((values, width))
}

/// A matrix's rows, each of length 1.
pub(crate) fn unit_rows(matrix: Tensor<2>) -> Result<Vec<Vec<f32>>> {
    let (values, width) = on_host(matrix)?;
    Ok(values.chunks_exact(width.max(1)).map(normalized).collect())
}

/// The same direction with length 1.
pub(crate) fn normalized(values: &[f32]) -> Vec<f32> {
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    let length = length.max(f32::MIN_POSITIVE);
    values.iter().map(|value| value / length).collect()
}

#[cfg(test)]
mod tests {
    use clip_input::{Content, Picture, decode_image};

    use super::*;
    use crate::ModelFiles;

    fn emoji() -> DualEncoder {
        let files = ModelFiles::new(
            "emoji".into(),
            Content::bytes("config.json", m2ib_emoji::CONFIG),
            Content::bytes("preprocessor_config.json", m2ib_emoji::PREPROCESSOR),
            Content::bytes("tokenizer.json", m2ib_emoji::TOKENIZER),
            vec![Content::bytes("model.safetensors", m2ib_emoji::WEIGHTS)],
        );
        DualEncoder::from_files(&files, &m2ib_cpu::flex()).unwrap()
    }

    #[test]
    fn many_are_embedded_as_each_would_be_alone_and_stay_in_order() {
        let model = emoji();
        // Two lengths, mixed.
        let captions = [
            "a photo of a piano",
            "hedgehog",
            "a photo of a lock",
            "a tractor",
        ];
        let together = unit_rows(model.embed_texts(&captions).unwrap()).unwrap();
        let scenes = m2ib_emoji::SCENES.iter().cycle().take(IMAGES + 3);
        let scenes: Vec<Picture> = scenes
            .map(|scene| decode_image(scene.png, scene.name).unwrap())
            .collect();
        let images = unit_rows(model.embed_images(&scenes).unwrap()).unwrap();
        assert_eq!((together.len(), images.len()), (4, IMAGES + 3));
        let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
        for (caption, found) in captions.iter().zip(&together) {
            let caption = model.tokenizer().encode(caption).unwrap();
            let alone = unit_rows(model.embed_caption(&caption).unwrap()).unwrap();
            assert!(close(&alone[0], found));
        }
        for (scene, found) in scenes.iter().zip(&images) {
            let pixels = model.pixels(&model.processor().process(scene)).unwrap();
            let alone = unit_rows(model.embed_pixels(pixels).unwrap()).unwrap();
            assert!(close(&alone[0], found));
        }
        // What differs is told apart.
        assert!(!close(&images[0], &images[1]) && !close(&together[0], &together[2]));
    }

    #[test]
    fn captions_of_what_a_scene_shows_are_the_most_probable() {
        let model = emoji();
        for scene in m2ib_emoji::SCENES {
            let image = decode_image(scene.png, scene.name).unwrap();
            let shown = scene.objects[0].caption;
            let captions = [
                "a photo of a rocket and a spider",
                shown,
                "a photo of an axe",
            ];
            let found = model.zero_shot(&[image], &captions).unwrap().remove(0);
            assert_eq!(found.best(), 1, "{}: {found:?}", scene.name);
            let sum: f32 = found.probabilities.iter().sum();
            assert!((sum - 1.0).abs() < 1e-5, "{found:?}");
            let largest = found.probabilities.iter().copied().fold(0.0, f32::max);
            assert_eq!(found.probabilities[1], largest);
        }
    }

    #[test]
    fn nothing_is_refused_in_words() {
        let model = emoji();
        let error = model.embed_texts(&[""; 0]).unwrap_err().to_string();
        assert_eq!(error, "there are no captions, expected at least one");
        let error = model
            .embed_images(&[] as &[Picture])
            .unwrap_err()
            .to_string();
        assert_eq!(error, "there are no images, expected at least one");
        assert!(model.embed_texts(&["a piano", "  "]).is_err());
    }
}
