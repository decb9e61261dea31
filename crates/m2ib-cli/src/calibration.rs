//! `--calibration`: the feature statistics of matched noise.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use m2ib::{Calibration, DualEncoder};
use m2ib_eval::{calibrate, calibrate_rows};

use crate::model::ModelArguments;
use crate::pairs::Pairs;

/// Pairs, or scenes, that a model's statistics are taken over where it comes without.
const SCENES: u64 = 512;
/// In place of a file: no statistics.
const NONE: &str = "none";
/// Their name in a folder.
const FILE: &str = "calibration.safetensors";

#[derive(Args)]
pub(crate) struct CalibrationArguments {
    /// Feature statistics for matched noise, from `m2ib calibrate`. If not given, those in the
    /// model's folder (calibration.safetensors); to evaluate and sweep with methods that need some,
    /// else statistics over up to 512 of the pairs, or over as many scenes that are not explained. "none": an
    /// image's own patches and the vocabulary, even where there are some.
    #[arg(long, value_name = "FILE|none")]
    calibration: Option<PathBuf>,
}

impl CalibrationArguments {
    /// What is read of them.
    pub(crate) fn inputs(&self) -> Option<PathBuf> {
        self.calibration.clone().filter(|_| !self.is_none())
    }

    fn is_none(&self) -> bool {
        self.calibration.as_deref() == Some(Path::new(NONE))
    }

    /// Those given, or those that came with the model.
    pub(crate) fn known(&self, arguments: &ModelArguments) -> Result<Option<Calibration>> {
        if self.is_none() {
            return Ok(None);
        }
        let beside = Path::new(&arguments.model).join(FILE);
        Ok(match &self.calibration {
            Some(file) => {
                let read = Calibration::load(file);
                Some(read.context("--calibration")?)
            }
            // Theirs are those of the size that it was trained at.
            None if arguments.input_size.is_some() => None,
            None if arguments.is_emoji() => Some(m2ib::emoji::calibration()?),
            None if beside.is_file() => Some(Calibration::load(&beside)?),
            None => None,
        })
    }

    /// Those known or, where some are needed, some that settings can be checked by.
    pub(crate) fn provisional(
        &self,
        needed: bool,
        arguments: &ModelArguments,
        model: &DualEncoder,
    ) -> Result<Option<Calibration>> {
        let known = self.known(arguments)?;
        let needed = needed && !self.is_none();
        Ok(known.or_else(|| needed.then(|| Calibration::standard(model))))
    }

    /// Those known, or new ones where they are needed; new ones are left in a folder for the next
    /// run.
    pub(crate) fn load(
        &self,
        needed: bool,
        arguments: &ModelArguments,
        model: &DualEncoder,
        (pairs, seed): (&Pairs, u64),
        folder: &Path,
    ) -> Result<Option<Calibration>> {
        let known = self.known(arguments)?;
        if known.is_some() || !needed || self.is_none() {
            return Ok(known);
        }
        let made = folder.join(FILE);
        if made.is_file() {
            return Ok(Some(Calibration::load(&made)?));
        }
        let made_over = "statistics for matched noise";
        // Of one's own pairs, all that there are, whatever share of them this process takes.
        let (calibration, over) = match pairs.unsliced(seed)? {
            Some(dataset) => {
                let calibration = calibrate_rows(model, &dataset, SCENES as usize);
                let calibration = calibration.context(made_over)?;
                let over = format!(
                    "{} images and {} captions of {}",
                    calibration.images, calibration.captions, dataset.name
                );
                (calibration, over)
            }
            None => {
                let calibration = calibrate(model, SCENES).context(made_over)?;
                (calibration, format!("{SCENES} scenes of emoji"))
            }
        };
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        calibration.save(&made)?;
        crate::terminal::warn(format!(
            "the model has no feature statistics; took them over {over}, for --calibration {}",
            made.display()
        ));
        Ok(Some(calibration))
    }
}
