//! `m2ib explain`: images and captions to pictures, pages and numbers.

use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use m2ib::Picture;
use m2ib::draw::{ColorMap, Look, OPACITY};
use m2ib::image::DynamicImage;
use m2ib::segment::{Segmenter, Segments};
use m2ib::{
    Ask, Attribution, Beta, Calibration, Config, DualEncoder, EncodedImage, Explainer, Gates,
    Layer, Modality, Noise, Overrides, Preset, Progress, Quantity, Sampling, Shifts, Warning,
};
use m2ib_methods::{Method, Subject};

use crate::asked::{self, AskedArguments};
use crate::bank::BankArguments;
use crate::calibration::CalibrationArguments;
use crate::given::{Given, GivenPicture, STANDARD, Work};
use crate::masks::{self, MaskArguments};
use crate::meter::Meter;
use crate::methods::{self, Chosen};
use crate::model::ModelArguments;
use crate::output::{Output, file_stem};
use crate::picture::PictureArguments;
use crate::rendering::{Explained, Format, Rendering, Sink};
use crate::terminal::{Unheard, clean, print, print_styled};

/// Show which parts of an image and which words of a caption the model relied on. Several images,
/// several captions or a data set are explained pair by pair; what fails of many is told at the end, and the
/// program then ends with 1.
#[derive(Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    given: Given,
    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    bank: BankArguments,
    /// Where to write: a folder for the results; "-" writes one kind of file to standard output, json if no other is asked
    /// for, with a line for each pair.
    #[arg(long, default_value = "m2ib-out", value_name = "DIR")]
    out: PathBuf,
    /// Form of the results: kinds of files to write, separated by commas [default: png,html].
    #[arg(long, value_enum, value_delimiter = ',')]
    format: Vec<Format>,
    /// Show what was made: the page, or the first file.
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
    masks: MaskArguments,
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

#[derive(Debug, Args)]
#[command(next_help_heading = "Drawing")]
struct Drawing {
    /// Colours of the heat map.
    #[arg(long, default_value_t, value_name = "NAME")]
    color_map: ColorMap,
    /// How much the hottest of the heat map covers the image, 0 to 1; what is colder covers less.
    #[arg(long, default_value_t = OPACITY, allow_negative_numbers = true)]
    opacity: f32,
    /// Draw boxes around what is hotter than this, 0 to 1.
    #[arg(long, value_name = "THRESHOLD", allow_negative_numbers = true)]
    boxes: Option<f32>,
}

/// What explains: made once, whatever the number of pairs.
enum Engine {
    M2ib(Box<Explainer>),
    Method(Box<DualEncoder>, Box<dyn Method>),
}

impl Explain {
    pub(crate) fn run(self) -> Result<()> {
        let sink = match self.out.as_os_str() == STANDARD {
            true => Sink::Standard,
            false => Sink::Folder(Output::check(&self.out, &[], self.inputs())?),
        };
        self.drawing.check()?;
        self.asked.ask(self.method.is_some())?;
        let segmenter = self.segmenter()?;
        let formats = self.formats(&sink);
        let adjustment = self.picture.adjustment();
        let work = self.given.work(adjustment)?;
        let pairs = work.iter().map(|work| work.captions.len()).sum();
        sink.check(&formats, pairs)?;
        ensure!(
            !(self.open && matches!(sink, Sink::Standard)),
            "--open shows a file, and --out - writes none"
        );
        // Before the model is loaded, which takes longer.
        let mut first = match &work[..] {
            [work] => Some(work.picture.open(adjustment)?),
            _ => None,
        };
        let engine = self.engine()?;
        let mut rendering = Rendering::new(formats, pairs > 1, &sink, self.drawing.look())?;
        let (mut paths, mut failures) = (Vec::new(), Vec::new());
        for Work { picture, captions } in &work {
            let opened = first.take().map_or_else(|| picture.open(adjustment), Ok);
            let image = match opened {
                Ok(image) => image,
                Err(error) => {
                    let failure = |caption: &String| (picture.name(), caption.clone());
                    let reason = m2ib_files::causes(error.as_ref());
                    let failed = captions.iter().map(failure);
                    failures.extend(failed.map(|pair| (pair, reason.clone())));
                    continue;
                }
            };
            for (caption, attribution) in self.explained(&engine, &image, captions) {
                let one = attribution.and_then(|mut attribution| {
                    attribution.provenance.adjustment = adjustment;
                    let segments = segmenter.map(|it| it.cut(&attribution.image));
                    let pair = (picture, &*image, &attribution, segments.as_ref());
                    self.keep(pair, &mut rendering, &sink)
                });
                match one {
                    Ok(written) => paths.extend(written),
                    // Alone, it is what went wrong.
                    Err(error) if pairs == 1 => return Err(error),
                    Err(error) if error.is::<Unheard>() => return Err(error),
                    Err(error) => {
                        let reason = m2ib_files::causes(error.as_ref());
                        failures.push(((picture.name(), caption.clone()), reason));
                    }
                }
            }
        }
        for (name, bytes) in rendering.rest()? {
            if let Some(path) = sink.put(&name, &bytes)? {
                print(path.display())?;
                paths.push(path);
            }
        }
        let page = paths
            .iter()
            .rfind(|path| path.extension().is_some_and(|e| e == "html"));
        if let (true, Some(path)) = (self.open, page.or(paths.first())) {
            open::that(path).with_context(|| format!("cannot show {}", path.display()))?;
        }
        if let Some(((name, caption), reason)) = failures.first() {
            bail!(
                "{} of {pairs} pairs could not be explained; the first, {name} with \"{caption}\": {reason}",
                failures.len()
            );
        }
        Ok(())
    }

    /// Writes a pair's files, and says what was found.
    fn keep(
        &self,
        (picture, image, attribution, segments): (
            &GivenPicture,
            &DynamicImage,
            &Attribution,
            Option<&Segments>,
        ),
        rendering: &mut Rendering,
        sink: &Sink,
    ) -> Result<Vec<PathBuf>> {
        for warning in &attribution.warnings {
            // Told when the model was loaded.
            if !matches!(warning, Warning::UnusedTensors { .. }) {
                crate::terminal::warn_once(warning);
            }
        }
        let name = picture.name();
        if let Some(segments) = segments {
            masks::tell(&name, segments);
        }
        let stem = self.stem((picture, image), attribution, segments)?;
        let mut overlay = m2ib::draw::overlay(attribution, image).look(&self.drawing.look());
        if let Some(segments) = segments {
            overlay = overlay.segments(segments);
        }
        // Written before it is said: nobody may be listening.
        let files = rendering.add(&Explained {
            name: &name,
            stem: &stem,
            attribution,
            image,
            segments,
            overlay,
        })?;
        let written = files.iter().map(|(name, bytes)| sink.put(name, bytes));
        let written = written.collect::<Result<Vec<_>>>()?;
        if let Sink::Standard = sink {
            return Ok(Vec::new());
        }
        print_styled(format_args!(
            "{}{}\n\n{}similarity {:.4}{}{}, {} explained by {}",
            match rendering.is_of_several() {
                true => format!("{}\n", clean(&name)),
                false => String::new(),
            },
            m2ib::draw::ansi(&attribution.text),
            match m2ib::draw::ansi_asked(attribution) {
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
        let written: Vec<PathBuf> = written.into_iter().flatten().collect();
        for path in &written {
            print(path.display())?;
        }
        Ok(written)
    }

    /// What is read.
    fn inputs(&self) -> Vec<PathBuf> {
        let files = [
            self.calibration.inputs(),
            self.bank.inputs(),
            self.m2ib.config.clone(),
        ];
        let files = files.into_iter().flatten().chain(self.model.inputs());
        self.given.inputs().into_iter().chain(files).collect()
    }

    /// How the map is cut, if a mask is asked for.
    fn segmenter(&self) -> Result<Option<Segmenter>> {
        let of_config = match &self.m2ib.config {
            Some(file) => Config::load(file).context("--config")?.mask,
            None => None,
        };
        let wanted = self.format.iter().any(|format| format.is_of_mask());
        self.masks.segmenter(wanted, of_config)
    }

    /// The kinds of files, each once: with --mask the mask is one of them.
    fn formats(&self, sink: &Sink) -> Vec<Format> {
        let mut formats = self.format.clone();
        let masks = formats.iter().any(|format| format.is_of_mask());
        match sink {
            _ if !formats.is_empty() => {}
            Sink::Folder(_) => formats.extend([Format::Png, Format::Html]),
            Sink::Standard if self.masks.is_asked() => {}
            Sink::Standard => formats.push(Format::Json),
        }
        let on_its_own = matches!(sink, Sink::Folder(_)) || formats.is_empty();
        if self.masks.is_asked() && !masks && on_its_own {
            formats.push(Format::Mask);
        }
        let mut known = Vec::new();
        formats.retain(|format| {
            let new = !known.contains(format);
            known.push(*format);
            new
        });
        formats
    }

    /// What the files are called but for their endings: everything that is in them counts.
    fn stem(
        &self,
        (picture, image): (&GivenPicture, &DynamicImage),
        attribution: &Attribution,
        segments: Option<&Segments>,
    ) -> Result<String> {
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
        let segmenter = segments.map(|segments| format!("{:?}", segments.segmenter()));
        let rest = rest.into_iter().chain(segmenter.map(String::into_bytes));
        let caption = &attribution.text.caption.text;
        Ok(file_stem(&picture.path, caption, rest))
    }

    fn loaded(&self) -> Result<DualEncoder> {
        self.bank.given_to(self.model.load()?)
    }

    fn engine(&self) -> Result<Engine> {
        let calibration = self.calibration.known(&self.model)?;
        let Some(method) = &self.method else {
            let explainer = self.m2ib.explainer(|| self.loaded(), calibration)?;
            return Ok(Engine::M2ib(explainer.into()));
        };
        let model = self.loaded()?;
        method
            .check(&model, calibration.as_ref())
            .context("--method")?;
        let built = method.build(&model, calibration.as_ref())?;
        Ok(Engine::Method(model.into(), built))
    }

    /// Each caption with its explanation, as they are asked for.
    fn explained<'a>(
        &'a self,
        engine: &'a Engine,
        image: &'a Picture,
        captions: &'a [String],
    ) -> impl Iterator<Item = (&'a String, Result<Attribution>)> {
        let mut encoded = None;
        captions.iter().map(move |caption| {
            let attribution = match engine {
                Engine::M2ib(explainer) => match &encoded {
                    Some(encoded) => self.by_m2ib(explainer, (image, encoded), caption),
                    None => explainer
                        .encode_image(image)
                        .map_err(Into::into)
                        .and_then(|found| {
                            self.by_m2ib(explainer, (image, encoded.insert(found)), caption)
                        }),
                },
                Engine::Method(model, method) => self.by(model, method.as_ref(), image, caption),
            };
            (caption, attribution)
        })
    }

    /// By a method of the registry.
    fn by(
        &self,
        model: &DualEncoder,
        method: &dyn Method,
        image: &Picture,
        caption: &str,
    ) -> Result<Attribution> {
        let key = self.method.as_ref().map(|method| method.key());
        let bar = Meter::styled(1, "explanations", "{msg}")?;
        bar.set_message(key.unwrap_or_default());
        let subject = Subject::new(model, image, caption)?;
        let ask = self.asked.ask(true)?;
        let attribution = match ask == Ask::default() {
            true => method.attribute(&subject),
            false => {
                let calibration = self.calibration.known(&self.model)?;
                m2ib_methods::ask(method.factory(), calibration.as_ref(), &subject, &ask)
            }
        };
        let interactions = self.asked.interactions_of(&subject);
        bar.finish();
        let mut attribution = attribution?;
        attribution.asked.interactions = interactions?;
        Ok(attribution)
    }

    fn by_m2ib(
        &self,
        explainer: &Explainer,
        (picture, image): (&Picture, &EncodedImage),
        caption: &str,
    ) -> Result<Attribution> {
        let text = explainer.encode_text(caption)?;
        let steps = |modality| explainer.settings(modality).bottleneck.steps as u64;
        let ask = self.asked.ask(false)?;
        let rounds = asked::rounds(&ask);
        let of_words = self.asked.steps_of_words(explainer, &text);
        let steps = rounds * (steps(Modality::Image) + steps(Modality::Text)) + of_words;
        let template = "{msg:5} {bar:32} {pos}/{len} steps, {eta} left";
        let bar = Meter::styled(steps, "steps", template)?;
        let mut on_step = |progress: Progress| {
            bar.set_message(progress.modality);
            bar.inc(1);
            ControlFlow::Continue(())
        };
        let attribution = explainer.ask(image, &text, &ask, &mut on_step);
        let interactions =
            self.asked
                .interactions_by(explainer, picture, (image, &text), &mut on_step);
        bar.finish();
        let mut attribution = attribution?;
        attribution.asked.interactions = interactions?;
        Ok(attribution)
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

pub(crate) fn method_help() -> String {
    format!(
        "Another method instead of M2IB: `m2ib methods` lists the settings of each. [possible: {}]",
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

    fn look(&self) -> Look {
        Look {
            color_map: self.color_map,
            opacity: self.opacity,
            boxes: self.boxes,
        }
    }
}
