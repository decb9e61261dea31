//! How pictures and pages look.

use anyhow::{Result, ensure};
use clap::Args;
use m2ib::draw::{ColorMap, Look, OPACITY};

#[derive(Debug, Args)]
#[command(next_help_heading = "Drawing")]
pub(crate) struct Drawing {
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

impl Drawing {
    /// That numbers are what drawings take, before the work.
    pub(crate) fn check(&self) -> Result<()> {
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

    pub(crate) fn look(&self) -> Look {
        Look {
            color_map: self.color_map,
            opacity: self.opacity,
            boxes: self.boxes,
        }
    }
}
