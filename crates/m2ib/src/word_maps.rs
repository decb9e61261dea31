//! Which word goes with which patch, by the bottleneck itself: what a word adds to a caption.
//!
//! ê(S) is the embedding, of length 1, of the caption that has the words S alone, and in the others'
//! places the mean of the vocabulary. What a word j adds to it, averaged over all orders in which the
//! words could come, is a direction,
//!
//! ```text
//! d_j = mean over orders of [ê(S ∪ j) − ê(S)],   S the words before j
//! ```
//!
//! and what the word adds to the similarity, Shapley's value of it, is a cosine with that direction:
//! g_j = |d_j| cos(z, d_j). The words' values sum to what the caption has more than one without words. Two
//! words that mean one thing, of which either suffices, share what they add.
//!
//! Patches can speak for a word and others against it. Two maps have them, those of the fits cos(z, d_j)
//! and cos(z, −d_j). What the word adds on the patches that either map keeps, G⁺ and G⁻, is a game of
//! two players with v(both) = g_j, whose Shapley values are shared out as the maps have it, less what all
//! patches have:
//!
//! ```text
//! A_ij = ½(G⁺ + g_j − G⁻) p⁺_i + ½(G⁻ + g_j − G⁺) p⁻_i,   p_i = (m_i − min m) / Σ_k (m_k − min m)
//! ```
//!
//! A word's column sums to what it adds.

mod marginals;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::{DType, Tensor, TensorData};
use m2ib_core::{BATCH_ROWS, Cosine, Fit, Lanes, Problem, Step};
use ndarray::Array2;

use self::marginals::Marginals;
use crate::encoded::{begin, host};
use crate::progress::{OnStep, unwatched};
use crate::seeds::Told;
use crate::solving::Tell;
use crate::{
    Backend, EncodedImage, EncodedText, Error, Explainer, Interactions, Modality, Progress, Result,
    Unit, WordMap, WordTokens,
};

impl Explainer {
    /// A map for each of the caption's words: the patches that speak for what the word adds to the caption,
    /// above 0, and those that speak against it, below.
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

    /// How many steps [`word_maps_with`](Self::word_maps_with) tells of.
    pub fn steps_of_words(&self, text: &EncodedText) -> usize {
        let words = WordTokens::of(&text.caption).len();
        2 * words * self.settings(Modality::Image).bottleneck.steps
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
        let marginals = Marginals::of(words.len(), self.seed);
        let added = self.added(image, text, &words, &marginals)?;
        let fit = |direction: Tensor<2>| Arc::new(Cosine::new(direction)) as Arc<dyn Fit>;
        let fits = added.iter().flat_map(|Added { direction, .. }| {
            [fit(direction.clone()), fit(direction.clone().neg())]
        });
        let fits: Vec<Arc<dyn Fit>> = fits.collect();
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
        // Maps, and the fits that they end with.
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
                let own = self.image_attribution(image, own);
                let fit = own.trace.last().map_or(0.0, |step| step.fit);
                Ok((own.saliency().clone(), fit))
            };
            fits.iter().map(one).collect()
        };
        let maps = self.pair_lanes.map(fits.chunks(together).collect(), solve);
        let maps = maps.into_iter().collect::<Result<Vec<_>>>()?.concat();
        let both = maps.chunks_exact(2).zip(&added);
        let columns = both.map(|(both, Added { gain, length, .. })| {
            let [speaks_for, against] = [both[0].1 * length, -both[1].1 * length];
            let [more, less] = shares(*gain, speaks_for, against);
            shared_out(&both[0].0, more) + shared_out(&both[1].0, less)
        });
        let words = words.into_iter().zip(columns);
        let words = words.map(|(WordTokens { text, span, .. }, map)| WordMap { text, span, map });
        let preset = self.provenance.method.to_string();
        Ok(Interactions {
            method: "bottleneck".into(),
            settings: BTreeMap::from([
                ("by".into(), preset),
                ("captions".into(), marginals.captions.len().to_string()),
            ]),
            unit: Unit::Cosine,
            words: words.collect(),
            alone: None,
        })
    }

    /// What each word adds.
    fn added(
        &self,
        image: &EncodedImage,
        text: &EncodedText,
        words: &[WordTokens],
        marginals: &Marginals,
    ) -> Result<Vec<Added>> {
        let captions = &marginals.captions;
        let rows = (BATCH_ROWS / text.layout.tokens.len().max(1)).max(1);
        let rows = rows.min(captions.len().div_ceil(self.pair_lanes.count()));
        let encode = |captions: &[Vec<bool>]| self.with_words(text, words, captions);
        let units = self
            .pair_lanes
            .map(captions.chunks(rows).collect(), encode)
            .into_iter()
            .collect::<Result<Vec<_>>>()?;
        // In f32 whatever the model computes in: what a word adds is a difference of like numbers.
        let unit = |x: Tensor<2>| {
            let x = x.cast(DType::F32);
            x.clone() / x.square().sum_dim(1).sqrt().clamp_min(1e-8)
        };
        let units = unit(Tensor::cat(units, 0));
        let device = units.device();
        let seen = unit(image.embedding.clone());
        let one = |weights: &Vec<f32>| {
            let weights = TensorData::new(weights.clone(), [1, weights.len()]);
            let direction =
                Tensor::<2>::from_data(weights, (&device, DType::F32)).matmul(units.clone());
            let gain = (direction.clone() * seen.clone()).sum_dim(1);
            let length = direction.clone().square().sum_dim(1).sqrt();
            let numbers = host(Tensor::cat(vec![gain, length], 1), "what a word adds")?;
            Ok(Added {
                direction: direction.cast(image.embedding.dtype()),
                gain: numbers[0],
                length: numbers[1],
            })
        };
        marginals.weights.iter().map(one).collect()
    }

    /// Embeddings of the captions that have some of the words, `[captions, embedding]`.
    fn with_words(
        &self,
        text: &EncodedText,
        words: &[WordTokens],
        captions: &[Vec<bool>],
    ) -> Result<Tensor<2>> {
        let tower = self.model.text();
        let tokens = tower.look_up(tower.ids(&text.caption.ids())?);
        let [_, count, width] = tokens.dims();
        let kept = captions.iter().flat_map(|has| {
            let mut kept = vec![1.0f32; count];
            for (word, _) in words.iter().zip(has).filter(|(_, has)| !**has) {
                word.tokens.iter().for_each(|&place| kept[place] = 0.0);
            }
            kept
        });
        let kept = TensorData::new(kept.collect::<Vec<_>>(), [captions.len(), count, 1]);
        let kept = Tensor::<3>::from_data(kept, &tokens.device()).cast(tokens.dtype());
        let mean = tower
            .mean_embedding()
            .reshape([1, 1, width])
            .cast(tokens.dtype());
        let mixed = tokens * kept.clone() + mean * (kept.neg() + 1.0);
        let (_, embeddings) = begin(tower, 0, tower.place(mixed), &text.layout);
        Ok(embeddings)
    }
}

/// What a word adds to the caption.
struct Added {
    /// d, `[1, embedding]`.
    direction: Tensor<2>,
    /// To the cosine with the image.
    gain: f32,
    /// |d|
    length: f32,
}

/// What is shared out among the patches for a word and what among those against it: Shapley's values
/// of two players with v(both) = `gain`, kept on their sides of 0.
fn shares(gain: f32, speaks_for: f32, against: f32) -> [f32; 2] {
    let more = (0.5 * (speaks_for + gain - against)).max(gain).max(0.0);
    [more, gain - more]
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
    fn a_words_column_sums_to_its_shapley_value() {
        let model = emoji::pretrained(&Backend::Cpu.device().unwrap()).unwrap();
        let explainer = Explainer::builder(model)
            .preset(Preset::Fast)
            .build()
            .unwrap();
        let image = crate::decode_image(emoji::SCENES[6].png, "scene").unwrap();
        let image = explainer.encode_image(&image).unwrap();
        let text = explainer.encode_text("hedgehog and maple leaf").unwrap();
        let mut told = 0;
        let found = explainer
            .word_maps_with(&image, &text, &mut |_| {
                told += 1;
                std::ops::ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(told, explainer.steps_of_words(&text));
        let words: Vec<&str> = found.words.iter().map(|word| word.text.as_str()).collect();
        assert_eq!(words, ["hedgehog", "and", "maple", "leaf"]);
        let words = WordTokens::of(&text.caption);
        let value = |has: [bool; 4]| {
            let embedding = explainer
                .with_words(&text, &words, &[has.to_vec()])
                .unwrap();
            let cosine = m2ib_core::cosine_similarity(embedding, image.embedding.clone());
            cosine.into_scalar::<f32>()
        };
        let all = explainer.similarity(&image, &text).unwrap();
        assert!((value([true; 4]) - all).abs() < 1e-5);
        // All 4! orders, one by one: of the 4⁴ words of four letters those that have each once.
        let mut sums = [0.0; 4];
        let mut orders = 0.0;
        for number in 0..256 {
            let order = [0, 2, 4, 6].map(|shift| number >> shift & 3);
            if (0..4).any(|word| !order.contains(&word)) {
                continue;
            }
            orders += 1.0;
            let mut has = [false; 4];
            for word in order {
                let before = value(has);
                has[word] = true;
                sums[word] += value(has) - before;
            }
        }
        assert_eq!(orders, 24.0);
        for (word, sum) in found.text_sums().into_iter().enumerate() {
            let expected = sums[word] / orders;
            assert!((sum - expected).abs() < 1e-4, "{word}: {sum} {expected}");
        }
        let sum: f32 = found.text_sums().iter().sum();
        assert!((sum - (all - value([false; 4]))).abs() < 1e-4, "{sum}");
        // The hedgehog is on the left, the leaf right of the middle.
        let on_left = |word: usize| {
            let map = &found.words[word].map;
            let half = map.ncols() / 2;
            let above = map.mapv(|value| value.max(0.0));
            let left = above
                .indexed_iter()
                .filter(|((_, column), _)| *column < half);
            left.map(|(_, value)| value).sum::<f32>() / above.sum()
        };
        let [hedgehog, leaf] = [0, 3].map(on_left);
        assert!(hedgehog > leaf + 0.2, "{hedgehog} {leaf}");
    }

    #[test]
    fn a_word_that_adds_nothing_in_sum_has_both_sides() {
        assert_eq!(shares(0.0, 0.3, -0.3), [0.3, -0.3]);
        assert_eq!(shares(-0.1, 0.2, -0.4), [0.25, -0.35]);
        // Where noise has it that less than all is kept, no side changes its sign.
        assert_eq!(shares(0.5, 0.2, 0.1), [0.5, 0.0]);
        assert_eq!(shares(-0.5, -0.4, -0.3), [0.0, -0.5]);
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
