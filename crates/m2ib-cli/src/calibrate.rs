//! `m2ib calibrate`: feature statistics of a model over images and captions.

use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, anyhow};
use clap::Args;
use indicatif::ProgressBar;
use m2ib::{Calibration, Calibrator};
use m2ib_data::{DataFormat, DataParts, Source};

use crate::model::ModelArguments;
use crate::output::Output;
use crate::picture::PictureArguments;

/// Write the feature statistics that matched noise needs.
#[derive(Args)]
pub(crate) struct Calibrate {
    #[command(flatten)]
    model: ModelArguments,
    /// Folder (with folders below it) of images, and of `.txt` files with a caption a line; or any
    /// other data that `m2ib evaluate` takes. A few hundred of each, of the kind to be explained,
    /// are enough.
    #[arg(long, value_name = "PATH", required_unless_present = "scenes")]
    data: Option<PathBuf>,
    /// Layout of the data; told from the file if not given.
    #[arg(long, value_name = "LAYOUT", requires = "data")]
    format: Option<DataFormat>,
    /// Folder that the data's paths are relative to; the file's own if not given.
    #[arg(long, value_name = "FOLDER", requires = "data")]
    images: Option<PathBuf>,
    #[command(flatten)]
    picture: PictureArguments,
    /// Take so many scenes of emoji instead, of those to train on; for models that learnt such.
    #[arg(long, value_name = "N", conflicts_with = "data", value_parser = clap::value_parser!(u64).range(2..))]
    scenes: Option<u64>,
    /// File to write: `.safetensors`, or JSON.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Calibrate {
    pub(crate) fn run(self) -> Result<()> {
        let parent = self.out.parent().unwrap_or(Path::new("."));
        Output::check(parent)?;
        let (calibration, failed) = match (self.scenes, &self.data) {
            (Some(scenes), _) => (m2ib_eval::calibrate(&self.model.load()?, scenes)?, 0),
            (None, Some(data)) => self.of_data(data)?,
            (None, None) => anyhow::bail!("neither --data nor --scenes was given"),
        };
        if !parent.as_os_str().is_empty() {
            std::fs::create_dir_all(parent)
                .with_context(|| format!("cannot make the folder {}", parent.display()))?;
        }
        calibration.save(&self.out)?;
        anstream::println!(
            "{}: {} images, {} captions, {failed} left out",
            self.out.display(),
            calibration.images,
            calibration.captions
        );
        Ok(())
    }

    /// Statistics over a data set's images and captions, and how many were left out.
    fn of_data(&self, data: &Path) -> Result<(Calibration, usize)> {
        let adjustment = self.picture.adjustment();
        let mut source = Source::new(data);
        if let Some(format) = self.format {
            source = source.format(format);
        }
        if let Some(images) = &self.images {
            source = source.images(images);
        }
        let DataParts {
            images,
            captions,
            failures,
        } = source.parts().context("--data")?;
        let model = self.model.load()?;
        let mut calibrator = Calibrator::new(&model);
        let bar = ProgressBar::new((images.len() + captions.len()) as u64);
        let mut failed: Vec<String> = Vec::new();
        let mut leave_out = |what: String| {
            bar.suspend(|| crate::warn(format!("left out {what}")));
            failed.push(what);
        };
        for failure in failures {
            leave_out(format!("{}: {}", failure.row, failure.reason));
        }
        for image in images {
            let opened = adjustment.open(&image).map_err(Error::from);
            if let Err(error) = opened.and_then(|image| Ok(calibrator.add_image(&image)?)) {
                leave_out(format!("{}: {error:#}", image.display()));
            }
            bar.inc(1);
        }
        for (place, caption) in captions {
            if let Err(error) = calibrator.add_caption(&caption) {
                leave_out(format!("{place}: {error}"));
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        let calibration = calibrator.finish().map_err(|error| match failed.first() {
            Some(first) => anyhow!(
                "{error}; {} were left out, the first: {first}",
                failed.len()
            ),
            None => error.into(),
        });
        Ok((calibration?, failed.len()))
    }
}
