//! `m2ib-train train`: from random weights, or from where a run stopped, to a model folder.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use clip_input::{CaptionTokenizer, ImageProcessor};
use clip_model::{DualEncoder, Trainable};
use indicatif::{ProgressBar, ProgressStyle};
use m2ib_core::Lanes;
use m2ib_scenes::Split;
use m2ib_train::{
    Checkpoint, Examination, Family, Files, Log, Measures, Provenance, SceneSource, Settings,
    Start, State, Trainer, checkpoint_path, export,
};

use super::window::{Window, message};

/// Steps of a log line. Checkpoints fall on such steps, so that a mean is never cut in two.
const LOG_EVERY: u64 = 20;

/// Train an emoji model on scenes made on the way.
///
/// FOLDER gets `checkpoint.safetensors` and `log.jsonl`, and at the end the model itself in
/// `FOLDER/model`. An interrupted run goes on with --resume and ends with the very same weights.
#[derive(Args)]
pub(crate) struct Train {
    /// Folder of the run.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Go on from the folder's checkpoint (from the start, if it has none yet).
    #[arg(long)]
    resume: bool,
    /// Whose towers and whose loss.
    #[arg(long, value_enum, default_value_t)]
    family: Family,
    /// A model to go on from, a folder in Hugging Face's layout; random weights if there is none.
    #[arg(long, value_name = "FOLDER", conflicts_with = "family")]
    from: Option<PathBuf>,
    /// Of weights, scenes and all other chance.
    #[arg(long, default_value_t = Settings::default().seed)]
    seed: u64,
    /// Updates in all.
    #[arg(long, default_value_t = Settings::default().steps)]
    steps: u64,
    /// Images of a step, with two captions each.
    #[arg(long, default_value_t = Settings::default().batch)]
    batch: usize,
    /// Peak of the learning rate.
    #[arg(long, default_value_t = Settings::default().learning_rate)]
    learning_rate: f64,
    /// Steps over which the learning rate rises.
    #[arg(long, value_name = "STEPS", default_value_t = Settings::default().warm_up)]
    warm_up: u64,
    /// Decay of matrices, in units of the learning rate.
    #[arg(long, default_value_t = Settings::default().weight_decay)]
    weight_decay: f64,
    /// Share of an image's patches that is kept.
    #[arg(long, value_name = "SHARE", default_value_t = Settings::default().keep)]
    keep: f64,
    /// Share of the steps after which all patches are kept.
    #[arg(long, value_name = "SHARE", default_value_t = Settings::default().keep_all_from)]
    keep_all_from: f64,
    /// Parts the batch is cut into, for the threads; sums over other parts round differently.
    #[arg(long, default_value_t = Settings::default().shares)]
    shares: usize,
    /// Steps between measures on the validation split; 0 for none but the last.
    #[arg(long, value_name = "STEPS", default_value_t = 400)]
    validate_every: u64,
    /// Steps between checkpoints, a multiple of 20.
    #[arg(long, value_name = "STEPS", default_value_t = 100)]
    checkpoint_every: u64,
    /// Leave off after this step (a multiple of 20), as an interruption would; the model so far is
    /// written.
    #[arg(long, value_name = "STEP")]
    stop_at: Option<u64>,
    /// Git commit of the sources, written into the model. Asked of git where it is not given.
    #[arg(long)]
    commit: Option<String>,
}

impl Train {
    pub(crate) fn run(self) -> Result<()> {
        let every = self.checkpoint_every;
        if every == 0 || !every.is_multiple_of(LOG_EVERY) {
            bail!("checkpoint-every is {every}, expected a multiple of {LOG_EVERY}");
        }
        if let Some(stop) = self.stop_at.filter(|stop| !stop.is_multiple_of(LOG_EVERY)) {
            bail!("stop-at is {stop}, expected a multiple of {LOG_EVERY}");
        }
        let mut settings = self.settings();
        settings.check()?;
        let commit = self.commit.clone().unwrap_or_else(super::commit);
        let start = match &self.from {
            Some(folder) => Start::from_folder(folder)?,
            None => Start::random(&settings)?,
        };
        settings.from = self.from.as_ref().map(|_| start.model.digest().to_string());
        let state = self.state(&settings, &start.model)?;
        let mut log = Log::open(&self.out, state.step)?;
        let source = SceneSource::new(start.tokenizer.clone());
        let threads = m2ib_core::threads();
        let model = Untrained {
            tokenizer: start.tokenizer,
            processor: start.processor,
            files: start.files,
            examination: Examination::new(Split::Validation)?,
            lanes: Lanes::new(threads, threads)?,
        };
        let mut trainer = Trainer::new(settings, start.model, source, state, threads)?;

        let bar = progress(trainer.state().step, self.steps);
        let mut window = Window::new();
        let mut last = None;
        while trainer.state().step < self.last() {
            let report = window.time(|| trainer.step())?;
            window.add(&report);
            bar.set_position(report.step);
            let end = report.step == self.last();
            let due = |every: u64| every != 0 && report.step.is_multiple_of(every);
            let measured = due(self.validate_every) || report.step == self.steps;
            if measured {
                last = Some(model.measure(&trainer)?);
            }
            if due(LOG_EVERY) || measured || end {
                let line = window.line(&report, self.batch, last.filter(|_| measured));
                bar.set_message(message(&line, last));
                log.add(&line)?;
            }
            if due(self.checkpoint_every) || end {
                Checkpoint::save(trainer.settings(), trainer.state(), &self.out)?;
            }
        }
        bar.finish_and_clear();
        if trainer.state().step < self.steps {
            anstream::println!("left off after step {}", trainer.state().step);
        }
        self.finish(&trainer, &model, commit)
    }

    /// Where this call ends.
    fn last(&self) -> u64 {
        self.stop_at.map_or(self.steps, |stop| stop.min(self.steps))
    }

    fn settings(&self) -> Settings {
        Settings {
            family: self.family,
            from: None,
            seed: self.seed,
            steps: self.steps,
            batch: self.batch,
            learning_rate: self.learning_rate,
            warm_up: self.warm_up,
            weight_decay: self.weight_decay,
            keep: self.keep,
            keep_all_from: self.keep_all_from,
            shares: self.shares,
        }
    }

    /// The folder's checkpoint, or fresh weights.
    fn state(&self, settings: &Settings, base: &Trainable) -> Result<State> {
        let folder = &self.out;
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let fresh = State::of(base, |_| true)?;
        match Checkpoint::load(folder)? {
            Some(_) if !self.resume => bail!(
                "{} is of an earlier run; --resume goes on with it, another --out starts anew",
                checkpoint_path(folder).display()
            ),
            Some(checkpoint) => {
                checkpoint.check(settings, &fresh, folder)?;
                Ok(checkpoint.state)
            }
            None => Ok(fresh),
        }
    }

    fn finish(
        &self,
        trainer: &Trainer<SceneSource>,
        model: &Untrained,
        commit: String,
    ) -> Result<()> {
        let folder = self.out.join("model");
        let provenance = Provenance {
            commit,
            seed: self.seed,
            steps: trainer.state().step,
            of: self.steps,
        };
        export(&trainer.model()?, &provenance, &model.files, &folder)?;
        // As it was written, in half precision.
        let mut written = DualEncoder::load(&folder, &m2ib_cpu::flex())?;
        written.computes_on_host(true);
        let measures = model.examination.measure(&written, &model.lanes)?;
        anstream::println!("{}, on the validation split:", folder.display());
        anstream::print!("{}", super::measure::table(&measures));
        Ok(())
    }
}

/// A model but for its weights, and what it is measured with.
struct Untrained {
    tokenizer: CaptionTokenizer,
    processor: ImageProcessor,
    files: Files,
    examination: Examination,
    lanes: Lanes,
}

impl Untrained {
    fn measure(&self, trainer: &Trainer<SceneSource>) -> Result<Measures> {
        let (tokenizer, processor) = (self.tokenizer.clone(), self.processor.clone());
        let name = "in training".into();
        let model = trainer.model()?.into_model(name, tokenizer, processor);
        Ok(self.examination.measure(&model, &self.lanes)?)
    }
}

fn progress(done: u64, steps: u64) -> ProgressBar {
    let template = "{bar:24} {pos}/{len} {elapsed}, {eta} to go  {msg}";
    let style = ProgressStyle::with_template(template).unwrap_or(ProgressStyle::default_bar());
    let bar = ProgressBar::new(steps).with_style(style);
    bar.set_position(done);
    bar.reset_eta();
    bar
}
