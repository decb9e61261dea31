//! `m2ib explain`: one image and one caption to pictures, pages and numbers.

use std::io::Cursor;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use m2ib::Picture;
use m2ib::draw::ColorMap;
use m2ib::image::{DynamicImage, ImageFormat};
use m2ib::ndarray::Array1;
use m2ib::{
    Ask, Attribution, Beta, Calibration, Config, DualEncoder, Explainer, Gates, Layer, Modality,
    Noise, Overrides, Preset, Quantity, Sampling, Shifts, Warning,
};
use m2ib_methods::{MethodFactory, Subject};
use ndarray_npy::WriteNpyExt;

use crate::asked::{self, AskedArguments};
use crate::bank::BankArguments;
use crate::calibration::CalibrationArguments;
use crate::methods::{self, Chosen};
use crate::model::ModelArguments;
use crate::output::{Output, file_stem};
use crate::picture::PictureArguments;
use crate::terminal::{clean, print, print_styled};

/// Show which parts of an image and which words of a caption the model relied on.
#[derive(Args)]
pub(crate) struct Explain {
    /// The image: PNG, JPEG, WebP, GIF, BMP or TIFF.
    #[arg(long, value_name = "FILE")]
    image: PathBuf,
    /// The caption.
    #[arg(long, value_name = "CAPTION")]
    text: String,
    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    bank: BankArguments,
    /// Folder for the results.
    #[arg(long, default_value = "m2ib-out", value_name = "DIR")]
    out: PathBuf,
    /// Kinds of files to write, separated by commas.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Format::Png, Format::Html])]
    format: Vec<Format>,
    /// Show the page (or the first file) when it is written.
    #[arg(long)]
    open: bool,
    #[arg(long, value_name = "NAME[:SETTING=VALUE…]", help = method_help(),
        value_parser = methods::parse, conflicts_with = "m2ib")]
    method: Option<Chosen>,
    #[command(flatten)]
    calibration: CalibrationArguments,
    #[command(flatten)]
    asked: AskedArguments,
    #[command(flatten)]
    m2ib: M2ib,
    #[command(flatten)]
    picture: PictureArguments,
    #[command(flatten)]
    drawing: Drawing,
}

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
    #[arg(long, value_name = "LAYER")]
    layer_image: Option<Layer>,
    /// Layer to mask in the text tower.
    #[arg(long, value_name = "LAYER")]
    layer_text: Option<Layer>,
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
    /// Optimisation steps, up to 100000.
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
    /// Seed of the noise.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Drawing")]
struct Drawing {
    /// Colours of the heat map.
    #[arg(long, default_value = "turbo", value_name = "NAME")]
    color_map: ColorMap,
    /// How much the heat map covers the image, 0 to 1.
    #[arg(long, default_value_t = 0.55, allow_negative_numbers = true)]
    opacity: f32,
    /// Draw boxes around what is hotter than this, 0 to 1.
    #[arg(long, value_name = "THRESHOLD", allow_negative_numbers = true)]
    boxes: Option<f32>,
}

/// A kind of result.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The heat map over the image, the words shaded beneath.
    Png,
    /// One self-contained page.
    Html,
    /// All numbers, with their provenance.
    Json,
    /// Saliency per patch and per token, for NumPy.
    Npy,
}

impl Explain {
    pub(crate) fn run(self) -> Result<()> {
        let output = Output::check(&self.out, &[], self.inputs())?;
        self.drawing.check()?;
        let ask = self.asked.ask(self.method.is_some())?;
        let adjustment = self.picture.adjustment();
        let image = adjustment.open(&self.image)?;
        let mut attribution = match &self.method {
            Some(method) => self.by(method.as_ref(), &image, &ask)?,
            None => self.by_m2ib(&self.explainer()?, &image, &ask)?,
        };
        attribution.provenance.adjustment = adjustment;
        for warning in &attribution.warnings {
            // Told when the model was loaded.
            if !matches!(warning, Warning::UnusedTensors { .. }) {
                crate::terminal::warn(warning);
            }
        }
        // Written before it is said: nobody may be listening.
        let mut paths = Vec::new();
        for (name, bytes) in self.render(&attribution, &image)? {
            paths.push(output.write(&name, &bytes)?);
        }
        print_styled(format_args!(
            "{}\n\n{}similarity {:.4}{}{}, {} explained by {}",
            m2ib::draw::ansi(&attribution.text),
            match m2ib::draw::ansi_asked(&attribution) {
                Some(asked) => format!("{asked}\n\n"),
                None => String::new(),
            },
            attribution.similarity,
            match attribution.probability {
                Some(probability) => format!(", probability {}", m2ib::draw::percent(probability)),
                None => String::new(),
            },
            match attribution.rank {
                Some(rank) => format!(", rank {} of {} captions", rank.place(), rank.of()),
                None => String::new(),
            },
            clean(&attribution.provenance.model),
            clean(&attribution.provenance.method),
        ))?;
        for path in &paths {
            print(path.display())?;
        }
        let page = paths
            .iter()
            .find(|path| path.extension().is_some_and(|e| e == "html"));
        if let (true, Some(path)) = (self.open, page.or(paths.first())) {
            open::that(path).with_context(|| format!("cannot show {}", path.display()))?;
        }
        Ok(())
    }

    /// What is read.
    fn inputs(&self) -> Vec<PathBuf> {
        let files = [
            self.calibration.inputs(),
            self.bank.inputs(),
            self.m2ib.config.clone(),
        ];
        let files = files.into_iter().flatten().chain(self.model.inputs());
        [self.image.clone()].into_iter().chain(files).collect()
    }

    /// What the files are called but for their endings: everything that is in them counts.
    fn stem(&self, attribution: &Attribution, image: &DynamicImage) -> Result<String> {
        let size = format!("{} × {} {:?}", image.width(), image.height(), image.color());
        let rest = [
            size.into_bytes(),
            image.as_bytes().to_vec(),
            serde_json::to_vec(&attribution.provenance)?,
            serde_json::to_vec(&(attribution.rank, &attribution.warnings))?,
            serde_json::to_vec(&attribution.asked)?,
            serde_json::to_vec(&self.calibration.known(&self.model)?)?,
            format!("{:?}", self.drawing).into_bytes(),
        ];
        Ok(file_stem(&self.image, &self.text, rest))
    }

    fn loaded(&self) -> Result<DualEncoder> {
        self.bank.given_to(self.model.load()?)
    }

    fn explainer(&self) -> Result<Explainer> {
        let calibration = self.calibration.known(&self.model)?;
        self.m2ib.explainer(|| self.loaded(), calibration)
    }

    /// By a method of the registry.
    fn by(&self, method: &dyn MethodFactory, image: &Picture, ask: &Ask) -> Result<Attribution> {
        let calibration = self.calibration.known(&self.model)?;
        let model = self.loaded()?;
        method
            .check(&model, calibration.as_ref())
            .context("--method")?;
        let bar = ProgressBar::new_spinner().with_message(clean(method.key()));
        // Not by a thread of its own: the system may give none, and that is no reason to end.
        bar.tick();
        let subject = Subject::new(&model, image, &self.text)?;
        let attribution = m2ib_methods::ask(method, calibration.as_ref(), &subject, ask);
        let interactions = self.asked.interactions_of(&subject);
        bar.finish_and_clear();
        let mut attribution = attribution?;
        attribution.asked.interactions = interactions?;
        Ok(attribution)
    }

    fn by_m2ib(&self, explainer: &Explainer, image: &Picture, ask: &Ask) -> Result<Attribution> {
        let text = explainer.encode_text(&self.text)?;
        let encoded = explainer.encode_image(image)?;
        let steps = |modality| explainer.settings(modality).bottleneck.steps as u64;
        let rounds = asked::rounds(ask);
        let steps = rounds * (steps(Modality::Image) + steps(Modality::Text));
        let bar = ProgressBar::new(steps).with_style(ProgressStyle::with_template(
            "{msg:5} {bar:32} {pos}/{len} steps, {eta} left",
        )?);
        let attribution = explainer.ask(&encoded, &text, ask, &mut |progress| {
            bar.set_message(progress.modality.to_string());
            bar.inc(1);
        });
        let interactions = self
            .asked
            .interactions_by(explainer, image, (&encoded, &text));
        bar.finish_and_clear();
        let mut attribution = attribution?;
        attribution.asked.interactions = interactions?;
        Ok(attribution)
    }

    /// Every file asked for, rendered before the first is written.
    fn render(
        &self,
        attribution: &Attribution,
        image: &DynamicImage,
    ) -> Result<Vec<(String, Vec<u8>)>> {
        let stem = self.stem(attribution, image)?;
        let mut files = Vec::new();
        for format in &self.format {
            match format {
                Format::Png => {
                    let picture = self
                        .drawing
                        .overlay(attribution, image)
                        .render_with_caption()?;
                    let mut bytes = Cursor::new(Vec::new());
                    picture.write_to(&mut bytes, ImageFormat::Png)?;
                    files.push((format!("{stem}.png"), bytes.into_inner()));
                }
                Format::Html => {
                    let page = m2ib::draw::html(attribution, image)?;
                    files.push((format!("{stem}.html"), page.into_bytes()));
                }
                Format::Json => {
                    files.push((
                        format!("{stem}.json"),
                        serde_json::to_vec_pretty(attribution)?,
                    ));
                }
                Format::Npy => {
                    let mut bytes = Vec::new();
                    attribution.image.saliency().write_npy(&mut bytes)?;
                    files.push((format!("{stem}.patches.npy"), bytes));
                    let mut bytes = Vec::new();
                    Array1::from_vec(attribution.text.saliency.clone()).write_npy(&mut bytes)?;
                    files.push((format!("{stem}.tokens.npy"), bytes));
                }
            }
        }
        Ok(files)
    }
}

impl M2ib {
    /// An explainer with these settings; the model is loaded when they are known to make sense.
    pub(crate) fn explainer(
        &self,
        model: impl FnOnce() -> Result<DualEncoder>,
        calibration: Option<Calibration>,
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
        let mut builder = Explainer::builder(model()?)
            .config(config)
            .overrides(Modality::Image, overrides(self.layer_image, self.shifts))
            .overrides(Modality::Text, overrides(self.layer_text, None))
            .seed(self.seed);
        if let Some(preset) = self.preset {
            builder = builder.preset(preset);
        }
        if let Some(calibration) = calibration {
            builder = builder.calibration(calibration);
        }
        Ok(builder.build()?)
    }
}

pub(crate) fn method_help() -> String {
    format!(
        "Another method instead of M2IB with the settings below; `m2ib methods` lists the settings \
         of each. [possible: {}]",
        methods::names()
    )
}

impl Drawing {
    /// That numbers are what drawings take, before the work.
    fn check(&self) -> Result<()> {
        let shares = [("--opacity", Some(self.opacity)), ("--boxes", self.boxes)];
        for (name, share) in shares {
            let share = share.unwrap_or_default();
            ensure!(
                (0.0..=1.0).contains(&share),
                "{name} is {share}, expected a number from 0 to 1"
            );
        }
        Ok(())
    }

    fn overlay<'a>(
        &self,
        attribution: &'a Attribution,
        image: &'a DynamicImage,
    ) -> m2ib::draw::Overlay<'a> {
        let overlay = m2ib::draw::overlay(attribution, image)
            .color_map(self.color_map)
            .opacity(self.opacity);
        match self.boxes {
            Some(threshold) => overlay.hot_regions(threshold),
            None => overlay,
        }
    }
}
