//! `m2ib run`: a whole data set explained, results in Parquet files.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use m2ib::Backend;
use m2ib_data::{DataFormat, Listing, Source, Split};
use m2ib_run::{Engine, Folder, Job, Origin, Progress};

use crate::bank;
use crate::calibration::CalibrationArguments;
use crate::explain::{M2ib, method_help};
use crate::meter::{Cost, Meter};
use crate::methods::{self, Chosen};
use crate::model::ModelArguments;
use crate::output::rehearse;
use crate::picture::PictureArguments;
use crate::slice::Slice;
use crate::terminal::{print, warn};

/// Captions of the data that a row's own is ranked among.
const BANK: usize = 256;

/// Explain a whole data set, of any size: every row becomes a row of Parquet files, with its map, its
/// words and what there is to say of it, or with the reason why not. Processes with different --shard
/// may write into one folder, from any machines. What was done stays: the same command goes on where
/// it was stopped.
#[derive(Args)]
pub(crate) struct Run {
    /// Pairs from a data set: what `m2ib evaluate` takes, Parquet with pictures or paths, or web data sets
    /// (tar). Several files by braces or asterisks, in quotation marks: "train-{000..150}.tar".
    #[arg(long, value_name = "PATH", required_unless_present = "scenes")]
    data: Option<PathBuf>,
    /// Layout of the data; told from the file if not given.
    #[arg(long, alias = "format", value_name = "LAYOUT", requires = "data")]
    data_format: Option<DataFormat>,
    /// Folder that the data's paths are relative to; the file's own if not given.
    #[arg(long, value_name = "FOLDER", requires = "data")]
    images: Option<PathBuf>,
    /// Only rows of this split, of data that says which each row is of.
    #[arg(long, value_name = "NAME", requires = "data")]
    split: Option<String>,
    /// Scenes of emoji in place of data: so many, up to 1000000.
    #[arg(long, value_name = "N", conflicts_with = "data", value_parser = clap::value_parser!(u64).range(2..=1_000_000))]
    scenes: Option<u64>,
    /// Where to write: a folder for the results, one for all processes.
    #[arg(long, default_value = "m2ib-out", value_name = "DIR")]
    out: PathBuf,
    /// Rows of a file of results.
    #[arg(long, default_value_t = 1000, value_name = "N", value_parser = rows)]
    rows_per_file: u64,
    /// Try rows again that failed in files of results that are complete, and write those anew.
    #[arg(long)]
    retry_failed: bool,
    /// Captions of other things: a pair's similarity is ranked among them. A number of those of the data, a
    /// text file with one a line, or 0 for no rank.
    #[arg(long, default_value = "256", value_name = "N|FILE")]
    bank: String,
    #[command(flatten)]
    model: ModelArguments,
    #[arg(long, value_name = "NAME[:SETTING=VALUE…]", help = method_help(),
        value_parser = methods::parse, conflicts_with = "m2ib")]
    method: Option<Chosen>,
    #[command(flatten)]
    calibration: CalibrationArguments,
    #[command(flatten)]
    slice: Slice,
    #[command(flatten)]
    m2ib: M2ib,
    #[command(flatten)]
    picture: PictureArguments,
}

impl Run {
    pub(crate) fn run(self) -> Result<()> {
        rehearse(&self.out).with_context(|| format!("--out {}", self.out.display()))?;
        let (most, given) = self.bank()?;
        let listing = self.listing(most)?;
        let places = self.slice.places(listing.total(), self.rows_per_file)?;
        let engine = self.engine(given.as_deref().unwrap_or(listing.captions()))?;
        let job = Job {
            listing: &listing,
            engine: &engine,
            places: places.clone(),
            rows_per_file: self.rows_per_file,
            origin: self.origin(),
            retry_failed: self.retry_failed,
        };
        let folder = Folder::begin(&self.out, job.manifest()?)?;
        if places.is_empty() {
            return print(format_args!(
                "{}: nothing to do, there are more shares than files of rows",
                self.out.display()
            ));
        }
        let lanes = Backend::lanes(&engine.model().device(), usize::MAX)?.count();
        let progress = shown(&job, &folder, lanes)?;
        let new = progress.of - progress.known;
        if progress.failed > 0 {
            let why = match self.first_failure(&folder, &places)? {
                Some((id, reason)) => format!("; the first, {id}: {reason}"),
                None => String::new(),
            };
            ensure!(
                progress.failed < new,
                "none of {new} rows could be explained{why}"
            );
            warn(format_args!(
                "{} of {new} rows could not be explained{why}; with --retry-failed, the same command tries \
                 them again",
                progress.failed
            ));
        }
        let failed = match progress.failed {
            0 => String::new(),
            failed => format!("{failed} failed, "),
        };
        print(format_args!(
            "{}: rows {} to {} of {}, {} explained now, {failed}{} before",
            self.out.display(),
            places.start,
            places.end - 1,
            listing.total(),
            new - progress.failed,
            progress.known,
        ))
    }

    /// How many captions are picked out of the data, or those of a file.
    fn bank(&self) -> Result<(usize, Option<Vec<String>>)> {
        if let Ok(count) = self.bank.parse::<usize>() {
            ensure!(
                count <= bank::MOST,
                "--bank is {count}, expected at most {} captions",
                bank::MOST
            );
            return Ok((count.max(1), (count == 0).then(Vec::new)));
        }
        Ok((BANK, Some(bank::captions(self.bank.as_ref())?)))
    }

    fn listing(&self, captions: usize) -> Result<Listing> {
        let Some(path) = &self.data else {
            let count = self
                .scenes
                .context("give --data PATH or --scenes N: the rows")?;
            return Ok(Listing::of_scenes(
                Split::Test,
                count,
                self.m2ib.seed,
                captions,
            )?);
        };
        let mut source = Source::new(path).adjustment(self.picture.adjustment());
        if let Some(format) = self.data_format {
            source = source.format(format);
        }
        if let Some(images) = &self.images {
            source = source.images(images);
        }
        if let Some(split) = &self.split {
            source = source.split(split);
        }
        Listing::of(source, captions).context("--data")
    }

    fn engine(&self, bank: &[String]) -> Result<Engine> {
        let statistics = self.calibration.read()?;
        let loaded = || Ok(self.model.load()?.with_bank(bank)?);
        let Some(method) = &self.method else {
            let explainer = self.m2ib.explainer(loaded, |model| statistics.of(model))?;
            return Ok(Engine::m2ib(explainer)?);
        };
        let model = loaded()?;
        let calibration = statistics.of(&model)?;
        let built = method.build(&model, calibration.as_ref());
        Ok(Engine::method(model, built.context("--method")?)?)
    }

    fn origin(&self) -> Origin {
        let whole = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        Origin {
            data: self.data.as_ref().map(whole),
            format: self.data_format.map(|format| format.to_string()),
            images: self.images.as_ref().map(whole),
            split: self.split.clone(),
            scenes: self
                .scenes
                .map(|count| (Split::Test.to_string(), count, self.m2ib.seed)),
        }
    }

    /// A row that failed, and why.
    fn first_failure(
        &self,
        folder: &Folder,
        places: &std::ops::Range<u64>,
    ) -> Result<Option<(String, String)>> {
        for part in folder.parts()? {
            if part.places.end <= places.start || part.places.start >= places.end {
                continue;
            }
            for records in m2ib_run::Reader::open(&part.path)? {
                for record in records? {
                    if let Some(reason) = record.error {
                        return Ok(Some((record.id, reason)));
                    }
                }
            }
        }
        Ok(None)
    }
}

/// Runs with a bar.
fn shown(job: &Job, folder: &Folder, lanes: usize) -> Result<Progress> {
    let bar = Meter::new(0, "rows")?;
    let (cost, begun) = (OnceLock::new(), AtomicBool::new(false));
    let told = |progress: Progress| {
        if progress.done == progress.known {
            bar.set_length(progress.of - progress.known);
            bar.reset_eta();
        }
        if progress.failed > 0 {
            bar.set_message(format!(", {} failed", progress.failed));
        }
        let (done, of) = (progress.done - progress.known, progress.of - progress.known);
        bar.set_length(of);
        bar.set_position(done);
        // First come the files that are complete, then what the one that was stopped at has.
        if !begun.swap(true, Ordering::Relaxed) {
            return;
        }
        bar.suspend(|| {
            let cost = cost.get_or_init(|| {
                let known = match progress.known {
                    0 => String::new(),
                    known => format!(", besides {known} that were before"),
                };
                Cost::new(format_args!("{of} rows to explain{known}"), "row", lanes)
            });
            cost.done(done, of);
        });
    };
    let progress = job.run(folder, &told);
    bar.finish();
    match progress {
        Err(m2ib_run::Error::Journal(error @ m2ib_eval::journal::JournalError::Locked { .. })) => {
            bail!("{error}; of processes that share a folder, each takes another --shard")
        }
        progress => Ok(progress?),
    }
}

fn rows(text: &str) -> Result<u64, String> {
    let count = text
        .parse()
        .ok()
        .filter(|count| (1..=100_000).contains(count));
    count.ok_or_else(|| {
        format!("found \"{text}\", expected a whole number, at least 1 and at most 100000")
    })
}
