//! `m2ib evaluate`: methods held against each other, on scenes whose every pixel's owner is known or
//! on pairs of one's own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use m2ib::{Config, Preset};
use m2ib_methods::{Configured, M2ibSettings, MethodFactory, Registry};
use m2ib_metrics::Metric;

use crate::calibration::CalibrationArguments;
use crate::compare::{Compare, FILES};
use crate::methods::Chosen;
use crate::model::ModelArguments;
use crate::output::Output;
use crate::pairs::Pairs;

/// Measure explanations: of scenes of emoji, does the map lie on the named object, does its name
/// score highest? With --methods or --data, compare methods by many metrics, on scenes or on your
/// own pairs. A run that was stopped goes on when the same command is given again.
#[derive(Args)]
pub(crate) struct Evaluate {
    /// Seed of whatever is drawn: which object each scene's caption names, the noise of --preset and --config (--methods
    /// have seeds of their own), and the resamples of the intervals.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where the settings start from: M2IB's presets to compare, separated by commas [default: all, if
    /// neither --methods nor --data asks for more].
    #[arg(long, value_name = "PRESETS", value_delimiter = ',')]
    preset: Vec<Preset>,
    /// Settings in a TOML file, as `m2ib sweep` writes them; several, separated by commas, are compared.
    #[arg(long, value_name = "FILES", value_delimiter = ',')]
    config: Vec<PathBuf>,
    /// "emoji" is the embedded model; others should have learnt such scenes.
    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    calibration: CalibrationArguments,
    /// Where to write: a folder for the results.
    #[arg(long, default_value = "m2ib-out", value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    pairs: Pairs,
    #[command(flatten)]
    compare: Compare,
}

impl Evaluate {
    pub(crate) fn run(self) -> Result<()> {
        let mut plan = self.compare.plan(self.methods()?, self.seed)?;
        let output = Output::check(&self.out, &FILES, self.inputs())?;
        if self.is_of_scenes_alone() {
            plan.metrics = Metric::TRUTH.to_vec();
        }
        let dataset = self.pairs.read(self.seed)?;
        let model = self.model.load()?;
        let needed = plan.methods.iter().any(|method| method.needs_calibration());
        // Whatever is wrong is told before statistics are taken, which takes a while.
        plan.calibration = self.calibration.provisional(needed, &model)?;
        self.compare.check(&plan, &model, &dataset, &self.out)?;
        plan.calibration =
            self.calibration
                .load(needed, &model, (&self.pairs, self.seed), &self.out)?;
        self.compare.run(&plan, &model, &dataset, &output)
    }

    /// What is read.
    fn inputs(&self) -> Vec<PathBuf> {
        let files = self.pairs.data.iter().chain(&self.config).cloned();
        let files = files.chain(self.calibration.inputs());
        files.chain(self.model.inputs()).collect()
    }

    /// Whether nothing else is asked than what only scenes can answer.
    fn is_of_scenes_alone(&self) -> bool {
        !self.compare.is_wanted() && self.pairs.data.is_none()
    }

    fn methods(&self) -> Result<Vec<Chosen>> {
        let mut methods = self.compare.methods()?;
        let usual = match self.is_of_scenes_alone() {
            true => vec![
                Preset::Fine,
                Preset::Fast,
                Preset::Matched,
                Preset::Released,
            ],
            false => Vec::new(),
        };
        let presets = if self.preset.is_empty() {
            &usual
        } else {
            &self.preset
        };
        methods.extend(
            presets
                .iter()
                .map(|&preset| M2ibSettings::new(preset).with_seed(self.seed)),
        );
        for file in &self.config {
            let config = Config::load(file).context("--config")?;
            let preset = config.preset.or(Some(Preset::default()));
            methods.push(Arc::new(Configured {
                name: self.name(file),
                config: Config { preset, ..config },
                seed: self.seed,
            }));
        }
        Ok(match methods.is_empty() {
            true => Registry::standard().methods().to_vec(),
            false => methods,
        })
    }

    /// What a file's settings are called: its name, with its folder's where another has the same.
    fn name(&self, file: &Path) -> String {
        let stem = |file: &Path| file.file_stem().unwrap_or_default().to_owned();
        let same = self.config.iter().filter(|other| stem(other) == stem(file));
        let folder = file.parent().and_then(Path::file_name).unwrap_or_default();
        let name = stem(file);
        match same.count() {
            0 | 1 => name.to_string_lossy().into_owned(),
            _ => format!("{}-{}", folder.to_string_lossy(), name.to_string_lossy()),
        }
    }
}
