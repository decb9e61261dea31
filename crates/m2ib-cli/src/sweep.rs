//! `m2ib sweep`: settings of a method chosen by a metric or by ROAR+.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::Args;
use m2ib::segment::Threshold;
use m2ib::{Calibration, DualEncoder, Layer, Modality, Preset};
use m2ib_data::Dataset;
use m2ib_eval::comparison::Plan;
use m2ib_eval::search::{Axis, Cuts, Goal, Grid, Search};
use m2ib_methods::M2ibSettings;
use m2ib_metrics::TokenFill;

use crate::calibration::CalibrationArguments;
use crate::methods::{self, Chosen};
use crate::model::ModelArguments;
use crate::output::Output;
use crate::pairs::{Pairs, TestPairs};
use crate::terminal::print;
use crate::trials::{self, RoarArguments};

/// Share of the pairs that nothing is chosen by.
const HELD_OUT: f64 = 0.25;

/// What came of each pair, of those that are chosen by and of those held out.
const JOURNALS: [&str; 2] = ["journal.jsonl", "held-out.jsonl"];

/// Everything that is written anew in a folder; statistics that are there are taken.
const FILES: [&str; 7] = [
    JOURNALS[0],
    JOURNALS[1],
    "sweep.md",
    "sweep.csv",
    "sweep.json",
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

/// Values to try, each list separated by commas.
#[derive(Args)]
#[command(next_help_heading = "What to vary of M2IB, values separated by commas")]
#[group(id = "axes")]
struct Axes {
    /// Where the settings start from: presets to try; the one that `m2ib explain` takes if not given.
    #[arg(long, value_name = "PRESETS", value_delimiter = ',')]
    preset: Vec<Preset>,
    /// Layer to mask in the image tower: those to try, "embedding" or a block's number, or "all".
    #[arg(long, value_name = "LAYERS", value_delimiter = ',')]
    image_layer: Vec<Layers>,
    /// Layer to mask in the text tower: those to try.
    #[arg(long, value_name = "LAYERS", value_delimiter = ',')]
    text_layer: Vec<Layers>,
    /// Isotropic noise with this deviation: those to try.
    #[arg(
        long,
        value_name = "SIGMAS",
        value_delimiter = ',',
        allow_hyphen_values = true
    )]
    sigma: Vec<f64>,
    /// Price of a nat: those to try.
    #[arg(
        long,
        value_name = "BETAS",
        value_delimiter = ',',
        allow_hyphen_values = true
    )]
    beta: Vec<f64>,
    /// Learning rate of the optimiser: those to try.
    #[arg(
        long,
        value_name = "RATES",
        value_delimiter = ',',
        allow_hyphen_values = true
    )]
    learning_rate: Vec<f64>,
    /// Optimisation steps: numbers to try.
    #[arg(long, value_name = "STEPS", value_delimiter = ',', value_parser = crate::pairs::count)]
    steps: Vec<usize>,
}

/// How maps are cut into masks.
#[derive(Args)]
#[command(next_help_heading = "Masks, for --metric iou and dice")]
struct Cutting {
    /// Thresholds to cut maps at: numbers from 0 to 1, otsu, and shares of the map as in mass:0.5
    /// [default: 0.05 to 0.95, otsu, mass:0.1 to 0.5].
    #[arg(
        long,
        value_name = "THRESHOLDS",
        value_delimiter = ',',
        allow_hyphen_values = true
    )]
    threshold: Vec<Threshold>,
    /// Keep so many connected regions of the mask, the largest.
    #[arg(long, value_name = "N", value_parser = crate::pairs::count)]
    regions: Option<usize>,
}

impl Cutting {
    fn is_given(&self) -> bool {
        !self.threshold.is_empty() || self.regions.is_some()
    }

    fn cuts(&self) -> Cuts {
        let mut cuts = Cuts::default();
        cuts.segmenter.regions = self.regions;
        if !self.threshold.is_empty() {
            cuts.thresholds = Vec::new();
        }
        for &threshold in &self.threshold {
            if !cuts.thresholds.contains(&threshold) {
                cuts.thresholds.push(threshold);
            }
        }
        cuts
    }
}

/// A method of the registry in place of the presets.
#[derive(Args)]
#[command(next_help_heading = "Another method")]
struct Other {
    #[arg(long, value_name = "NAME[:SETTING=VALUE…]", help = method_help(),
        value_parser = methods::parse, requires = "vary", conflicts_with = "axes")]
    method: Option<Chosen>,
    /// A setting of it with the values to try, as in --vary masks=100,500; once for each setting.
    #[arg(long, value_name = "SETTING=VALUES", requires = "method")]
    vary: Vec<String>,
}

/// One layer or all that a tower has.
#[derive(Clone, Copy)]
enum Layers {
    All,
    One(Layer),
}

impl FromStr for Layers {
    type Err = m2ib::SettingError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "all" => Ok(Self::All),
            layer => layer.parse().map(Self::One),
        }
    }
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
        let test = self.pairs.read_test(&self.test)?;
        let model = self.model.load()?;
        let search = self.search(&model, &dataset, test)?;
        let mut files = vec![
            ("sweep.md", search.to_markdown().into_bytes()),
            ("sweep.csv", search.to_csv().into_bytes()),
            ("sweep.json", serde_json::to_vec_pretty(&search)?),
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

    /// Each once.
    fn presets(&self) -> Vec<Preset> {
        let mut presets = Vec::new();
        for &preset in &self.axes.preset {
            if !presets.contains(&preset) {
                presets.push(preset);
            }
        }
        if presets.is_empty() {
            presets.push(Preset::default());
        }
        presets
    }

    /// The chosen setting, and the presets, or the method, as they are.
    fn finalists(&self, grid: &Grid, search: &Search) -> Result<Vec<Chosen>> {
        let chosen = grid.candidates()?.swap_remove(search.candidate()).method;
        let usual: Vec<Chosen> = match &self.other.method {
            Some(method) => vec![method.clone()],
            None => {
                let presets = self.presets().into_iter().map(M2ibSettings::new);
                presets.map(|preset| Arc::new(preset) as Chosen).collect()
            }
        };
        let others = usual
            .into_iter()
            .filter(|usual| usual.key() != chosen.key());
        Ok([chosen.clone()].into_iter().chain(others).collect())
    }

    fn grid(&self, model: &DualEncoder) -> Result<Grid> {
        let axes = &self.axes;
        let (image, text) = (model.image().depth(), model.text().depth());
        let image_layers = layers(&axes.image_layer, Modality::Image, image)?;
        let text_layers = layers(&axes.text_layer, Modality::Text, text)?;
        if let Some(method) = &self.other.method {
            let grid = self.other.grid(method)?;
            return self.judged(grid, "--vary ");
        }
        let grid = Grid::new(&self.presets())
            .vary(Axis::ImageLayer, image_layers)
            .vary(Axis::TextLayer, text_layers)
            .vary(Axis::Sigma, &axes.sigma)
            .vary(Axis::Beta, &axes.beta)
            .vary(Axis::LearningRate, &axes.learning_rate)
            .vary(Axis::Steps, &axes.steps);
        self.judged(grid, "--")
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

impl Other {
    fn grid(&self, method: &Chosen) -> Result<Grid> {
        let settings = method.settings();
        let mut grid = Grid::of(method.clone());
        for text in &self.vary {
            let (name, values) = text.split_once('=').unwrap_or((text, ""));
            let setting = settings.iter().find(|setting| setting.name == name);
            let known: Vec<_> = settings.iter().map(|setting| setting.name).collect();
            let setting = setting.with_context(|| {
                let known = match known.as_slice() {
                    [] => "no settings".into(),
                    known => format!("settings {}", known.join(", ")),
                };
                format!("--vary {text}: {} has {known}", method.name())
            })?;
            let values = values.split(',').filter(|value| !value.is_empty());
            grid = grid.vary(Axis::of(setting.name), values);
        }
        Ok(grid)
    }
}

fn method_help() -> String {
    format!(
        "Another method instead of M2IB: with --vary, whose settings `m2ib methods` lists. [possible: {}]",
        methods::names()
    )
}

/// Layers by name, checked against the tower.
fn layers(given: &[Layers], modality: Modality, depth: usize) -> Result<Vec<Layer>> {
    let mut layers = Vec::new();
    for layer in given {
        match *layer {
            Layers::All => layers.extend(Layer::all(depth)),
            Layers::One(layer) => {
                layer
                    .check(modality, depth)
                    .with_context(|| format!("--{modality}-layer"))?;
                layers.push(layer);
            }
        }
    }
    Ok(layers)
}
