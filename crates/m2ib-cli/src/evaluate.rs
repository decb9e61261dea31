//! `m2ib evaluate`: explanations held against scenes whose every pixel's owner is known, or methods
//! against each other.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use m2ib::image::ImageFormat;
use m2ib::{Config, Explainer, Noise, Preset, Pretrained};
use m2ib_eval::{Evaluation, Yardstick, contact_sheet};

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
    /// Draws which object each scene's caption names, the presets' noise (methods have seeds of
    /// their own), and the resamples of the intervals.
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
    /// Settings in TOML files to compare with them, as `m2ib sweep` writes them, separated by
    /// commas.
    #[arg(long, value_name = "FILES", value_delimiter = ',')]
    config: Vec<PathBuf>,
    /// "emoji" is the embedded model; others should have learnt such scenes.
    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    calibration: CalibrationArguments,
    /// Folder for the results.
    #[arg(long, default_value = "m2ib-out", value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    pairs: Pairs,
    #[command(flatten)]
    compare: Compare,
}

impl Evaluate {
    pub(crate) fn run(self) -> Result<()> {
        if self.compare.is_wanted() || self.pairs.data.is_some() {
            ensure!(
                self.config.is_empty(),
                "--config is for the scenes' own measures; here give settings behind a method's name, as in --methods m2ib-matched:beta=0.3"
            );
            let needed = self.compare.needs_calibration()?;
            let dataset = self.pairs.read(self.seed)?;
            let model = self.model.load()?;
            let out = self.out.as_path();
            let calibration = self.calibration.load(needed, &self.model, &model, out)?;
            let rest = (self.seed, out);
            return self.compare.run(&model, calibration, &dataset, rest);
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
        for (name, explainer) in &explainers {
            bar.set_message(name.clone());
            let attributions = yardstick.explain(explainer, &|_| bar.inc(1))?;
            let evaluation = yardstick.judge(name, &attributions)?;
            let sheet = contact_sheet(&yardstick, &attributions, &evaluation)?;
            let mut bytes = Cursor::new(Vec::new());
            sheet.write_to(&mut bytes, ImageFormat::Png)?;
            sheets.push((format!("cases-{name}.png"), bytes.into_inner()));
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

    /// Presets and files of settings by name, with their explainers.
    fn explainers(&self, model: &Pretrained) -> Result<Vec<(String, Explainer)>> {
        let presets = self.preset.iter().map(|&preset| {
            let config = Config {
                preset: Some(preset),
                ..Default::default()
            };
            Ok((preset.to_string(), config))
        });
        let files = self.config.iter().map(|file| {
            let config = Config::load(file).context("--config")?;
            let preset = config.preset.or(Some(self.model.usual_preset()));
            Ok((self.name(file), Config { preset, ..config }))
        });
        let settings = presets.chain(files).collect::<Result<Vec<_>>>()?;
        for (place, (name, _)) in settings.iter().enumerate() {
            let twice = settings[..place].iter().any(|(other, _)| other == name);
            ensure!(
                !twice,
                "two settings are called {name}: give each of --preset and --config once"
            );
        }
        let needed = settings.iter().any(|(_, config)| is_matched(config));
        let calibration = self
            .calibration
            .load(needed, &self.model, model, &self.out)?;
        let explainers = settings.into_iter().map(|(name, config)| {
            let mut builder = Explainer::builder(model.clone())
                .config(config)
                .seed(self.seed);
            if let Some(calibration) = &calibration {
                builder = builder.calibration(calibration.clone());
            }
            Ok((name, builder.build()?))
        });
        explainers.collect()
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

/// Whether noise is matched to the model's features, which takes statistics of them.
fn is_matched(config: &Config) -> bool {
    let noises = [config.image.noise, config.text.noise];
    config.preset == Some(Preset::Matched) || noises.contains(&Some(Noise::Matched))
}
