//! `m2ib sweep`: settings of M2IB chosen by a metric or by ROAR+.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, Result, ensure};
use clap::Args;
use m2ib::{Layer, Modality, Preset, Pretrained};
use m2ib_eval::comparison::Plan;
use m2ib_eval::data::Dataset;
use m2ib_eval::metrics::{Metric, TokenFill};
use m2ib_eval::search::{Axis, Goal, Grid, Search};
use m2ib_methods::Choice;

use crate::calibration::CalibrationArguments;
use crate::model::ModelArguments;
use crate::output::Output;
use crate::pairs::Pairs;
use crate::trials::{self, RoarArguments};

/// Choose settings of M2IB on evidence: every combination of the values given is tried, and a
/// metric or ROAR+ decides. Writes a table, a heat map and the chosen settings as chosen.toml, which
/// `m2ib explain --config` reads. A run that was stopped goes on when the same command is given
/// again.
#[derive(Args)]
pub(crate) struct Sweep {
    #[command(flatten)]
    pairs: Pairs,
    /// What decides: a metric of `m2ib evaluate --metrics`, or roar_image_to_text,
    /// roar_text_to_image or roar_loss.
    #[arg(long, default_value = "road", value_name = "METRIC")]
    metric: Goal,
    /// Share of the pairs that nothing is chosen by: the chosen settings are measured on them once
    /// more. ROAR+ keeps a part for validation in any case.
    #[arg(long, default_value_t = 0.25, value_name = "SHARE")]
    held_out: f64,
    /// What a masked token becomes: pad, mean (of the vocabulary's embeddings) or a token's id.
    #[arg(long, default_value = "pad", value_name = "FILL", value_parser = crate::pairs::fill)]
    fill: TokenFill,
    #[command(flatten)]
    axes: Axes,
    #[command(flatten)]
    tuning: RoarArguments,
    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    calibration: CalibrationArguments,
    /// Draws the noise, which pairs are held out, and the resamples of the intervals.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Folder for the results.
    #[arg(long, default_value = "m2ib-out", value_name = "DIR")]
    out: PathBuf,
}

/// Values to try, each list separated by commas.
#[derive(Args)]
#[command(next_help_heading = "What to vary, values separated by commas")]
struct Axes {
    /// Presets; the one that `m2ib explain` takes if not given.
    #[arg(long, value_name = "PRESETS", value_delimiter = ',')]
    preset: Vec<Preset>,
    /// Layers masked in the image tower, "embedding" or a block's number, or "all".
    #[arg(long, value_name = "LAYERS", value_delimiter = ',')]
    image_layer: Vec<Layers>,
    /// Layers masked in the text tower.
    #[arg(long, value_name = "LAYERS", value_delimiter = ',')]
    text_layer: Vec<Layers>,
    /// Deviations of isotropic noise.
    #[arg(long, value_name = "SIGMAS", value_delimiter = ',')]
    sigma: Vec<f64>,
    /// Prices of a nat.
    #[arg(long, value_name = "BETAS", value_delimiter = ',')]
    beta: Vec<f64>,
    /// Learning rates of the optimiser.
    #[arg(long, value_name = "RATES", value_delimiter = ',')]
    learning_rate: Vec<f64>,
    /// Optimisation steps.
    #[arg(long, value_name = "STEPS", value_delimiter = ',')]
    steps: Vec<usize>,
}

/// One layer or all that a tower has.
#[derive(Clone, Copy)]
enum Layers {
    All,
    One(Layer),
}

impl FromStr for Layers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            layer => layer.parse().map(Self::One),
        }
    }
}

impl Sweep {
    pub(crate) fn run(self) -> Result<()> {
        let share = (0.0..1.0).contains(&self.held_out);
        let found = self.held_out;
        ensure!(
            share,
            "--held-out: found {found}, expected a share from 0 up and below 1"
        );
        let roar = matches!(self.metric, Goal::Roar(_));
        ensure!(
            roar || !self.tuning.are_given(),
            "--roar-runs, --roar-epochs and --roar-rate are for --metric roar_…; {} needs no fine-tuning",
            self.metric
        );
        let output = Output::check(&self.out)?;
        let dataset = self.pairs.read(self.seed)?;
        let model = self.model.load()?;
        let search = self.search(&model, &dataset)?;
        anstream::println!(
            "{} pairs of {}, {}; means ± half of the 95 % confidence interval\n\n{}",
            search.pairs,
            search.data,
            search.model,
            search.to_markdown()
        );
        let toml = search.to_toml()?;
        anstream::println!("{toml}");
        let files = [
            ("sweep.md", search.to_markdown().into_bytes()),
            ("sweep.csv", search.to_csv().into_bytes()),
            ("sweep.json", serde_json::to_vec_pretty(&search)?),
            ("sweep.svg", search.to_svg()?.into_bytes()),
            ("chosen.toml", toml.into_bytes()),
        ];
        for (name, bytes) in files {
            anstream::println!("{}", output.write(name, &bytes)?.display());
        }
        Ok(())
    }

    fn search(&self, model: &Pretrained, dataset: &Dataset) -> Result<Search> {
        let grid = self.grid(model)?;
        let choices = grid.candidates()?.into_iter();
        let choices: Vec<Choice> = choices.map(|candidate| candidate.choice).collect();
        let count = choices.len();
        ensure!(
            count > 1,
            "there is nothing to choose from: vary something, as in --beta 0.1,1,10"
        );
        let needed = choices.iter().any(Choice::needs_calibration);
        let calibration = self.calibration.load(needed, &self.model, model)?;
        let calibration = calibration.as_ref();
        let journal = |name: &str| self.out.join(name);
        match self.metric {
            Goal::Metric(metric) => {
                let kept = (1.0 - self.held_out) * dataset.rows.len() as f64;
                let [seen, held_out] = dataset.split(kept.ceil() as usize, self.seed);
                let plan = self.plan(choices, Some(metric));
                let kept = journal("journal.jsonl");
                let kept = trials::explained(&plan, model, calibration, &seen, &kept)?;
                let search = plan.search(&grid, metric, &model.name, &seen, &kept)?;
                if held_out.rows.is_empty() {
                    return Ok(search);
                }
                let plan = self.plan(self.finalists(&search)?, Some(metric));
                let kept = journal("held-out.jsonl");
                let kept = trials::explained(&plan, model, calibration, &held_out, &kept)?;
                Ok(search.with_held_out(&plan.compare(&model.name, &held_out, &kept)))
            }
            Goal::Roar(measure) => {
                let plan = self.plan(choices, None);
                let kept = journal("journal.jsonl");
                let kept = trials::explained(&plan, model, calibration, dataset, &kept)?;
                let folder = journal("roar");
                let report = self.tuning.run(&plan, model, dataset, &kept, &folder)?;
                let comparison = plan.compare(&model.name, dataset, &kept);
                Ok(Search::by_roar(&grid, measure, &comparison, &report)?)
            }
        }
    }

    /// Explanations measured by one metric, or made for ROAR+.
    fn plan(&self, choices: Vec<Choice>, metric: Option<Metric>) -> Plan {
        let mut plan = Plan::new(choices);
        plan.metrics = metric.into_iter().collect();
        plan.only = metric.map(Metric::modality);
        plan.fill = self.fill;
        plan.seed = self.seed;
        // A metric that explains again and again is asked of all pairs when it decides.
        plan.repeated = usize::MAX;
        plan
    }

    fn presets(&self) -> Vec<Preset> {
        match self.axes.preset.is_empty() {
            true => vec![self.model.usual_preset()],
            false => self.axes.preset.clone(),
        }
    }

    /// The chosen setting, and the presets as they are.
    fn finalists(&self, search: &Search) -> Result<Vec<Choice>> {
        let chosen = &search.chosen().method;
        let presets = self.presets().into_iter().map(|p| format!("m2ib-{p}"));
        let presets = presets.filter(|preset| preset != chosen);
        let names = [chosen.clone()].into_iter().chain(presets);
        let choices = names.map(|name| Ok(name.parse()?));
        choices.collect()
    }

    fn grid(&self, model: &Pretrained) -> Result<Grid> {
        let axes = &self.axes;
        let (image, text) = (model.clip.image.depth(), model.clip.text.depth());
        let image_layers = layers(&axes.image_layer, Modality::Image, image)?;
        let text_layers = layers(&axes.text_layer, Modality::Text, text)?;
        let grid = Grid::new(&self.presets())
            .vary(Axis::ImageLayer, image_layers)
            .vary(Axis::TextLayer, text_layers)
            .vary(Axis::Sigma, &axes.sigma)
            .vary(Axis::Beta, &axes.beta)
            .vary(Axis::LearningRate, &axes.learning_rate)
            .vary(Axis::Steps, &axes.steps);
        let judged = self.metric.modalities();
        for dimension in grid.dimensions() {
            let axis = dimension.axis;
            ensure!(
                judged.iter().any(|&modality| axis.changes(modality)),
                "--{axis} changes nothing that {} judges: it is of the {}'s explanation",
                self.metric,
                judged[0]
            );
        }
        Ok(grid)
    }
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
