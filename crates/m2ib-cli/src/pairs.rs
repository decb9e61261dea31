//! `--scenes`, `--data` and what goes with it: which pairs are explained.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use m2ib::clip_input::PictureFacts;
use m2ib::picture_warnings;
use m2ib_data::{DataFormat, Dataset, Scenes, Source, Split, difference, pointing_grid};
use m2ib_metrics::TokenFill;

use crate::picture::PictureArguments;
use crate::slice::Slice;

/// Pairs of images and captions.
#[derive(Clone, Args)]
#[command(next_help_heading = "Pairs")]
pub(crate) struct Pairs {
    /// Scenes of emoji in place of data: so many, 2 to 10000, of two and three objects in turn. The margins of
    /// error shrink with the root of it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=10_000))]
    pub(crate) scenes: Option<u64>,
    /// Only rows of this split, of data that says which each row is of. Of scenes, "validation" to choose by,
    /// or "test" to report, which is the default.
    #[arg(long, value_name = "NAME")]
    split: Option<String>,
    /// What is asked of them.
    #[arg(long, requires = "scenes", value_enum, default_value = "object")]
    ask: Ask,
    /// Pairs from a data set: a TSV or CSV file (caption, path), JSON lines (image, caption, boxes or
    /// masks), a folder of images with .txt captions, COCO, Flickr30k, RefCOCO or MS-CXR files,
    /// Parquet, or web data sets (tar). Several files by braces or asterisks, in quotation marks:
    /// "train-{000..150}.tar".
    #[arg(long, value_name = "PATH", conflicts_with = "scenes")]
    pub(crate) data: Option<PathBuf>,
    /// Layout of the data; told from the file if not given.
    #[arg(long, alias = "format", value_name = "LAYOUT", requires = "data")]
    data_format: Option<DataFormat>,
    /// Folder that the data's paths are relative to; the file's own if not given.
    #[arg(long, value_name = "FOLDER", requires = "data")]
    images: Option<PathBuf>,
    /// Take so many pairs by chance (by --seed) instead of all.
    #[arg(long, value_name = "N", requires = "data", value_parser = count)]
    sample: Option<usize>,
    #[command(flatten)]
    slice: Slice,
    #[command(flatten)]
    picture: PictureArguments,
}

/// What is asked of scenes.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Ask {
    /// Where is the object that the caption names, and which word names it?
    Object,
    /// The caption names something else as well, which is not there: is its noun below the true one?
    HalfTrue,
    /// The caption is held against one that differs in a noun, and that one against it: is the noun the strongest
    /// word, and is its object hot?
    Difference,
    /// Four scenes are tiles of one picture: on which of them is what the caption names?
    Tiles,
}

/// Other pairs of the same kind, to report by.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Pairs")]
pub(crate) struct TestPairs {
    /// Pairs that nothing is chosen by, in a file of their own, in place of a share of --data: a test set.
    #[arg(long, value_name = "PATH", requires = "data")]
    pub(crate) test: Option<PathBuf>,
    /// Folder that their paths are relative to; the file's own if not given.
    #[arg(long, value_name = "FOLDER", requires = "test")]
    test_images: Option<PathBuf>,
}

impl Pairs {
    /// Reads others of the same layout, if there are any.
    pub(crate) fn read_test(&self, test: &TestPairs) -> Result<Option<Dataset>> {
        let Some(path) = &test.test else {
            return Ok(None);
        };
        let pairs = Self {
            data: Some(path.clone()),
            images: test.test_images.clone(),
            sample: None,
            slice: Slice::default(),
            ..self.clone()
        };
        let dataset = pairs.told(pairs.source_dataset(path).context("--test")?);
        dataset.context("--test").map(Some)
    }

    /// Reads them, and tells which rows cannot be read.
    pub(crate) fn read(&self, seed: u64) -> Result<Dataset> {
        self.told(self.sliced(self.dataset(seed)?)?)
    }

    /// The pairs of one's own that all processes share out, if they are not scenes.
    pub(crate) fn unsliced(&self, seed: u64) -> Result<Option<Dataset>> {
        match &self.data {
            Some(_) => self.dataset(seed).map(Some),
            None => Ok(None),
        }
    }

    /// Tells which rows cannot be read.
    fn told(&self, dataset: Dataset) -> Result<Dataset> {
        /// So many rows are named; of a wrong file, all may be wrong.
        const NAMED: usize = 20;
        for failure in dataset.failures.iter().take(NAMED) {
            crate::terminal::warn(format!("left out {}: {}", failure.row, failure.reason));
        }
        if let more @ 1.. = dataset.failures.len().saturating_sub(NAMED) {
            crate::terminal::warn(format!("left out {more} more rows"));
        }
        for note in &dataset.notes {
            crate::terminal::warn(format!("{}: {note}", dataset.name));
        }
        if dataset.rows.is_empty() {
            let first = dataset.failures.first();
            let first = first.map_or(String::new(), |failure| {
                let count = dataset.failures.len();
                let (row, reason) = (&failure.row, &failure.reason);
                format!(": {count} were left out, the first, {row}: {reason}")
            });
            bail!("{} holds no pair that can be read{first}", dataset.name);
        }
        self.check_images(&dataset)?;
        tell_of_pictures(&dataset);
        Ok(dataset)
    }

    /// The rows that this process takes.
    fn sliced(&self, dataset: Dataset) -> Result<Dataset> {
        if !self.slice.is_given() || dataset.rows.is_empty() {
            return Ok(dataset);
        }
        let rows = dataset.rows.len() as u64;
        let places = self.slice.places(rows, 1)?;
        ensure!(
            !places.is_empty(),
            "--shard leaves nothing to this process: there are more shares than the {rows} pairs of {}",
            dataset.name
        );
        Ok(dataset.only(|place| places.contains(&(place as u64))))
    }

    /// That the images are where the data says, before any work; a few that are not are left out
    /// with the rows of them.
    fn check_images(&self, dataset: &Dataset) -> Result<()> {
        let missing = dataset.missing_images();
        let Some(first) = missing.first() else {
            return Ok(());
        };
        let all = dataset.images();
        let of = format!("{} of {all} images of {}", missing.len(), dataset.name);
        let where_from = match &self.images {
            Some(folder) => format!("paths start from --images {}", folder.display()),
            None => "paths start from the data's own folder; say where the images are with --images FOLDER".into(),
        };
        if missing.len() == all {
            bail!(
                "{of} are missing, the first {}: {where_from}",
                first.display()
            );
        }
        crate::terminal::warn(format!(
            "{of} are missing, so that their pairs will fail; the first is {}: {where_from}",
            first.display()
        ));
        Ok(())
    }

    fn dataset(&self, seed: u64) -> Result<Dataset> {
        let Some(path) = &self.data else {
            let none = "give --data PATH or --scenes N: the pairs to explain";
            let count = self.scenes.context(none)?;
            let split = split(self.split.as_deref().unwrap_or("test"))?;
            let scenes = || Scenes::of(split, 0..count, seed);
            return Ok(match self.ask {
                Ask::Object => scenes()?.dataset(),
                Ask::HalfTrue => scenes()?.half_true(seed).dataset(),
                Ask::Difference => difference(split, 0..count, seed)?,
                Ask::Tiles => pointing_grid(split, 0..count, seed)?,
            });
        };
        let dataset = self.source_dataset(path).context("--data")?;
        Ok(match self.sample {
            Some(count) => dataset.sample(count, seed),
            None => dataset,
        })
    }

    fn source_dataset(&self, path: &Path) -> Result<Dataset> {
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
        Ok(source.read()?)
    }
}

/// What is to be said of the first few pictures, which stand for all: nobody looks at thousands.
fn tell_of_pictures(dataset: &Dataset) {
    const LOOKED_AT: usize = 3;
    for row in dataset.rows.iter().take(LOOKED_AT) {
        // What cannot be opened is told where it is needed.
        let Ok(image) = row.open() else { continue };
        let warnings = picture_warnings(&PictureFacts::of(&image));
        for warning in &warnings {
            crate::terminal::warn(format!("{}, as maybe others: {warning}", row.key));
        }
        if !warnings.is_empty() {
            return;
        }
    }
}
/// More of anything would take for ever, or more memory than there is.
const MOST: usize = 100_000;

/// Reads a number of things, of which there must be one.
pub(crate) fn count(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| (1..=MOST).contains(count));
    let expected = format!("expected a whole number, at least 1 and at most {MOST}");
    count.ok_or_else(|| format!("found \"{text}\", {expected}"))
}

/// Reads which scenes are explained: never those that models were trained on.
fn split(text: &str) -> Result<Split> {
    let mut splits = [Split::Validation, Split::Test].into_iter();
    let found = splits.find(|split| split.to_string() == text);
    found.with_context(|| format!("--split is \"{text}\", expected validation or test"))
}

/// Reads what a masked token becomes.
pub(crate) fn fill(text: &str) -> Result<TokenFill, String> {
    match text {
        "pad" => Ok(TokenFill::Pad),
        "mean" => Ok(TokenFill::MeanEmbedding),
        id => {
            let id = id.parse().map(TokenFill::Id);
            id.map_err(|_| format!("found \"{text}\", expected pad, mean or a token's id"))
        }
    }
}
