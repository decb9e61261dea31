//! `m2ib calibrate`: feature statistics of a model over images and captions.

use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, anyhow};
use clap::Args;
use m2ib::{Calibration, Calibrator};
use m2ib_data::{DataFormat, DataParts, RowImage, Source};

use crate::meter::{Cost, Meter};
use crate::model::ModelArguments;
use crate::output::{check_file, rehearse};
use crate::picture::PictureArguments;
use crate::terminal::{print, warn};

/// Write the feature statistics that matched noise needs.
///
/// Nothing is written before the last image and caption. If it is interrupted, the same command
/// starts over.
#[derive(Args)]
pub(crate) struct Calibrate {
    #[command(flatten)]
    model: ModelArguments,
    /// Pairs from a data set: any that `m2ib evaluate` takes, or a folder (with folders below it) of images
    /// and of `.txt` files with a caption a line, which need not belong together. A few hundred of each, of the
    /// kind to be explained, are enough.
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
    /// Scenes of emoji in place of data: so many, up to 100000, of those to train on; for models that learnt
    /// such.
    #[arg(long, value_name = "N", conflicts_with = "data", value_parser = clap::value_parser!(u64).range(2..=100_000))]
    scenes: Option<u64>,
    /// Where to write: a file, `.safetensors` or JSON.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    picture: PictureArguments,
}

impl Calibrate {
    pub(crate) fn run(self) -> Result<()> {
        let parent = match self.out.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let parts = self.data.as_deref().map(|data| self.parts(data));
        let parts = parts.transpose()?;
        let images = parts.iter().flat_map(|parts| &parts.images);
        let images = images.filter_map(|image| match image {
            RowImage::File(path) => Some(path.clone()),
            _ => None,
        });
        let mut inputs = self.model.inputs();
        inputs.extend(self.data.iter().cloned().chain(images));
        inputs.extend(self.is_of_data().then(|| self.out.clone()));
        rehearse(parent).context("--out")?;
        check_file(&self.out, &inputs).context("--out")?;
        let (calibration, failed) = match (self.scenes, parts) {
            (Some(scenes), _) => (self.of_scenes(scenes)?, 0),
            (None, Some(parts)) => self.of_parts(parts)?,
            (None, None) => anyhow::bail!("neither --data nor --scenes was given"),
        };
        std::fs::create_dir_all(parent)
            .with_context(|| format!("cannot make the folder {}", parent.display()))?;
        calibration.save(&self.out)?;
        print(format_args!(
            "{}: {} images, {} captions, {failed} left out",
            self.out.display(),
            calibration.images,
            calibration.captions
        ))?;
        Ok(())
    }

    /// Whether the file to write is one of captions in a folder of such.
    fn is_of_data(&self) -> bool {
        let (Some(data), Ok(out)) = (&self.data, self.out.canonicalize()) else {
            return false;
        };
        let within = data.canonicalize().is_ok_and(|data| out.starts_with(data));
        within && out.extension().is_some_and(|extension| extension == "txt")
    }

    /// What there is in a data set.
    fn parts(&self, data: &Path) -> Result<DataParts> {
        let mut source = Source::new(data);
        if let Some(format) = self.data_format {
            source = source.format(format);
        }
        if let Some(images) = &self.images {
            source = source.images(images);
        }
        if let Some(split) = &self.split {
            source = source.split(split);
        }
        source.parts().context("--data")
    }

    /// Statistics over scenes and their captions.
    fn of_scenes(&self, scenes: u64) -> Result<Calibration> {
        let model = self.model.load()?;
        let cost = Cost::new(format_args!("{scenes} scenes of emoji"), "scene", 1);
        let bar = Meter::new(scenes, "scenes")?;
        let mut done = 0;
        let calibration = m2ib_eval::calibrate(&model, scenes, &mut || {
            bar.inc(1);
            done += 1;
            bar.suspend(|| cost.done(done, scenes));
        });
        bar.finish();
        Ok(calibration?)
    }

    /// Statistics over a data set's images and captions, and how many were left out.
    fn of_parts(&self, parts: DataParts) -> Result<(Calibration, usize)> {
        let adjustment = self.picture.adjustment();
        let DataParts {
            images,
            captions,
            failures,
        } = parts;
        let model = self.model.load()?;
        let mut calibrator = Calibrator::new(&model);
        let work = format_args!("{} images and {} captions", images.len(), captions.len());
        let cost = Cost::new(work, "image", 1);
        let (mut done, all) = (0, images.len() as u64);
        let bar = Meter::new(all + captions.len() as u64, "images and captions")?;
        let mut failed: Vec<String> = Vec::new();
        let mut leave_out = |what: String| {
            bar.suspend(|| warn(format_args!("left out {what}")));
            failed.push(what);
        };
        for failure in failures {
            leave_out(format!("{}: {}", failure.row, failure.reason));
        }
        for image in images {
            let opened = image.open(adjustment).map_err(Error::from);
            if let Err(error) = opened.and_then(|image| Ok(calibrator.add_image(&image)?)) {
                let reason = m2ib_files::causes(error.as_ref());
                leave_out(format!("{}: {reason}", image.name()));
            }
            bar.inc(1);
            done += 1;
            bar.suspend(|| cost.done(done, all));
        }
        for (place, caption) in captions {
            if let Err(error) = calibrator.add_caption(&caption) {
                leave_out(format!("{place}: {}", m2ib_files::causes(&error)));
            }
            bar.inc(1);
        }
        bar.finish();
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
