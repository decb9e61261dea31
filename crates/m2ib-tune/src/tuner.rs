//! Steps of a fine-tuning.

use std::path::Path;

use clip_model::{Gradients, Trainable};
use m2ib_core::Lanes;
use serde::{Deserialize, Serialize};

use crate::batch::{Embeddings, Share};
use crate::prefix::Prefix;
use crate::{
    Checkpoint, DEFAULT_CACHE, Error, Examples, Loss, Result, State, TuneSettings, Update,
    gradient_norm, learning_rate, matching, order,
};

/// All that a fine-tuned model depends on; a checkpoint of another run is refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// How it is fine-tuned.
    #[serde(flatten)]
    pub settings: TuneSettings,
    /// The fingerprint of the weights it starts from.
    pub model: String,
    /// The examples' [identity](Examples::identity).
    pub examples: String,
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// Counted from 1.
    pub step: u64,
    /// Steps in all.
    pub of: u64,
    /// Before the update.
    pub loss: f64,
    /// The learning rate.
    pub rate: f64,
    /// What cosines are multiplied with, before the update.
    pub scale: f64,
    /// The norm of all gradients together, before it was bounded.
    pub gradient_norm: f64,
}

/// Fine-tunes a model on pictures with one caption each: the loss it was made for (CLIP's symmetric
/// contrastive one, or SigLIP's of each pair) with the model's own scale and bias, AdamW, a warm-up
/// and a cosine.
///
/// The result is a function of model, examples and settings: neither threads, nor the memory for
/// latents, nor an interruption change a bit of it.
///
/// ```no_run
/// # use clip_model::Trainable;
/// # use m2ib_tune::{Blocks, Example, Result, TuneSettings, Tuner};
/// # fn tune(model: &Trainable, examples: &Vec<Example>) -> Result<Trainable> {
/// let settings = TuneSettings {
///     blocks: Blocks::Last(2),
///     ..TuneSettings::default()
/// };
/// let mut tuner = Tuner::new(model, examples, settings, 4)?;
/// tuner.resume("runs/first".as_ref())?;
/// tuner.run(Some(("runs/first".as_ref(), 100)), &mut |report| {
///     let _ = report.loss;
/// })
/// # }
/// ```
pub struct Tuner<'a> {
    run: Run,
    base: &'a Trainable,
    examples: &'a dyn Examples,
    prefix: Option<Prefix>,
    state: State,
    lanes: Lanes,
}

impl<'a> Tuner<'a> {
    /// Starts from the model's weights, which stay as they are.
    ///
    /// # Errors
    /// [`Error::Setting`], [`Error::TooFewExamples`], [`Error::Precision`], [`Error::Threads`].
    pub fn new(
        model: &'a Trainable,
        examples: &'a dyn Examples,
        settings: TuneSettings,
        threads: usize,
    ) -> Result<Self> {
        settings.check()?;
        let found = examples.count();
        if found < 2 {
            return Err(Error::TooFewExamples { found });
        }
        let prefix = Prefix::new(model, settings.blocks, DEFAULT_CACHE);
        let is_trained = |name: &str| prefix.as_ref().is_none_or(|prefix| prefix.is_trained(name));
        Ok(Self {
            state: State::of(model, is_trained)?,
            lanes: Lanes::new(threads.min(settings.shares), threads)?,
            prefix,
            run: Run {
                settings,
                model: model.digest().to_string(),
                examples: examples.identity(),
            },
            base: model,
            examples,
        })
    }

    /// Keeps at most so many bytes of what the frozen blocks made; the rest is computed again
    /// whenever it is needed. [`DEFAULT_CACHE`] unless it is set.
    pub fn cache(mut self, bytes: usize) -> Self {
        self.prefix = Prefix::new(self.base, self.run.settings.blocks, bytes);
        self
    }

    /// Goes on from the checkpoint in a folder, if there is one; says whether there was.
    ///
    /// # Errors
    /// [`Error::OtherSettings`] if it is of another run; [`Error::Checkpoint`], [`Error::File`].
    pub fn resume(&mut self, folder: &Path) -> Result<bool> {
        let Some(checkpoint) = Checkpoint::<Run>::load(folder)? else {
            return Ok(false);
        };
        checkpoint.check(&self.run, &self.state, folder)?;
        self.state = checkpoint.state;
        Ok(true)
    }

    /// Writes a checkpoint into a folder, which is made if need be.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn save(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder).map_err(|source| Error::File {
            action: "make the folder",
            path: folder.into(),
            source,
        })?;
        Checkpoint::save(&self.run, &self.state, folder)
    }

    /// Steps in all.
    pub fn steps(&self) -> u64 {
        self.run.settings.steps(self.examples.count())
    }

    /// The trained weights and their moments as they are now.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The model as it is now.
    ///
    /// # Errors
    /// None in practice: the weights are its own.
    pub fn model(&self) -> Result<Trainable> {
        self.state.put_into(self.base)
    }

    /// Takes the steps that are left. A checkpoint is written into the `(folder, every)` so many
    /// steps and at the end; `progress` hears of each step.
    ///
    /// # Errors
    /// As [`step`](Self::step) and [`save`](Self::save).
    pub fn run(
        &mut self,
        checkpoints: Option<(&Path, u64)>,
        progress: &mut dyn FnMut(StepReport),
    ) -> Result<Trainable> {
        while self.state.step < self.steps() {
            let report = self.step()?;
            progress(report);
            let end = report.step == report.of;
            if let Some((folder, every)) = checkpoints
                && (end || report.step.is_multiple_of(every.max(1)))
            {
                self.save(folder)?;
            }
        }
        self.model()
    }

    /// One update.
    ///
    /// # Errors
    /// [`Error::NotFinite`]; [`Error::Source`] and [`Error::Example`] for examples that cannot be
    /// had or do not fit.
    pub fn step(&mut self) -> Result<StepReport> {
        let (settings, count) = (&self.run.settings, self.examples.count());
        let step = self.state.step + 1;
        let indices = order::of_step(settings, count, step);
        let model = self.model()?;
        let (loss, gradients) = self.gradients(&model, &indices)?;
        let finite = |what, found: f64| match found.is_finite() {
            true => Ok(found),
            false => Err(Error::NotFinite { what, found, step }),
        };
        finite("loss", loss.value)?;
        let warm_up = settings.warm_up_steps(count);
        let update = Update {
            rate: learning_rate(step, self.steps(), warm_up, settings.learning_rate),
            weight_decay: settings.weight_decay,
            gradient_norm: finite("gradients' norm", gradient_norm(&gradients))?,
        };
        let report = StepReport {
            step,
            of: self.steps(),
            loss: loss.value,
            rate: update.rate,
            scale: self.state.logits().log_scale.exp(),
            gradient_norm: update.gradient_norm,
        };
        self.state.update(&gradients, update);
        Ok(report)
    }

    /// Loss and gradients of a batch.
    fn gradients(&self, model: &Trainable, indices: &[usize]) -> Result<(Loss, Gradients)> {
        let share = indices.len().div_ceil(self.run.settings.shares);
        let shares = indices.chunks(share).collect();
        let passes = self.lanes.map(shares, |indices: &[usize]| {
            let share = Share::load(model, self.examples, self.prefix.as_ref(), indices)?;
            let passes = share.forward(model)?;
            let embeddings = passes.embeddings()?;
            Ok::<_, Error>((passes, embeddings))
        });
        let (mut backward, mut all) = (Vec::new(), Embeddings::default());
        for found in passes {
            let (passes, embeddings) = found?;
            let start = all.images.len();
            all.extend(embeddings);
            backward.push((passes, start..all.images.len()));
        }
        let owners: Vec<usize> = (0..all.meanings.len()).collect();
        let (logits, is_true) = (self.state.logits(), all.is_true());
        let Embeddings {
            images, captions, ..
        } = &all;
        let loss = || matching(images, captions, all.width, logits, &owners, &is_true);
        let loss = self.lanes.together(loss);
        let found = self.lanes.map(backward, |(passes, range)| {
            passes.backward(&loss.images[range.clone()], &loss.captions[range])
        });
        let mut gradients = Gradients::default();
        for found in found {
            gradients.merge(found?);
        }
        loss.add_around(&mut gradients);
        Ok((loss, gradients))
    }
}

#[cfg(test)]
mod tests;
