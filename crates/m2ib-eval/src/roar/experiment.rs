//! Parts, fine-tunings and their comparison.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use m2ib::clip_model::{ImageTower, TextTower, Trainable};
use m2ib::m2ib_core::Lanes;
use m2ib_files::causes;
use m2ib_tune::{Examples, StepReport, Tuner, embed};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::degraded::Degraded;
use super::pair::CHANNELS;
use super::removal::drawn;
use super::{Error, Fill, Pair, Result, Retrieval, RoarReport, RoarRow, RoarSettings, Scores};

/// A stream of its own: the pairs' draws have those of their numbers.
const PARTS: u64 = u64::MAX;

/// A model and pairs, of which important parts can be removed.
pub struct Roar<'a> {
    model: &'a Trainable,
    pairs: &'a [Pair],
    settings: RoarSettings,
    threads: usize,
    training: Vec<usize>,
    validation: Vec<usize>,
    meanings: Vec<u64>,
    also: Vec<Arc<[u64]>>,
    fill: Vec<f32>,
}

/// How a fine-tuning is watched and kept.
#[derive(Default)]
pub struct Tuning<'a> {
    /// A folder of its own for this fine-tuning's checkpoint: it goes on from there if it was
    /// killed.
    pub folder: Option<&'a Path>,
    /// Steps between checkpoints; 0 for none but the last.
    pub every: u64,
    /// Hears of each step.
    pub progress: Option<&'a mut dyn FnMut(StepReport)>,
}

impl<'a> Roar<'a> {
    /// Parts the pairs by their pictures; `threads` is how many the fine-tuning uses.
    ///
    /// # Errors
    /// [`Error::Setting`], [`Error::Pair`], [`Error::TooFewPictures`].
    pub fn new(
        model: &'a Trainable,
        pairs: &'a [Pair],
        settings: RoarSettings,
        threads: usize,
    ) -> Result<Self> {
        settings.check()?;
        if let Err(error) = model.text.ids(&[settings.padding]) {
            return Err(Error::Setting {
                name: "padding",
                found: settings.padding.to_string(),
                expected: format!("an id of the vocabulary ({error})"),
            });
        }
        for (index, pair) in pairs.iter().enumerate() {
            pair.check(index, model)?;
        }
        let pictures = pairs.iter().map(|pair| pair.picture);
        let [training, validation] = parts(pictures, &settings)?;
        let fill = match settings.fill {
            Fill::Preprocessing => vec![0.0; CHANNELS],
            Fill::DataSet => channel_means(pairs, &training)?,
        };
        let meanings = meanings(pairs);
        Ok(Self {
            model,
            pairs,
            settings,
            threads,
            training,
            validation,
            also: also(pairs, &meanings),
            meanings,
            fill,
        })
    }

    /// How it is run.
    pub fn settings(&self) -> &RoarSettings {
        &self.settings
    }

    /// The places of the pairs that are trained on.
    pub fn training(&self) -> &[usize] {
        &self.training
    }

    /// The places of the pairs that are validated on.
    pub fn validation(&self) -> &[usize] {
        &self.validation
    }

    /// The control's scores, drawn from the seed: patches of the model's own grid, and tokens.
    pub fn random_scores(&self) -> Vec<Scores> {
        let [rows, columns] = self.model.image.grid();
        let pairs = self.pairs.iter().enumerate();
        let drawn = pairs
            .map(|(index, pair)| drawn((rows, columns), pair.ids.len(), self.settings.seed, index));
        drawn.collect()
    }

    /// The model before any fine-tuning.
    ///
    /// # Errors
    /// [`Error::Threads`]; [`Error::Tune`].
    pub fn before(&self) -> Result<Retrieval> {
        self.evaluate(self.model)
    }

    /// Fine-tuned on the pairs as they are.
    ///
    /// # Errors
    /// [`Error::Tune`], for an unusable checkpoint among others.
    pub fn undegraded(&self, tuning: Tuning<'_>) -> Result<Retrieval> {
        self.tuned(None, tuning)
    }

    /// Fine-tuned on pairs without what is important by these scores, one a pair in their order.
    /// (Those of the validation part are checked, but change nothing.)
    ///
    /// # Errors
    /// [`Error::Count`], [`Error::Scores`]; [`Error::Tune`].
    pub fn degraded(&self, scores: &[Scores], tuning: Tuning<'_>) -> Result<Retrieval> {
        let (found, expected) = (scores.len(), self.pairs.len());
        if found != expected {
            return Err(Error::Count { found, expected });
        }
        for (index, (scores, pair)) in scores.iter().zip(self.pairs).enumerate() {
            scores.check(index, pair)?;
        }
        self.tuned(Some(scores), tuning)
    }

    /// Brings the results of one model, parts and settings together.
    pub fn report(
        &self,
        before: Retrieval,
        undegraded: Retrieval,
        random: Retrieval,
        methods: Vec<(String, Retrieval)>,
    ) -> RoarReport {
        let seed = self.settings.seed;
        let row = |name: &str, found| RoarRow::new(name, found, &undegraded, seed);
        RoarReport {
            settings: self.settings.clone(),
            model: self.model.digest().to_string(),
            runs: 1,
            training: self.training.len(),
            validation: self.validation.len(),
            random: row("chance", random),
            methods: methods
                .into_iter()
                .map(|(name, found)| row(&name, found))
                .collect(),
            before,
            undegraded,
        }
    }

    fn tuned(&self, scores: Option<&[Scores]>, tuning: Tuning<'_>) -> Result<Retrieval> {
        let examples = self.examples(&self.training, scores);
        let settings = self.settings.tune.clone();
        let mut tuner = Tuner::new(self.model, &examples, settings, self.threads)?;
        if let Some(folder) = tuning.folder {
            tuner.resume(folder)?;
        }
        let every = match tuning.every {
            0 => u64::MAX,
            every => every,
        };
        let checkpoints = tuning.folder.map(|folder| (folder, every));
        let tuned = match tuning.progress {
            Some(progress) => tuner.run(checkpoints, progress),
            None => tuner.run(checkpoints, &mut |_| {}),
        };
        self.evaluate(&tuned?)
    }

    /// On the validation part as it was.
    fn evaluate(&self, model: &Trainable) -> Result<Retrieval> {
        let lanes = Lanes::new(self.threads, self.threads)?;
        let examples: &dyn Examples = &self.examples(&self.validation, None);
        let found = embed(model, examples, &lanes)?;
        let scale = f64::from(model.scale);
        let pairs = self.validation.iter();
        let pairs: Vec<_> = pairs.map(|&at| (at, self.pairs[at].picture)).collect();
        let rest = (self.settings.pool, self.settings.seed);
        Retrieval::of(&found, &pairs, scale, rest)
    }

    /// Pixels that patches cover, from the top and the left.
    fn covered(&self) -> [usize; 2] {
        let (image, [rows, columns]) = (&self.model.image, self.model.image.grid());
        let [height, width] = image.patch();
        [rows * height, columns * width]
    }

    fn examples<'b>(&'b self, chosen: &'b [usize], scores: Option<&'b [Scores]>) -> Degraded<'b> {
        Degraded {
            pairs: self.pairs,
            chosen,
            meanings: &self.meanings,
            also: &self.also,
            scores,
            settings: &self.settings,
            fill: &self.fill,
            size: self.model.image.image_size(),
            covered: self.covered(),
        }
    }
}

/// Training and validation part, no picture in both. The validation part has one pair of each
/// picture before it has a second of any, so that retrieval chooses among many pictures.
pub(crate) fn parts(
    pictures: impl Iterator<Item = usize>,
    settings: &RoarSettings,
) -> Result<[Vec<usize>; 2]> {
    let mut pairs_of: Vec<Vec<usize>> = Vec::new();
    let mut known = BTreeMap::new();
    let mut pairs = 0;
    for (pair, picture) in pictures.enumerate() {
        let place = *known.entry(picture).or_insert(pairs_of.len());
        match pairs_of.get_mut(place) {
            Some(others) => others.push(pair),
            None => pairs_of.push(vec![pair]),
        }
        pairs += 1;
    }
    let found = pairs_of.len();
    let mut order: Vec<usize> = (0..found).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
    rng.set_stream(PARTS);
    order.shuffle(&mut rng);
    let validation = (settings.validation * found as f64).round() as usize;
    let training = order.split_off(validation);
    if validation < 2 || training.len() < 2 {
        return Err(Error::TooFewPictures {
            pairs,
            found,
            training: training.len(),
            validation,
        });
    }
    let most = order.iter().map(|&picture| pairs_of[picture].len()).max();
    let one_by_one = (0..most.unwrap_or_default()).flat_map(|number| {
        let pictures = order.iter();
        pictures
            .filter_map(|&picture| pairs_of[picture].get(number).copied())
            .collect::<Vec<_>>()
    });
    let together = training
        .iter()
        .flat_map(|&picture| pairs_of[picture].iter().copied());
    Ok([together.collect(), one_by_one.collect()])
}

/// The meanings of all captions of each pair's picture.
fn also(pairs: &[Pair], meanings: &[u64]) -> Vec<Arc<[u64]>> {
    let mut of_picture = BTreeMap::<usize, BTreeSet<u64>>::new();
    for (pair, &meaning) in pairs.iter().zip(meanings) {
        of_picture.entry(pair.picture).or_default().insert(meaning);
    }
    let shared = of_picture.into_iter();
    let shared =
        shared.map(|(picture, meanings)| (picture, meanings.into_iter().collect::<Arc<[u64]>>()));
    let shared: BTreeMap<_, _> = shared.collect();
    pairs
        .iter()
        .map(|pair| shared[&pair.picture].clone())
        .collect()
}

/// A number for each caption, the same for equal ones.
fn meanings(pairs: &[Pair]) -> Vec<u64> {
    let mut known = BTreeMap::new();
    let meanings = pairs.iter().map(|pair| {
        let next = known.len() as u64;
        *known.entry(pair.seen()).or_insert(next)
    });
    meanings.collect()
}

/// The mean of each channel over some of the pairs.
fn channel_means(pairs: &[Pair], chosen: &[usize]) -> Result<Vec<f32>> {
    let (mut sums, mut count) = (vec![0.0; CHANNELS], 0);
    for &index in chosen {
        let pixels = pairs[index].pixels.values().map_err(|error| Error::Pair {
            index,
            reason: causes(error.as_ref()),
        })?;
        let area = pixels.len() / CHANNELS;
        for (sum, channel) in sums.iter_mut().zip(pixels.chunks_exact(area)) {
            *sum += channel.iter().map(|&x| f64::from(x)).sum::<f64>();
        }
        count += area;
    }
    let means = sums.into_iter().map(|sum| (sum / count as f64) as f32);
    Ok(means.collect())
}

#[cfg(test)]
mod tests;
