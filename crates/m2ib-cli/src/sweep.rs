//! `m2ib sweep`: settings of a method chosen by a metric or by ROAR+.

mod varied;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::Args;
use m2ib::{Calibration, DualEncoder};
use m2ib_data::Dataset;
use m2ib_eval::comparison::Plan;
use m2ib_eval::search::{Goal, Grid, Search};
use m2ib_methods::M2ibSettings;
use m2ib_metrics::TokenFill;

use crate::calibration::CalibrationArguments;
use crate::methods::Chosen;
use crate::model::ModelArguments;
use crate::output::Output;
use crate::pairs::{Pairs, TestPairs};
use crate::terminal::print;
use crate::trials::{self, RoarArguments};
use varied::{Axes, Cutting, Other};

/// Share of the pairs that nothing is chosen by.
const HELD_OUT: f64 = 0.25;

/// What came of each pair, of those that are chosen by and of those held out.
const JOURNALS: [&str; 2] = ["journal.jsonl", "held-out.jsonl"];

/// All numbers, and what they are of.
const REPORT: &str = "sweep.json";

/// Everything that is written anew in a folder; statistics that are there are taken.
const FILES: [&str; 7] = [
    JOURNALS[0],
    JOURNALS[1],
    "sweep.md",
    "sweep.csv",
    REPORT,
    "sweep.svg",
    "chosen.toml",
];

/// Choose settings of M2IB, or of another method, on evidence: every combination of the values given
/// is tried, and a metric or ROAR+ decides; iou and dice choose the threshold of masks as well. Writes a table, a heat map and the chosen settings as chosen.toml, which
/// `m2ib explain --config` reads. A run that was stopped goes on when the same command is given
/// again.
#[derive(Args)]
pub(crate) struct Sweep {
    /// What decides: a metric of `m2ib evaluate --metrics`, or roar_image_to_text,
    /// roar_text_to_image or roar_loss.
    #[arg(long, default_value = "road", value_name = "METRIC")]
    metric: Goal,
    /// Share of the pairs that nothing is chosen by: the chosen settings and the presets are
    /// measured on them once more [default: 0.25, for ROAR+ 0].
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    held_out: Option<f64>,
    /// What a masked token becomes: pad, mean (of the vocabulary's embeddings) or a token's id.
    #[arg(long, default_value = "pad", value_name = "FILL", value_parser = crate::pairs::fill)]
    fill: TokenFill,
    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    calibration: CalibrationArguments,
    /// Seed of whatever is drawn: which object each scene's caption names, which pairs are held out, and the resamples
    /// of the intervals.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where to write: a folder for the results.
    #[arg(long, default_value = "m2ib-out", value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    pairs: Pairs,
    #[command(flatten)]
    test: TestPairs,
    #[command(flatten)]
    axes: Axes,
    #[command(flatten)]
    cutting: Cutting,
    #[command(flatten)]
    other: Other,
    #[command(flatten)]
    tuning: RoarArguments,
}

impl Sweep {
    pub(crate) fn run(self) -> Result<()> {
        let roar = matches!(self.metric, Goal::Roar(_));
        ensure!(
            self.test.test.is_none() || (self.held_out.is_none() && !roar),
            "--test: its pairs take the place of those held out, so leave --held-out and ROAR+ away"
        );
        if let Some(found) = self.held_out {
            let share = (0.0..1.0).contains(&found);
            ensure!(
                share,
                "--held-out: found {found}, expected a share from 0 up and below 1"
            );
            ensure!(
                !roar,
                "--held-out: {} validates on pairs of its own",
                self.metric
            );
        }
        ensure!(
            roar || !self.tuning.are_given(),
            "--roar-runs, --roar-epochs and --roar-rate are for --metric roar_…; {} needs no fine-tuning",
            self.metric
        );
        ensure!(
            self.metric.judges_masks() || !self.cutting.is_given(),
            "--threshold and --regions are of masks, which {} does not judge; --metric iou and dice do",
            self.metric
        );
        // Whatever the padding is.
        self.tuning.settings(self.seed, 0)?;
        let output = Output::check(&self.out, &FILES, self.inputs())?;
        let dataset = self.pairs.read(self.seed)?;
        trials::keep_others(&self.out, REPORT, &dataset)?;
        let test = self.pairs.read_test(&self.test)?;
        let model = self.model.load()?;
        let search = self.search(&model, &dataset, test)?;
        let mut files = vec![
            ("sweep.md", search.to_markdown().into_bytes()),
            ("sweep.csv", search.to_csv().into_bytes()),
            (REPORT, serde_json::to_vec_pretty(&search)?),
            ("sweep.svg", search.to_svg()?.into_bytes()),
        ];
        let toml = search.to_toml();
        if let Some(toml) = &toml {
            files.push(("chosen.toml", toml.clone().into_bytes()));
        }
        // Written before it is said: nobody may be listening.
        let written = files.iter().map(|(name, bytes)| output.write(name, bytes));
        let written = written.collect::<Result<Vec<_>>>()?;
        print(format_args!(
            "{} of {} pairs of {}, {}; means ± half of the 95 % confidence interval\n\n{}",
            search.pairs,
            search.of,
            search.data,
            search.model,
            search.to_markdown()
        ))?;
        match toml {
            Some(toml) => print(toml)?,
            None => print(format_args!(
                "m2ib explain --method {}{}\n",
                search.chosen().method,
                match search.threshold() {
                    Some(threshold) => format!(" --mask {threshold}"),
                    None => String::new(),
                }
            ))?,
        }
        for path in written {
            print(path.display())?;
        }
        Ok(())
    }

    /// What is read.
    fn inputs(&self) -> Vec<PathBuf> {
        let files = [
            self.pairs.data.clone(),
            self.test.test.clone(),
            self.calibration.inputs(),
        ];
        let files = files.into_iter().flatten();
        files.chain(self.model.inputs()).collect()
    }

    fn search(
        &self,
        model: &DualEncoder,
        dataset: &Dataset,
        test: Option<Dataset>,
    ) -> Result<Search> {
        let grid = self.grid(model)?;
        let candidates = grid.candidates()?.into_iter();
        let candidates: Vec<Chosen> = candidates.map(|candidate| candidate.method).collect();
        let cuts = self.metric.judges_masks().then(|| self.cutting.cuts());
        let ways = cuts.as_ref().map_or(1, |cuts| cuts.thresholds.len());
        ensure!(
            candidates.len() * ways > 1,
            "there is nothing to choose from: vary something, as in --beta 0.1,1,10 or --vary masks=100,500"
        );
        let needed = candidates.iter().any(|method| method.needs_calibration());
        // Whatever is wrong is told before statistics are taken, which takes a while.
        let provisional = self.calibration.provisional(needed, model)?;
        let provisional = self.plan(candidates.clone(), provisional);
        provisional.check(model)?;
        match self.metric {
            Goal::Metric(metric) => provisional
                .demand(&[metric], model, dataset)
                .context("--metric")?,
            Goal::Roar(_) => self.tuning.check(&provisional, model, dataset)?,
        }
        let calibration = &self.calibration;
        let pairs = (&self.pairs, self.seed);
        let calibration = calibration.load(needed, model, pairs, &self.out)?;
        let plan = |methods| self.plan(methods, calibration.clone());
        let journal = self.out.join(JOURNALS[0]);
        match self.metric {
            Goal::Metric(metric) => {
                let [seen, held_out] = match test {
                    Some(test) => [dataset.clone(), test],
                    None => dataset.split(self.held_out.unwrap_or(HELD_OUT), self.seed),
                };
                let all = plan(candidates);
                let kept = trials::explained(&all, model, &seen, (&journal, &[]))?;
                trials::measured(&all.compare(model.name(), &seen, &kept)?)?;
                let search = match &cuts {
                    Some(cuts) => all.search_cuts((&grid, cuts), metric, model, &seen, &kept)?,
                    None => all.search(&grid, metric, model.name(), &seen, &kept)?,
                };
                if held_out.rows.is_empty() {
                    return Ok(search);
                }
                let finalists = plan(self.finalists(&grid, &search)?);
                let journal = self.out.join(JOURNALS[1]);
                let kept = trials::explained(&finalists, model, &held_out, (&journal, &[]))?;
                // What was chosen stays chosen.
                if let Err(error) =
                    trials::measured(&finalists.compare(model.name(), &held_out, &kept)?)
                {
                    crate::terminal::warn(format_args!("of the pairs held out, {error}"));
                }
                Ok(match &cuts {
                    Some(cuts) => {
                        let finalists = (&finalists, cuts);
                        search.with_held_out_cuts(finalists, model, &held_out, &kept)?
                    }
                    None => search.with_held_out(&finalists, &held_out, &kept)?,
                })
            }
            Goal::Roar(measure) => {
                let plan = plan(candidates);
                let kept = trials::explained(&plan, model, dataset, (&journal, &[]))?;
                let comparison = plan.compare(model.name(), dataset, &kept)?;
                trials::measured(&comparison)?;
                let folder = self.out.join("roar");
                let report = self.tuning.run(&plan, model, dataset, &kept, &folder)?;
                Ok(Search::by_roar(&grid, measure, &comparison, report)?)
            }
        }
    }

    /// Explanations measured by one metric, or made for ROAR+.
    fn plan(&self, methods: Vec<Chosen>, calibration: Option<Calibration>) -> Plan {
        let mut plan = Plan::new(methods);
        plan.calibration = calibration;
        (plan.metrics, plan.only) = match self.metric {
            Goal::Metric(metric) => (vec![metric], Some(metric.modality())),
            Goal::Roar(_) => (Vec::new(), None),
        };
        plan.fill = self.fill;
        plan.seed = self.seed;
        // A metric that explains again and again is asked of all pairs when it decides.
        plan.repeated = usize::MAX;
        plan
    }

    /// The chosen setting, and the presets, or the method, as they are.
    fn finalists(&self, grid: &Grid, search: &Search) -> Result<Vec<Chosen>> {
        let chosen = grid.candidates()?.swap_remove(search.candidate()).method;
        let usual: Vec<Chosen> = match &self.other.method {
            Some(method) => vec![method.clone()],
            None => {
                let presets = self.axes.presets().into_iter().map(M2ibSettings::new);
                presets.map(|preset| Arc::new(preset) as Chosen).collect()
            }
        };
        let others = usual
            .into_iter()
            .filter(|usual| usual.key() != chosen.key());
        Ok([chosen.clone()].into_iter().chain(others).collect())
    }

    fn grid(&self, model: &DualEncoder) -> Result<Grid> {
        let of_presets = self.axes.grid(model)?;
        match &self.other.method {
            Some(method) => self.judged(self.other.grid(method)?, "--vary "),
            None => self.judged(of_presets, "--"),
        }
    }

    /// That what decides judges every setting that is varied.
    fn judged(&self, grid: Grid, option: &str) -> Result<Grid> {
        let judged = self.metric.modalities();
        for dimension in grid.dimensions() {
            let axis = dimension.axis;
            ensure!(
                judged.iter().any(|&modality| axis.changes(modality)),
                "{option}{axis} changes nothing that {} judges, which is of the {}'s explanation alone",
                self.metric,
                judged[0]
            );
        }
        Ok(grid)
    }
}
