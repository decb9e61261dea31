//! `--calibration`: the feature statistics of matched noise.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use m2ib::{Calibration, DualEncoder};
use m2ib_eval::{calibrate, calibrate_rows};

use crate::pairs::Pairs;

/// Pairs, or scenes, that a model's statistics are taken over where it comes without.
const SCENES: u64 = 512;
/// In place of a file: no statistics.
const NONE: &str = "none";
/// Their name in a folder of results.
const FILE: &str = "calibration.safetensors";

#[derive(Args)]
pub(crate) struct CalibrationArguments {
    /// Feature statistics for matched noise, from `m2ib calibrate`. If not given, those in the
    /// model's folder or repository (calibration.safetensors); to evaluate and sweep with methods that need some,
    /// else statistics over up to 512 of the pairs, or over as many scenes that are not explained. "none": an
    /// image's own patches and the vocabulary, even where there are some.
    #[arg(long, value_name = "FILE|none")]
    calibration: Option<PathBuf>,
}

/// What is asked for.
pub(crate) enum Statistics {
    /// Those that come with the model.
    Own,
    /// None, even where some come with it.
    None,
    /// Those of a file.
    Given(Calibration),
}

impl Statistics {
    /// Those that a model is explained with.
    pub(crate) fn of(&self, model: &DualEncoder) -> Result<Option<Calibration>> {
        Ok(match self {
            Self::Own => Calibration::found(model)?,
            Self::None => None,
            Self::Given(calibration) => Some(calibration.clone()),
        })
    }
}

impl CalibrationArguments {
    /// What is read of them.
    pub(crate) fn inputs(&self) -> Option<PathBuf> {
        self.calibration.clone().filter(|_| !self.is_none())
    }

    fn is_none(&self) -> bool {
        self.calibration.as_deref() == Some(Path::new(NONE))
    }

    /// What is asked for; a file that is none of statistics is told before a model is loaded.
    pub(crate) fn read(&self) -> Result<Statistics> {
        Ok(match &self.calibration {
            None => Statistics::Own,
            Some(_) if self.is_none() => Statistics::None,
            Some(file) => Statistics::Given(Calibration::load(file).context("--calibration")?),
        })
    }

    /// Those given, or those that came with the model.
    pub(crate) fn known(&self, model: &DualEncoder) -> Result<Option<Calibration>> {
        self.read()?.of(model)
    }

    /// Those known or, where some are needed, some that settings can be checked by.
    pub(crate) fn provisional(
        &self,
        needed: bool,
        model: &DualEncoder,
    ) -> Result<Option<Calibration>> {
        let known = self.known(model)?;
        let needed = needed && !self.is_none();
        Ok(known.or_else(|| needed.then(|| Calibration::standard(model))))
    }

    /// Those known, or new ones where they are needed; new ones are left in a folder for the next
    /// run.
    pub(crate) fn load(
        &self,
        needed: bool,
        model: &DualEncoder,
        (pairs, seed): (&Pairs, u64),
        folder: &Path,
    ) -> Result<Option<Calibration>> {
        let known = self.known(model)?;
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
                let calibration = calibrate(model, SCENES, &mut || {}).context(made_over)?;
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
