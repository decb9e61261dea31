//! `m2ib explain`: images and captions to pictures, pages and numbers.

mod drawing;
mod engine;
mod settings;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use m2ib::image::DynamicImage;
use m2ib::segment::{Segmenter, Segments};
use m2ib::{Attribution, Calibration, Config, DualEncoder, Warning};

use crate::asked::AskedArguments;
use crate::bank::BankArguments;
use crate::calibration::CalibrationArguments;
use crate::given::{Given, GivenPicture, STANDARD, Work};
use crate::masks::{self, MaskArguments};
use crate::methods::{self, Chosen};
use crate::model::ModelArguments;
use crate::output::{Output, file_stem};
use crate::picture::PictureArguments;
use crate::rendering::{Explained, Format, Rendering, Sink};
use crate::terminal::{Unheard, clean, print, print_styled};
use drawing::Drawing;
use engine::{By, Engine, ManyPairs};
pub(crate) use settings::M2ib;

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

/// A pair that was explained, and how its map was cut.
#[derive(Clone, Copy)]
struct Pair<'a> {
    picture: &'a GivenPicture,
    image: &'a DynamicImage,
    attribution: &'a Attribution,
    segments: Option<&'a Segments>,
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
        let progress = (pairs > 1).then(|| ManyPairs::new(pairs)).transpose()?;
        let done = |pairs| {
            if let Some(progress) = &progress {
                progress.done(pairs);
            }
        };
        let mut begun = Instant::now();
        for Work { picture, captions } in &work {
            let opened = first.take().map_or_else(|| picture.open(adjustment), Ok);
            let image = match opened {
                Ok(image) => image,
                Err(error) => {
                    let failure = |caption: &String| (picture.name(), caption.clone());
                    let reason = m2ib_files::causes(error.as_ref());
                    let failed = captions.iter().map(failure);
                    failures.extend(failed.map(|pair| (pair, reason.clone())));
                    done(captions.len());
                    continue;
                }
            };
            for (caption, attribution) in engine.each(&image, captions) {
                let one = attribution.and_then(|mut attribution| {
                    attribution.provenance.adjustment = adjustment;
                    let segments = segmenter.map(|it| it.cut(&attribution.image));
                    let pair = Pair {
                        picture,
                        image: &image,
                        attribution: &attribution,
                        segments: segments.as_ref(),
                    };
                    let stem = self.stem(&pair, engine.statistics.as_ref())?;
                    self.keep(&pair, &stem, &mut rendering, &sink)
                });
                tracing::info!(
                    "{}, \"{caption}\": {:.2} s",
                    picture.name(),
                    begun.elapsed().as_secs_f64()
                );
                begun = Instant::now();
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
                done(1);
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
        pair: &Pair<'_>,
        stem: &str,
        rendering: &mut Rendering,
        sink: &Sink,
    ) -> Result<Vec<PathBuf>> {
        let Pair {
            picture,
            image,
            attribution,
            segments,
        } = *pair;
        let (name, caption) = (picture.name(), &attribution.text.caption.text);
        for warning in &attribution.warnings {
            match warning {
                // Said when the model was loaded.
                Warning::UnusedTensors { .. } => {}
                _ if rendering.is_of_several() && warning.is_of_pair() => {
                    crate::terminal::warn(format_args!("{name}, \"{caption}\": {warning}"));
                }
                _ => crate::terminal::warn_once(warning),
            }
        }
        if let Some(segments) = segments {
            masks::tell(&name, segments);
        }
        let mut overlay = m2ib::draw::overlay(attribution, image).look(&self.drawing.look());
        if let Some(segments) = segments {
            overlay = overlay.segments(segments);
        }
        // Written before it is said: nobody may be listening.
        let files = rendering.add(&Explained {
            name: &name,
            stem,
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
            "{}{}\n\n{}similarity {:.4}{}{}; model {}, explained by {}",
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
    fn stem(&self, pair: &Pair<'_>, statistics: Option<&Calibration>) -> Result<String> {
        let Pair {
            picture,
            image,
            attribution,
            segments,
        } = *pair;
        let size = format!("{} × {} {:?}", image.width(), image.height(), image.color());
        let rest = [
            size.into_bytes(),
            image.as_bytes().to_vec(),
            serde_json::to_vec(&attribution.provenance)?,
            serde_json::to_vec(&(attribution.rank, &attribution.warnings))?,
            serde_json::to_vec(&attribution.asked)?,
            serde_json::to_vec(&statistics)?,
            format!("{:?}", self.drawing).into_bytes(),
        ];
        let segmenter = segments.map(|segments| format!("{:?}", segments.segmenter()));
        let rest = rest.into_iter().chain(segmenter.map(String::into_bytes));
        let caption = &attribution.text.caption.text;
        Ok(file_stem(&picture.path, caption, rest))
    }

    fn engine(&self) -> Result<Engine<'_>> {
        let loaded = || self.bank.given_to(self.model.load()?);
        let asked = self.calibration.read()?;
        let mut statistics = None;
        let mut found = |model: &DualEncoder| {
            statistics = asked.of(model)?;
            anyhow::Ok(statistics.clone())
        };
        let by = match &self.method {
            None => By::M2ib(self.m2ib.explainer(loaded, found)?.into()),
            Some(method) => {
                let model = loaded()?;
                let calibration = found(&model)?;
                let calibration = calibration.as_ref();
                method.check(&model, calibration).context("--method")?;
                let built = method.build(&model, calibration)?;
                By::Method(model.into(), built)
            }
        };
        Ok(Engine {
            asked: &self.asked,
            by,
            statistics,
        })
    }
}

pub(crate) fn method_help() -> String {
    format!(
        "Another method instead of M2IB: `m2ib methods` lists the settings of each. [possible: {}]",
        methods::names()
    )
}
