//! `m2ib calibrate`: feature statistics of a model over images and captions.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use indicatif::ProgressBar;
use m2ib::{Calibration, Calibrator, open_image};

use crate::model::ModelArguments;
use crate::output::Output;

/// Write the feature statistics that matched noise needs.
#[derive(Args)]
pub(crate) struct Calibrate {
    #[command(flatten)]
    model: ModelArguments,
    /// Folder (with folders below it) of images, and of `.txt` files with a caption a line. A few
    /// hundred of each, of the kind to be explained, are enough.
    #[arg(long, value_name = "FOLDER", required_unless_present = "scenes")]
    data: Option<PathBuf>,
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
            (None, Some(folder)) => self.of_folder(folder)?,
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

    /// Statistics over the files of a folder, and how many of them were left out.
    fn of_folder(&self, folder: &Path) -> Result<(Calibration, usize)> {
        let mut files = Vec::new();
        collect(folder, &mut files)?;
        files.sort();
        let model = self.model.load()?;
        let mut calibrator = Calibrator::new(&model);
        let bar = ProgressBar::new(files.len() as u64);
        let mut failed = 0;
        for file in files {
            if let Err(error) = add(&mut calibrator, &file) {
                failed += 1;
                bar.suspend(|| crate::warn(format!("left out {}: {error:#}", file.display())));
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok((calibrator.finish()?, failed))
    }
}

/// Adds an image, or every caption of a text file.
fn add(calibrator: &mut Calibrator<'_>, file: &Path) -> Result<()> {
    if file.extension().is_some_and(|extension| extension == "txt") {
        let text = std::fs::read_to_string(file)?;
        for (index, caption) in text
            .lines()
            .enumerate()
            .filter(|(_, l)| !l.trim().is_empty())
        {
            calibrator
                .add_caption(caption)
                .with_context(|| format!("line {}", index + 1))?;
        }
    } else {
        calibrator.add_image(&open_image(file)?)?;
    }
    Ok(())
}

/// Files below a folder that look like images or captions.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    const KNOWN: [&str; 10] = [
        "txt", "png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff", "jpe",
    ];
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("cannot read the folder {}", folder.display()))?;
    for entry in entries {
        let path = entry
            .with_context(|| format!("in {}", folder.display()))?
            .path();
        let extension = path
            .extension()
            .unwrap_or_default()
            .to_string_lossy()
            .to_lowercase();
        if path.is_dir() {
            collect(&path, files)?;
        } else if KNOWN.contains(&extension.as_str()) {
            files.push(path);
        }
    }
    Ok(())
}
