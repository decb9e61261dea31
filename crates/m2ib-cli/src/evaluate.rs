//! `m2ib evaluate`: explanations held against scenes whose every pixel's owner is known, or methods
//! against each other.

use std::io::Cursor;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use m2ib::image::ImageFormat;
use m2ib::{Explainer, Modality, ModalitySettings, Noise, Preset, Pretrained};
use m2ib_eval::{Evaluation, Setting, Sweep, Yardstick, contact_sheet};

use crate::calibration::CalibrationArguments;
use crate::compare::Compare;
use crate::model::ModelArguments;
use crate::output::Output;
use crate::pairs::Pairs;

/// Measure explanations: of scenes of emoji, does the map lie on the named object, does its name
/// score highest? With --methods or --data, compare methods by many metrics, on scenes or on your
/// own pairs; a run that was stopped goes on when the same command is given again.
#[derive(Args)]
pub(crate) struct Evaluate {
    #[command(flatten)]
    pairs: Pairs,
    #[command(flatten)]
    compare: Compare,
    /// Draws which object each caption names, the noise, and the resamples of the intervals.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Presets to compare, separated by commas.
    #[arg(
        long,
        value_name = "PRESET",
        value_delimiter = ',',
        default_values_t = [Preset::Released, Preset::Matched]
    )]
    preset: Vec<Preset>,
    /// What to vary around each preset, one thing at a time, separated by commas: "layers",
    /// "beta", "steps".
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    sweep: Vec<Sweep>,
    /// "emoji" is the embedded model; others should have learnt such scenes.
    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    calibration: CalibrationArguments,
    /// Folder for the results.
    #[arg(long, default_value = "m2ib-out", value_name = "DIR")]
    out: PathBuf,
}

impl Evaluate {
    pub(crate) fn run(self) -> Result<()> {
        if self.compare.is_wanted() || self.pairs.data.is_some() {
            let needed = self.compare.needs_calibration()?;
            let dataset = self.pairs.read(self.seed)?;
            let model = self.model.load()?;
            let calibration = self.calibration.load(needed, &self.model, &model)?;
            let rest = (self.seed, self.out.as_path());
            return self
                .compare
                .run(&model, calibration.as_ref(), &dataset, rest);
        }
        let scenes = self
            .pairs
            .scenes
            .context("give --scenes N, or --data PATH to compare methods on pairs of your own")?;
        let output = Output::check(&self.out)?;
        let model = self.model.load()?;
        // Everything that can be wrong with a setting shows before the first scene is explained.
        let explainers = self.explainers(&model)?;
        let yardstick = Yardstick::new(scenes as usize, self.seed)?;
        let bar = ProgressBar::new(scenes * explainers.len() as u64).with_style(
            ProgressStyle::with_template("{bar:32} {pos}/{len} scenes, {eta} left, {msg}")?,
        );
        let mut evaluations: Vec<Evaluation> = Vec::new();
        let mut sheets = Vec::new();
        for (setting, explainer) in &explainers {
            bar.set_message(setting.name.clone());
            let attributions = yardstick.explain(explainer, &|_| bar.inc(1))?;
            let evaluation = yardstick.judge(&setting.name, &attributions)?;
            if *setting == Setting::from(setting.preset) {
                let sheet = contact_sheet(&yardstick, &attributions, &evaluation)?;
                let mut bytes = Cursor::new(Vec::new());
                sheet.write_to(&mut bytes, ImageFormat::Png)?;
                sheets.push((format!("cases-{}.png", setting.name), bytes.into_inner()));
            }
            evaluations.push(evaluation);
        }
        bar.finish_and_clear();

        let report = yardstick.report(evaluations);
        anstream::println!(
            "{} scenes, seed {}, {}; means with {:.0} % confidence intervals\n\n{}",
            report.scenes,
            report.seed,
            report.evaluations[0].provenance.model,
            report.confidence * 100.0,
            report.to_markdown()
        );
        let mut files = vec![
            (
                "evaluation.json".into(),
                serde_json::to_vec_pretty(&report)?,
            ),
            ("evaluation.csv".into(), report.to_csv().into_bytes()),
        ];
        files.extend(sheets);
        for (name, bytes) in files {
            anstream::println!("{}", output.write(&name, &bytes)?.display());
        }
        Ok(())
    }

    /// All settings, each once, with their explainers.
    fn explainers(&self, model: &Pretrained) -> Result<Vec<(Setting, Explainer)>> {
        let mut settings: Vec<Setting> = self.preset.iter().copied().map(Setting::from).collect();
        for (&preset, &sweep) in self
            .preset
            .iter()
            .flat_map(|preset| self.sweep.iter().map(move |sweep| (preset, sweep)))
        {
            settings.extend(Setting::sweep(preset, sweep, model));
        }
        let needed = self.preset.iter().copied().any(is_matched);
        let calibration = self.calibration.load(needed, &self.model, model)?;
        let mut explainers: Vec<(Setting, Explainer)> = Vec::new();
        for setting in settings {
            let explainer = setting.explainer(model, calibration.as_ref(), self.seed)?;
            // A sweep passes through the preset's own value, too.
            let same = |other: &Explainer| {
                [Modality::Image, Modality::Text]
                    .into_iter()
                    .all(|modality| other.settings(modality) == explainer.settings(modality))
            };
            if !explainers.iter().any(|(_, other)| same(other)) {
                explainers.push((setting, explainer));
            }
        }
        Ok(explainers)
    }
}

/// Whether a preset's noise is matched to the model's features.
fn is_matched(preset: Preset) -> bool {
    ModalitySettings::preset(preset, Modality::Text, 2).noise == Noise::Matched
}
