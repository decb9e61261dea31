//! `--calibration`: the feature statistics of matched noise.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use m2ib::{Calibration, Pretrained};
use m2ib_eval::calibrate;

use crate::model::ModelArguments;

/// Scenes that a model's statistics are taken over where it comes without.
const SCENES: u64 = 512;

#[derive(Args)]
pub(crate) struct CalibrationArguments {
    /// Feature statistics for matched noise. If not given, those in the model's folder
    /// (calibration.safetensors), else statistics over 512 scenes that are not explained.
    #[arg(long, value_name = "FILE")]
    calibration: Option<PathBuf>,
}

impl CalibrationArguments {
    /// Those given, those that came with the model, or new ones; none if neither given nor needed.
    pub(crate) fn load(
        &self,
        needed: bool,
        arguments: &ModelArguments,
        model: &Pretrained,
    ) -> Result<Option<Calibration>> {
        let beside = Path::new(&arguments.model).join("calibration.safetensors");
        Ok(match &self.calibration {
            Some(file) => {
                let read = Calibration::load(file);
                Some(read.with_context(|| format!("--calibration {}", file.display()))?)
            }
            None if !needed => None,
            None if arguments.is_emoji() => Some(m2ib::emoji::calibration()?),
            None if beside.is_file() => Some(Calibration::load(&beside)?),
            None => {
                let made = calibrate(model, SCENES).context("statistics for matched noise")?;
                Some(made)
            }
        })
    }
}
