//! Steps.

use std::ops::Range;

use clip_model::{Gradients, ImageTower, Trainable};
use m2ib_core::Lanes;
use m2ib_tune::{Update, gradient_norm, matching};

use crate::share::{Grid, Passes, Share};
use crate::{Loss, Result, Schedule, Settings, Source, State};

/// Trains a model on the examples of a source.
pub struct Trainer<S> {
    settings: Settings,
    /// The model that it started from.
    base: Trainable,
    source: S,
    state: State,
    lanes: Lanes,
    /// The next step's batch, made while this step's gradients were computed.
    prepared: Option<Vec<Share>>,
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Report {
    /// Counted from 1.
    pub step: u64,
    /// Before the update.
    pub loss: f64,
    /// The learning rate.
    pub rate: f64,
    /// What cosines are multiplied with, before the update.
    pub scale: f64,
    /// What is added to their multiples, where something is.
    pub bias: Option<f64>,
    /// The norm of all gradients together, before it was bounded.
    pub gradient_norm: f64,
}

/// Something for a thread to do in the second half of a step.
enum Job<'a, 'b> {
    Backward(Box<Passes<'a>>, &'b [f32], &'b [f32]),
    Prepare(Range<usize>),
}

/// What it leaves.
enum Done {
    Gradients(Result<Gradients>),
    Share(Result<Share>),
}

impl<S: Source> Trainer<S> {
    /// Starts from `state`, which is that of `base` or of a checkpoint.
    ///
    /// # Errors
    /// [`Error::Tune`](crate::Error::Tune) for a setting that makes no sense; [`Error::Threads`](crate::Error::Threads).
    pub fn new(
        settings: Settings,
        base: Trainable,
        source: S,
        state: State,
        threads: usize,
    ) -> Result<Self> {
        settings.check()?;
        Ok(Self {
            lanes: Lanes::new(threads.min(settings.shares), threads)?,
            settings,
            base,
            source,
            state,
            prepared: None,
        })
    }

    /// Weights and moments as they are now.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What the run depends on.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The model as it is now.
    ///
    /// # Errors
    /// None in practice: the weights have been its own.
    pub fn model(&self) -> Result<Trainable> {
        let mut model = self.state.put_into(&self.base)?;
        model.computes_on_host(true);
        Ok(model)
    }

    /// One update.
    ///
    /// # Errors
    /// [`Error::Tune`](crate::Error::Tune) for a loss or gradient that is not finite; whatever the source reports.
    pub fn step(&mut self) -> Result<Report> {
        let step = self.state.step + 1;
        let mut shares = match self.prepared.take() {
            Some(shares) => shares,
            None => self.prepare(step)?,
        };
        let model = self.model()?;
        let (loss, mut gradients, prepared) = self.gradients(&model, &mut shares, step)?;
        self.prepared = prepared;
        loss.add_around(&mut gradients);
        let logits = self.state.logits();
        let finite = |what, found: f64| match found.is_finite() {
            true => Ok(found),
            false => Err(m2ib_tune::Error::NotFinite { what, found, step }),
        };
        finite("loss", loss.value)?;
        let gradient_norm = finite("gradients' norm", gradient_norm(&gradients))?;
        let report = Report {
            step,
            loss: loss.value,
            rate: Schedule(&self.settings).rate(step),
            scale: logits.log_scale.exp(),
            bias: logits.bias,
            gradient_norm,
        };
        let update = Update {
            rate: report.rate,
            weight_decay: self.settings.weight_decay,
            gradient_norm,
        };
        self.state.update(&gradients, update);
        Ok(report)
    }

    /// Loss and gradients of a batch, and the next step's batch.
    fn gradients(
        &self,
        model: &Trainable,
        shares: &mut [Share],
        step: u64,
    ) -> Result<(Loss, Gradients, Option<Vec<Share>>)> {
        let all: Vec<&mut Share> = shares.iter_mut().collect();
        let passes = self.lanes.map(all, |share| {
            let passes = share.forward(model)?;
            let (images, captions) = (passes.images()?, passes.captions()?);
            Ok((passes, images, captions))
        });
        let passes = passes.into_iter().collect::<Result<Vec<_>>>()?;
        let width = passes.first().map_or(0, |(passes, ..)| passes.width());
        let (mut images, mut captions) = (Vec::new(), Vec::new());
        for (_, here, there) in &passes {
            images.extend_from_slice(here);
            captions.extend_from_slice(there);
        }
        let objects = shares.iter().flat_map(|share| &share.objects);
        let named = || shares.iter().flat_map(|share| &share.captions);
        let is_true = objects.flat_map(|objects| named().map(|named| named.is_true_of(objects)));
        let is_true: Vec<bool> = is_true.collect();
        let owners: Vec<usize> = (0..captions.len() / width).map(|j| j / 2).collect();
        let logits = self.state.logits();
        let loss = matching(&images, &captions, width, logits, &owners, &is_true);

        let (mut to_images, mut to_captions) = (&loss.images[..], &loss.captions[..]);
        let mut jobs = Vec::new();
        for (passes, images, captions) in passes {
            let (here, rest) = to_images.split_at(images.len());
            let (there, other) = to_captions.split_at(captions.len());
            jobs.push(Job::Backward(Box::new(passes), here, there));
            (to_images, to_captions) = (rest, other);
        }
        // Short jobs last, so that threads finish together.
        if step < self.settings.steps {
            jobs.extend(self.places().map(Job::Prepare));
        }
        let done = self.lanes.map(jobs, |job| match job {
            Job::Backward(passes, images, captions) => {
                Done::Gradients(passes.backward(images, captions))
            }
            Job::Prepare(places) => Done::Share(self.make(step + 1, places)),
        });
        let (mut gradients, mut prepared) = (Gradients::default(), Vec::new());
        for done in done {
            match done {
                Done::Gradients(found) => gradients.merge(found?),
                Done::Share(share) => prepared.push(share?),
            }
        }
        let prepared = (!prepared.is_empty()).then_some(prepared);
        Ok((loss, gradients, prepared))
    }

    fn prepare(&self, step: u64) -> Result<Vec<Share>> {
        let places: Vec<_> = self.places().collect();
        let shares = self.lanes.map(places, |places| self.make(step, places));
        shares.into_iter().collect()
    }

    fn make(&self, step: u64, places: Range<usize>) -> Result<Share> {
        let grid = Grid {
            image: self.base.image.image_size()[0],
            patch: self.base.image.patch()[0],
        };
        Share::make(&self.source, &self.settings, grid, step, places)
    }

    /// The places of a batch that each share has, as even as can be.
    fn places(&self) -> impl Iterator<Item = Range<usize>> {
        let Settings { batch, shares, .. } = self.settings;
        (0..shares).map(move |share| share * batch / shares..(share + 1) * batch / shares)
    }
}

#[cfg(test)]
mod tests;
