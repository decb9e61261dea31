//! `m2ib explain`'s settings of M2IB, which `m2ib run` takes as well.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use m2ib::{
    Beta, Calibration, Config, DualEncoder, Explainer, Gates, Layer, Modality, Noise, Overrides,
    Preset, Quantity, Sampling, Shifts,
};

#[derive(Args)]
#[command(next_help_heading = "M2IB")]
#[group(id = "m2ib")]
pub(crate) struct M2ib {
    /// Settings in a TOML file, as `m2ib sweep` writes them; the options below come before them.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where the settings start from: "fine" shows the object (the default), "fast" takes a quarter of
    /// its time, "matched" is the paper's one side with noise matched to the model, "released" the
    /// paper's.
    #[arg(long)]
    preset: Option<Preset>,
    /// Layer to mask in the image tower: "embedding", or a block counted from 0.
    #[arg(long, alias = "layer-image", value_name = "LAYER")]
    image_layer: Option<Layer>,
    /// Layer to mask in the text tower.
    #[arg(long, alias = "layer-text", value_name = "LAYER")]
    text_layer: Option<Layer>,
    /// Price of a nat: larger values leave less of the map. Two with dots between them, as in
    /// 0.1..10, are a path over the steps.
    #[arg(long, allow_hyphen_values = true)]
    beta: Option<Beta>,
    /// Weight of the second side, where what is withheld should fit no more; 0 is the paper's.
    #[arg(long, allow_negative_numbers = true)]
    gamma: Option<f64>,
    /// Gates: "unit", one for every feature of a token (the paper's), "token", one for all, or a
    /// number of groups of features.
    #[arg(long)]
    gates: Option<Gates>,
    /// Where every gate stands before the first step, as its α: 5 lets nearly all pass.
    #[arg(long, value_name = "ALPHA", allow_negative_numbers = true)]
    start: Option<f64>,
    /// Isotropic noise with this deviation.
    #[arg(long, allow_negative_numbers = true)]
    sigma: Option<f32>,
    /// Learning rate of the optimiser.
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    learning_rate: Option<f64>,
    /// Optimisation steps: up to 100000.
    #[arg(long, value_parser = crate::pairs::count)]
    steps: Option<usize>,
    /// Noise samples per step, up to 100000.
    #[arg(long, value_parser = crate::pairs::count)]
    samples: Option<usize>,
    /// How the noise samples of a step relate to each other: "independent" (the paper's), or
    /// "antithetic", in pairs of opposite sign.
    #[arg(long)]
    sampling: Option<Sampling>,
    /// Average the image's map over grids moved by parts of a patch, so many along each side: it is
    /// as many times finer, and takes as many times squared as long.
    #[arg(long)]
    shifts: Option<Shifts>,
    /// What the map shows: "nats" (the paper's), the "share" of a token that passes, or
    /// "mean-share", its mean over the steps.
    #[arg(long)]
    quantity: Option<Quantity>,
    /// Seed of whatever is drawn: the noise.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
}

impl M2ib {
    /// An explainer with these settings; the model is loaded when they are known to make sense, and then the
    /// statistics that come with it are found.
    pub(crate) fn explainer(
        &self,
        model: impl FnOnce() -> Result<DualEncoder>,
        calibration: impl FnOnce(&DualEncoder) -> Result<Option<Calibration>>,
    ) -> Result<Explainer> {
        let config = match &self.config {
            Some(file) => Config::load(file).context("--config")?,
            None => Config::default(),
        };
        let overrides = |layer, shifts| Overrides {
            layer,
            shifts,
            noise: self.sigma.map(|sigma| Noise::Isotropic { sigma }),
            sampling: self.sampling,
            beta: self.beta,
            gamma: self.gamma,
            gates: self.gates,
            start: self.start,
            learning_rate: self.learning_rate,
            steps: self.steps,
            samples: self.samples,
            quantity: self.quantity,
        };
        let model = model()?;
        let calibration = calibration(&model)?;
        let mut builder = Explainer::builder(model)
            .config(config)
            .overrides(Modality::Image, overrides(self.image_layer, self.shifts))
            .overrides(Modality::Text, overrides(self.text_layer, None))
            .calibration(calibration)
            .seed(self.seed);
        if let Some(preset) = self.preset {
            builder = builder.preset(preset);
        }
        Ok(builder.build()?)
    }
}
