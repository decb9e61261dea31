//! Which word goes with which patch, by the bottleneck itself: what a word alone adds.
//!
//! A caption t without its word j is t_j, the mean of the vocabulary in the word's place. Which patches
//! carry what t says and t_j does not?
//!
//! ```text
//! fit_j(z) = cos(z, t) − cos(z, t_j)
//! ```
//!
//! One map a word, all from one encoding of the image. A map by itself says where, not how much: the
//! optimiser's steps are as long for a word that changes next to nothing. So what the caption's
//! similarity loses without the word is shared out among the patches as the map has them, less what
//! all have,
//!
//! ```text
//! A_ij = (cos(z, t) − cos(z, t_j)) (m_ij − min m_j) / Σ_i (m_ij − min m_j),   nothing of z masked,
//! ```
//!
//! and a word's column sums to what it adds. One that takes something off is below 0, where the
//! opposite fit has its map.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::{Tensor, TensorData};
use m2ib_core::{Against as Term, BATCH_ROWS, Contrast, Fit, Lanes, Problem, Step};
use ndarray::Array2;

use crate::progress::{OnStep, unwatched};
use crate::seeds::Told;
use crate::solving::Tell;
use crate::{
    Backend, EncodedImage, EncodedText, Error, Explainer, Interactions, Modality, Progress, Result,
    Unit, WordMap, WordTokens,
};

impl Explainer {
    /// A map for each of the caption's words: the patches that carry what the caption says with the word
    /// and does not say without it.
    ///
    /// # Errors
    /// As [`attribute_encoded`](Self::attribute_encoded).
    pub fn word_maps(&self, image: &EncodedImage, text: &EncodedText) -> Result<Interactions> {
        self.word_maps_with(image, text, &mut unwatched)
    }

    /// As [`word_maps`](Self::word_maps), and tells of every step of every word's map.
    ///
    /// # Errors
    /// As [`attribute_encoded`](Self::attribute_encoded).
    pub fn word_maps_with(
        &self,
        image: &EncodedImage,
        text: &EncodedText,
        progress: &mut OnStep<'_>,
    ) -> Result<Interactions> {
        self.watched(progress, |told| self.maps_of_words(image, text, told))
    }

    fn maps_of_words(
        &self,
        image: &EncodedImage,
        text: &EncodedText,
        progress: &mut Tell<'_>,
    ) -> Result<Interactions> {
        self.check_image(image)?;
        self.check_text(text)?;
        let words = WordTokens::of(&text.caption);
        let with = self.similarity(image, text)?;
        let mut fits = Vec::new();
        let mut gains = Vec::new();
        for word in &words {
            let without = self.without(text, word)?;
            let gain = with - self.similarity(image, &without)?;
            let description = format!("cosine similarity minus that without \"{}\"", word.text);
            let [more, less] = match gain >= 0.0 {
                true => [&text.embedding, &without.embedding],
                false => [&without.embedding, &text.embedding],
            };
            let term = Term {
                target: less.clone(),
                weight: 1.0,
            };
            let fit = Contrast::new(more.clone(), &[term], description);
            let failed = |source| Error::of_bottleneck(Modality::Image, source);
            fits.push(Arc::new(fit.map_err(failed)?) as Arc<dyn Fit>);
            gains.push(gain);
        }
        let bottleneck = self.side(Modality::Image).bottleneck.clone();
        let bottleneck = bottleneck.with_lanes(Lanes::one());
        let settings = bottleneck.settings();
        let reads = settings.samples * (1 + usize::from(settings.two_sided()));
        let rows = image.layout.tokens.len() * reads * image.latents.len();
        let together = match Backend::host_threads(&self.model.device()) {
            Some(_) => 1,
            None => (BATCH_ROWS / rows).max(1),
        };
        let noise = self.noise(Modality::Image);
        let progress = Mutex::new(progress);
        let solve = |fits: &[Arc<dyn Fit>]| -> Result<Vec<_>> {
            let problems = fits
                .iter()
                .map(|fit| self.image_problems(image, fit.clone()));
            let problems = problems.collect::<Result<Vec<Vec<Problem>>>>()?.concat();
            let readout = self.readout(Modality::Image, &image.layout);
            let failed = |source| Error::of_bottleneck(Modality::Image, source);
            let mut told = Told::new(problems.len(), image.latents.len());
            let mut on_step = |problem: usize, report: &Step| {
                if let Some((step, report)) = told.add(problem, *report) {
                    let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
                    (*progress)(Progress {
                        modality: Modality::Image,
                        step,
                        steps: settings.steps,
                        report,
                    });
                }
            };
            let solved = bottleneck.solve_many(&problems, &readout, &noise, &mut on_step);
            let mut solved = solved.map_err(failed)?.into_iter();
            let one = |_: &Arc<dyn Fit>| -> Result<_> {
                let own = solved.by_ref().take(image.latents.len());
                let own = own.map(|solution| solution.map_err(failed));
                let own = own.collect::<Result<Vec<_>>>()?;
                Ok(self.image_attribution(image, own).saliency().clone())
            };
            fits.iter().map(one).collect()
        };
        let maps = self.pair_lanes.map(fits.chunks(together).collect(), solve);
        let maps = maps.into_iter().collect::<Result<Vec<_>>>()?.concat();
        let words = words.into_iter().zip(maps.into_iter().zip(gains));
        let words = words.map(|(WordTokens { text, span, .. }, (map, gain))| WordMap {
            text,
            span,
            map: shared_out(&map, gain),
        });
        let preset = self.provenance.method.to_string();
        Ok(Interactions {
            method: "bottleneck".into(),
            settings: BTreeMap::from([("by".into(), preset)]),
            unit: Unit::Cosine,
            words: words.collect(),
            alone: None,
        })
    }

    /// The caption without a word.
    fn without(&self, text: &EncodedText, word: &WordTokens) -> Result<EncodedText> {
        let tower = self.model.text();
        let tokens = tower.look_up(tower.ids(&text.caption.ids())?);
        let [_, count, width] = tokens.dims();
        let kept = (0..count).map(|place| f32::from(u8::from(!word.tokens.contains(&place))));
        let kept = TensorData::new(kept.collect::<Vec<_>>(), [1, count, 1]);
        let kept = Tensor::<3>::from_data(kept, &tokens.device()).cast(tokens.dtype());
        let mean = tower
            .mean_embedding()
            .reshape([1, 1, width])
            .cast(tokens.dtype());
        let mixed = tokens * kept.clone() + mean * (kept.neg() + 1.0);
        self.encode_embedded(text.caption.clone(), tower.place(mixed))
    }
}

/// An amount among patches, as a map less its least has them; nothing where it is flat.
fn shared_out(map: &Array2<f32>, amount: f32) -> Array2<f32> {
    let least = map.iter().copied().fold(f32::INFINITY, f32::min);
    let above = map - least;
    let sum = above.sum();
    match sum > 1e-6 * map.iter().map(|value| value.abs()).sum::<f32>() {
        true => above * (amount / sum),
        false => Array2::zeros(map.dim()),
    }
}

#[cfg(test)]
#[cfg(all(feature = "cpu", feature = "emoji"))]
mod tests {
    use super::*;
    use crate::{Preset, emoji};

    #[test]
    fn a_words_column_sums_to_what_it_adds() {
        let model = emoji::pretrained(&Backend::Cpu.device().unwrap()).unwrap();
        let explainer = Explainer::builder(model)
            .preset(Preset::Fast)
            .build()
            .unwrap();
        let image = crate::decode_image(emoji::SCENES[6].png, "scene").unwrap();
        let image = explainer.encode_image(&image).unwrap();
        let text = explainer
            .encode_text("a hedgehog and a maple leaf")
            .unwrap();
        let mut told = 0;
        let found = explainer
            .word_maps_with(&image, &text, &mut |_| {
                told += 1;
                std::ops::ControlFlow::Continue(())
            })
            .unwrap();
        let steps = explainer.settings(Modality::Image).bottleneck.steps;
        assert_eq!(told, 6 * steps, "every step of six words");
        let words: Vec<&str> = found.words.iter().map(|word| word.text.as_str()).collect();
        assert_eq!(words, ["a", "hedgehog", "and", "a", "maple", "leaf"]);
        let with = explainer.similarity(&image, &text).unwrap();
        for (word, sum) in WordTokens::of(&text.caption).iter().zip(found.text_sums()) {
            let without = explainer.without(&text, word).unwrap();
            let expected = with - explainer.similarity(&image, &without).unwrap();
            assert!(
                (sum - expected).abs() < 1e-4,
                "{}: {sum} {expected}",
                word.text
            );
        }
        // The hedgehog is on the left, the leaf right of the middle.
        let on_left = |word: usize| {
            let map = &found.words[word].map;
            let half = map.ncols() / 2;
            let left = map.indexed_iter().filter(|((_, column), _)| *column < half);
            left.map(|(_, value)| value).sum::<f32>() / map.sum()
        };
        let [hedgehog, leaf] = [1, 4].map(on_left);
        assert!(hedgehog > leaf + 0.2, "{hedgehog} {leaf}");
    }

    #[test]
    fn an_amount_is_shared_out_as_the_map_has_it() {
        let map = ndarray::array![[0.5f32, 0.75], [0.5, 1.25]];
        let expected = ndarray::array![[0.0f32, 0.5], [0.0, 1.5]];
        assert_eq!(shared_out(&map, 2.0), expected);
        let flat = Array2::<f32>::ones((2, 2));
        assert_eq!(shared_out(&flat, 2.0), Array2::<f32>::zeros((2, 2)));
    }
}
