//! `m2ib evaluate --methods …`: methods compared on the same pairs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use m2ib::{DualEncoder, Modality};
use m2ib_data::Dataset;
use m2ib_eval::comparison::{Comparison, Gallery, Plan, gallery};
use m2ib_methods::Registry;
use m2ib_metrics::{Metric, TokenFill};

use crate::methods::{self, Chosen};
use crate::output::Output;
use crate::terminal::print;
use crate::trials::{self, RoarArguments};

/// What came of each pair.
const JOURNAL: &str = "journal.jsonl";
/// All numbers, and what they are of.
const REPORT: &str = "comparison.json";

/// Everything that is written anew in a folder; statistics that are there are taken.
pub(crate) const FILES: [&str; 7] = [
    JOURNAL,
    "comparison.html",
    "comparison.md",
    "comparison.csv",
    REPORT,
    "image-metrics.svg",
    "text-metrics.svg",
];

/// Pairs, methods and metrics.
#[derive(Args)]
pub(crate) struct Compare {
    #[arg(long, value_name = "METHODS", value_delimiter = ',', help = methods_help())]
    methods: Vec<String>,
    /// Metrics, separated by commas; all that can be had if not given. One that is named and cannot be
    /// had of any pair is an error.
    #[arg(long, value_name = "METRICS", value_delimiter = ',')]
    metrics: Vec<Metric>,
    /// What a masked token becomes: pad, mean (of the vocabulary's embeddings) or a token's id.
    #[arg(long, default_value = "pad", value_name = "FILL", value_parser = crate::pairs::fill)]
    fill: TokenFill,
    /// Pairs for the metrics that explain each pair many times: sensitivity and the sanity checks.
    #[arg(long, default_value_t = 20, value_name = "N")]
    repeated: usize,
    /// Steps of the curves of deletion and insertion. Most of a run's time goes with them.
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = crate::pairs::count)]
    curve_steps: usize,
    /// Changed inputs that infidelity is taken over.
    #[arg(long, default_value_t = 64, value_name = "N", value_parser = crate::pairs::count)]
    draws: usize,
    /// Folders of evaluations of other shares of the pairs, separated by commas: what was measured
    /// there is not measured again.
    #[arg(long, value_name = "DIRS", value_delimiter = ',')]
    merge: Vec<PathBuf>,
    /// ROAR+ too: the model is fine-tuned once a method, without what the method calls important.
    #[arg(long)]
    roar: bool,
    /// Pairs shown with their pictures: so many, side by side, on the page.
    #[arg(long, default_value_t = 6, value_name = "N")]
    shown: usize,
    #[command(flatten)]
    tuning: RoarArguments,
}

impl Compare {
    /// Whether a comparison is asked for.
    pub(crate) fn is_wanted(&self) -> bool {
        let tuned = self.roar || self.tuning.are_given();
        let more = tuned || !self.merge.is_empty();
        !self.methods.is_empty() || !self.metrics.is_empty() || more
    }

    pub(crate) fn run(
        &self,
        plan: &Plan,
        model: &DualEncoder,
        dataset: &Dataset,
        output: &Output,
    ) -> Result<()> {
        let folder = output.folder();
        let journal = folder.join(JOURNAL);
        let others = (self.merge.iter()).map(|folder| folder.join(JOURNAL));
        let others: Vec<PathBuf> = others.collect();
        for (folder, other) in self.merge.iter().zip(&others) {
            ensure!(
                !m2ib_files::is_same(other, &journal),
                "--merge: {} is --out itself",
                folder.display()
            );
        }
        let journal = trials::explained(plan, model, dataset, (&journal, &others))?;
        let pictures = gallery(plan, model, dataset, &journal, self.shown)?;
        let mut comparison = plan.compare(model.name(), dataset, &journal)?;
        let mut written = write(output, &comparison, &pictures)?;
        trials::measured(&comparison)?;
        if self.roar {
            let kept = folder.join("roar");
            let report = self.tuning.run(plan, model, dataset, &journal, &kept)?;
            comparison.roar = Some(report);
            written = write(output, &comparison, &pictures)?;
        }
        print(format_args!(
            "{} pairs of {}, {}; means ± half of the 95 % confidence interval\n\n{}",
            comparison.pairs,
            comparison.data,
            comparison.model,
            comparison.to_markdown()
        ))?;
        for path in written {
            print(path.display())?;
        }
        comparison.met(&self.metrics).context("--metrics")
    }

    /// Whether all that is asked for can be had, before anything is explained or written.
    pub(crate) fn check(
        &self,
        plan: &Plan,
        model: &DualEncoder,
        dataset: &Dataset,
        folder: &Path,
    ) -> Result<()> {
        for folder in &self.merge {
            ensure!(
                folder.join(JOURNAL).is_file(),
                "--merge: {} holds no {JOURNAL} of an evaluation",
                folder.display()
            );
        }
        trials::keep_others(folder, REPORT, dataset)?;
        plan.check(model)?;
        plan.demand(&self.metrics, model, dataset)
            .context("--metrics")?;
        match self.roar {
            true => self.tuning.check(plan, model, dataset),
            false => Ok(()),
        }
    }

    /// Those named; none if none is.
    pub(crate) fn methods(&self) -> Result<Vec<Chosen>> {
        if self.methods == ["all"] {
            return Ok(Registry::standard().methods().to_vec());
        }
        let methods = self.methods.iter().map(|text| methods::parse(text));
        methods.collect::<Result<_, _>>().context("--methods")
    }

    pub(crate) fn plan(&self, methods: Vec<Chosen>, seed: u64) -> Result<Plan> {
        for (place, method) in methods.iter().enumerate() {
            let twice = methods[..place].iter().any(|m| m.key() == method.key());
            ensure!(
                !twice,
                "--methods, --preset, --config: {} is there twice, expected each once",
                method.key()
            );
        }
        let unused = self.tuning.are_given() && !self.roar;
        ensure!(
            !unused,
            "--roar-runs, --roar-epochs and --roar-rate are settings of --roar, which is not given"
        );
        // Whatever the padding is.
        self.tuning.settings(seed, 0)?;
        let mut plan = Plan::new(methods);
        if !self.metrics.is_empty() {
            plan.metrics = self.metrics.clone();
        }
        plan.fill = self.fill;
        plan.faithfulness.curve.steps = self.curve_steps;
        plan.faithfulness.infidelity.draws = self.draws;
        plan.repeated = self.repeated;
        plan.seed = seed;
        Ok(plan)
    }
}

fn methods_help() -> String {
    format!(
        "Methods to compare, separated by commas, each with settings after colons, as in \
         grad-cam:form=elementwise,m2ib-matched:beta=0.3; \"all\" is each with its usual settings. \
         `m2ib methods` lists their settings. [possible: {}]",
        methods::names()
    )
}

/// Everything in files; those that are there from an earlier run are replaced.
fn write(output: &Output, comparison: &Comparison, pictures: &Gallery) -> Result<Vec<PathBuf>> {
    let files = files(comparison, &comparison.to_html(pictures)?)?.into_iter();
    let written = files.map(|(name, bytes)| output.write(name, &bytes));
    written.collect()
}

fn files(comparison: &Comparison, page: &str) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let mut files = vec![
        ("comparison.html", page.as_bytes().to_vec()),
        ("comparison.md", comparison.to_markdown().into_bytes()),
        ("comparison.csv", comparison.to_csv().into_bytes()),
        (REPORT, serde_json::to_vec_pretty(comparison)?),
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
