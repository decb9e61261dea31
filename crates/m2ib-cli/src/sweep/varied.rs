//! What `m2ib sweep` varies.

use std::str::FromStr;

use anyhow::{Context, Result};
use clap::Args;
use m2ib::segment::Threshold;
use m2ib::{DualEncoder, Layer, Modality, Preset};
use m2ib_eval::search::{Axis, Cuts, Grid};

use crate::methods::{self, Chosen};

/// Values to try, each list separated by commas.
#[derive(Args)]
#[command(next_help_heading = "What to vary of M2IB, values separated by commas")]
#[group(id = "axes")]
pub(super) struct Axes {
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

impl Axes {
    /// Each once.
    pub(super) fn presets(&self) -> Vec<Preset> {
        let mut presets = Vec::new();
        for &preset in &self.preset {
            if !presets.contains(&preset) {
                presets.push(preset);
            }
        }
        if presets.is_empty() {
            presets.push(Preset::default());
        }
        presets
    }

    /// Every combination, of layers that the model has.
    pub(super) fn grid(&self, model: &DualEncoder) -> Result<Grid> {
        let (image, text) = (model.image().depth(), model.text().depth());
        let image_layers = layers(&self.image_layer, Modality::Image, image)?;
        let text_layers = layers(&self.text_layer, Modality::Text, text)?;
        Ok(Grid::new(&self.presets())
            .vary(Axis::ImageLayer, image_layers)
            .vary(Axis::TextLayer, text_layers)
            .vary(Axis::Sigma, &self.sigma)
            .vary(Axis::Beta, &self.beta)
            .vary(Axis::LearningRate, &self.learning_rate)
            .vary(Axis::Steps, &self.steps))
    }
}

/// How maps are cut into masks.
#[derive(Args)]
#[command(next_help_heading = "Masks, for --metric iou and dice")]
pub(super) struct Cutting {
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
    pub(super) fn is_given(&self) -> bool {
        !self.threshold.is_empty() || self.regions.is_some()
    }

    pub(super) fn cuts(&self) -> Cuts {
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
pub(super) struct Other {
    #[arg(long, value_name = "NAME[:SETTING=VALUE…]", help = method_help(),
        value_parser = methods::parse, requires = "vary", conflicts_with = "axes")]
    pub(super) method: Option<Chosen>,
    /// A setting of it with the values to try, as in --vary masks=100,500; once for each setting.
    #[arg(long, value_name = "SETTING=VALUES", requires = "method")]
    vary: Vec<String>,
}

impl Other {
    /// Every combination of its settings' values.
    pub(super) fn grid(&self, method: &Chosen) -> Result<Grid> {
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
