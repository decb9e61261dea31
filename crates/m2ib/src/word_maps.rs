//! Which word goes with which patch, by the bottleneck itself: what a word alone adds.
//!
//! A caption t without its word j is t_j, the mean of the vocabulary in the word's place. Which patches
//! carry what t says and t_j does not?
//!
//! ```text
//! fit_j(z) = cos(z, t) − cos(z, t_j)
//! ```
//!
//! One map a word, all from one encoding of the image.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};
use m2ib_core::{Against as Term, BATCH_ROWS, Contrast, Fit, Lanes, Problem};

use crate::{
    Backend, EncodedImage, EncodedText, Error, Explainer, Interactions, Modality, Result, WordMap,
    WordTokens,
};

impl Explainer {
    /// A map for each of the caption's words: the patches that carry what the caption says with the word
    /// and does not say without it.
    ///
    /// # Errors
    /// As [`attribute_encoded`](Self::attribute_encoded).
    pub fn word_maps(&self, image: &EncodedImage, text: &EncodedText) -> Result<Interactions> {
        self.check_image(image)?;
        self.check_text(text)?;
        let words = WordTokens::of(&text.caption);
        let fits = words.iter().map(|word| self.of_word(text, word));
        let fits = fits.collect::<Result<Vec<_>>>()?;
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
        let solve = |fits: &[Arc<dyn Fit>]| -> Result<Vec<_>> {
            let problems = fits
                .iter()
                .map(|fit| self.image_problems(image, fit.clone()));
            let problems = problems.collect::<Result<Vec<Vec<Problem>>>>()?.concat();
            let readout = self.readout(Modality::Image, &image.layout);
            let failed = |source| Error::of_bottleneck(Modality::Image, source);
            let solved = bottleneck.solve_many(&problems, &readout, &noise, &mut |_, _| {});
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
        let words = words.into_iter().zip(maps);
        let words = words.map(|(WordTokens { text, span, .. }, map)| WordMap { text, span, map });
        let preset = self.provenance.method.to_string();
        Ok(Interactions {
            method: "bottleneck".into(),
            settings: BTreeMap::from([("by".into(), preset)]),
            unit: self.unit(Modality::Image),
            words: words.collect(),
            alone: None,
        })
    }

    /// What an image's embedding is wanted for by a word: by the caption with it, not without it.
    fn of_word(&self, text: &EncodedText, word: &WordTokens) -> Result<Arc<dyn Fit>> {
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
        let without = self.encode_embedded(text.caption.clone(), tower.place(mixed))?;
        let term = Term {
            target: without.embedding,
            weight: 1.0,
        };
        let description = format!("cosine similarity minus that without \"{}\"", word.text);
        let fit = Contrast::new(text.embedding.clone(), &[term], description);
        let failed = |source| Error::of_bottleneck(Modality::Image, source);
        Ok(Arc::new(fit.map_err(failed)?))
    }
}
