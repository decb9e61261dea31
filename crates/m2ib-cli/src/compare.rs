//! `m2ib evaluate --methods …`: methods compared on the same pairs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use m2ib::{Calibration, Modality, Pretrained};
use m2ib_eval::Yardstick;
use m2ib_eval::comparison::{Comparison, Plan, RoarProgress, Trial, gallery};
use m2ib_eval::data::{DataFormat, Dataset, Source};
use m2ib_eval::journal::Journal;
use m2ib_eval::metrics::{Metric, TokenFill};
use m2ib_eval::roar::{RoarReport, RoarSettings};
use m2ib_methods::Choice;

use crate::output::Output;

/// Where results are kept as they are made.
const JOURNAL: &str = "journal.jsonl";

/// What CLIP's own tokenizer pads with.
const PAD: i64 = 0;

/// Pairs, methods and metrics.
#[derive(Args)]
pub(crate) struct Compare {
    /// Pairs to explain: a TSV or CSV file (caption, path), JSON lines (image, caption, boxes or
    /// masks), a folder of images with .txt captions, COCO, Flickr30k, RefCOCO or MS-CXR files.
    #[arg(long, value_name = "PATH", conflicts_with = "scenes")]
    data: Option<PathBuf>,
    /// Layout of the data; told from the file if not given.
    #[arg(long, value_name = "LAYOUT", requires = "data")]
    format: Option<DataFormat>,
    /// Folder that the data's paths are relative to; the file's own if not given.
    #[arg(long, value_name = "FOLDER", requires = "data")]
    images: Option<PathBuf>,
    /// Take so many pairs by chance (by --seed) instead of all.
    #[arg(long, value_name = "N", requires = "data")]
    sample: Option<usize>,
    /// Methods to compare, separated by commas, each with settings after colons, as in
    /// grad-cam:form=elementwise,m2ib-matched:beta=0.3; "all" is each with its usual settings.
    #[arg(long, value_name = "METHODS", value_delimiter = ',')]
    methods: Vec<String>,
    /// Metrics, separated by commas; all if not given. Those that need to know where the object is
    /// are left out for pairs that don't say.
    #[arg(long, value_name = "METRICS", value_delimiter = ',')]
    metrics: Vec<Metric>,
    /// What a masked token becomes: pad, mean (of the vocabulary's embeddings) or a token's id.
    #[arg(long, default_value = "pad", value_name = "FILL", value_parser = fill)]
    fill: TokenFill,
    /// Pairs for the metrics that explain each pair many times: sensitivity and the sanity checks.
    #[arg(long, default_value_t = 20, value_name = "N")]
    repeated: usize,
    /// ROAR+ too: the model is fine-tuned once a method, without what the method calls important.
    #[arg(long)]
    roar: bool,
    /// Epochs of each of ROAR+'s fine-tunings.
    #[arg(long, default_value_t = 4, value_name = "N", requires = "roar")]
    roar_epochs: u64,
    /// Their learning rate: 1e-5 for models as large as CLIP's, 1e-3 for the embedded one.
    #[arg(long, default_value_t = 1e-5, value_name = "RATE", requires = "roar")]
    roar_rate: f64,
    /// Pairs shown side by side on the page.
    #[arg(long, default_value_t = 6, value_name = "N")]
    shown: usize,
}

fn fill(text: &str) -> Result<TokenFill, String> {
    match text {
        "pad" => Ok(TokenFill::Pad),
        "mean" => Ok(TokenFill::MeanEmbedding),
        id => {
            let id = id.parse().map(TokenFill::Id);
            id.map_err(|_| format!("found \"{text}\", expected pad, mean or a token's id"))
        }
    }
}

impl Compare {
    /// Whether a comparison is asked for.
    pub(crate) fn is_wanted(&self) -> bool {
        self.data.is_some() || !self.methods.is_empty()
    }

    /// Whether any method needs feature statistics.
    pub(crate) fn needs_calibration(&self) -> Result<bool> {
        Ok(self.choices()?.iter().any(Choice::needs_calibration))
    }

    pub(crate) fn run(
        &self,
        model: &Pretrained,
        calibration: Option<&Calibration>,
        (scenes, seed): (Option<u64>, u64),
        folder: &Path,
    ) -> Result<()> {
        let output = Output::check(folder)?;
        let plan = self.plan(seed)?;
        let dataset = self.dataset(scenes, seed)?;
        for failure in &dataset.failures {
            crate::warn(format!("left out {}: {}", failure.row, failure.reason));
        }
        if dataset.rows.is_empty() {
            bail!("{} holds no pair that can be read", dataset.name);
        }
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let run = plan.fingerprint(&dataset, model.clip.fingerprint());
        let mut journal = Journal::<Trial>::open(folder.join(JOURNAL), &run)?;

        let bar = ProgressBar::new(dataset.rows.len() as u64).with_style(
            ProgressStyle::with_template("{bar:32} {pos}/{len} pairs, {eta} left")?,
        );
        bar.tick();
        plan.run(model, calibration, &dataset, &mut journal, &|_| bar.inc(1))?;
        bar.finish_and_clear();

        let comparison = plan.compare(&model.name, &dataset, &journal);
        let pictures = gallery(&plan, model, calibration, &dataset, self.shown)?;
        anstream::println!(
            "{} pairs of {}, {}; means ± half of the 95 % confidence interval\n\n{}",
            comparison.pairs,
            comparison.data,
            comparison.model,
            comparison.to_markdown()
        );
        if self.roar {
            let report = self.roar(&plan, model, &dataset, &journal, folder)?;
            anstream::println!(
                "ROAR+, {} pairs trained on, {} validated on\n\n{}",
                report.training,
                report.validation,
                report.to_markdown()
            );
            let bytes = serde_json::to_vec_pretty(&report)?;
            anstream::println!("{}", output.write("roar.json", &bytes)?.display());
        }
        for (name, bytes) in files(&comparison, &comparison.to_html(&pictures)?)? {
            anstream::println!("{}", output.write(name, &bytes)?.display());
        }
        Ok(())
    }

    fn roar(
        &self,
        plan: &Plan,
        model: &Pretrained,
        dataset: &Dataset,
        journal: &Journal<Trial>,
        folder: &Path,
    ) -> Result<RoarReport> {
        let mut settings = RoarSettings::new(PAD);
        settings.seed = plan.seed;
        settings.tune.seed = plan.seed;
        settings.tune.epochs = self.roar_epochs;
        settings.tune.learning_rate = self.roar_rate;
        let bar = ProgressBar::new_spinner()
            .with_style(ProgressStyle::with_template("{spinner} ROAR+, {msg}")?);
        let mut told = |progress: RoarProgress<'_>| {
            bar.set_message(format!("{}: step {}", progress.method, progress.step.step));
            bar.tick();
        };
        let report = plan.roar(
            model,
            dataset,
            journal,
            &settings,
            &folder.join("roar"),
            &mut told,
        )?;
        bar.finish_and_clear();
        Ok(report)
    }

    fn choices(&self) -> Result<Vec<Choice>> {
        let all = self.methods.is_empty() || self.methods == ["all"];
        let choices = match all {
            true => Choice::NAMES.map(str::to_owned).to_vec(),
            false => self.methods.clone(),
        };
        let choices = choices.iter().map(|text| Ok(text.parse::<Choice>()?));
        choices.collect::<Result<_>>().context("--methods")
    }

    fn plan(&self, seed: u64) -> Result<Plan> {
        let mut plan = Plan::new(self.choices()?);
        if !self.metrics.is_empty() {
            plan.metrics = self.metrics.clone();
        }
        plan.fill = self.fill;
        plan.repeated = self.repeated;
        plan.seed = seed;
        Ok(plan)
    }

    fn dataset(&self, scenes: Option<u64>, seed: u64) -> Result<Dataset> {
        let Some(path) = &self.data else {
            let scenes = scenes.context("give --data PATH or --scenes N: the pairs to explain")?;
            return Ok(Dataset::scenes(&Yardstick::new(scenes as usize, seed)?));
        };
        let mut source = Source::new(path);
        if let Some(format) = self.format {
            source = source.format(format);
        }
        if let Some(images) = &self.images {
            source = source.images(images);
        }
        let dataset = source.read().context("--data")?;
        Ok(match self.sample {
            Some(count) => dataset.sample(count, seed),
            None => dataset,
        })
    }
}

fn files(comparison: &Comparison, page: &str) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let mut files = vec![
        ("comparison.html", page.as_bytes().to_vec()),
        ("comparison.md", comparison.to_markdown().into_bytes()),
        ("comparison.csv", comparison.to_csv().into_bytes()),
        ("comparison.json", serde_json::to_vec_pretty(comparison)?),
    ];
    let charts = [
        (Modality::Image, "image-metrics.svg"),
        (Modality::Text, "text-metrics.svg"),
    ];
    for (modality, name) in charts {
        let chart = comparison.to_svg(modality)?;
        if !chart.is_empty() {
            files.push((name, chart.into_bytes()));
        }
    }
    Ok(files)
}
