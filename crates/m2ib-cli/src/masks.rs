//! `--mask` and what goes with it: maps cut into masks, regions and prompts.

use anyhow::{Result, ensure};
use clap::Args;
use m2ib::segment::{Segmenter, Segments, Threshold};

use crate::terminal::warn;

/// How a map is cut.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Masks")]
pub(crate) struct MaskArguments {
    /// Cut the heat map into a mask, write it, and draw its regions: at a number from 0 to 1, "otsu"
    /// (also called "kmeans"), or "mass:" with the share of the map that is to be inside, as in
    /// mass:0.5. Without a value as --config says, or by otsu.
    #[arg(long, value_name = "THRESHOLD", num_args = 0..=1, allow_negative_numbers = true)]
    mask: Option<Option<Threshold>>,
    /// Keep so many connected regions of the mask, the largest.
    #[arg(long, value_name = "N", value_parser = crate::pairs::count)]
    regions: Option<usize>,
    /// Leave out regions with less than this share of the largest one's pixels [default: 0.01].
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    least_region: Option<f32>,
    /// Points in each region [default: 1].
    #[arg(long, value_name = "N")]
    points: Option<usize>,
    /// Points outside of all regions [default: 0].
    #[arg(long, value_name = "N")]
    background_points: Option<usize>,
}

impl MaskArguments {
    /// Whether `--mask` was given.
    pub(crate) fn is_asked(&self) -> bool {
        self.mask.is_some()
    }

    /// How maps are cut, if a mask is asked for, be it by its file; a threshold of a file of settings
    /// comes behind the one given.
    pub(crate) fn segmenter(
        &self,
        wanted: bool,
        of_config: Option<Threshold>,
    ) -> Result<Option<Segmenter>> {
        if !wanted && !self.is_asked() {
            let counts = [self.regions, self.points, self.background_points];
            let given = counts.iter().any(Option::is_some) || self.least_region.is_some();
            ensure!(
                !given,
                "--regions, --least-region, --points and --background-points are of a mask, and none is asked for; give --mask, or --format mask, coco or sam"
            );
            return Ok(None);
        }
        let usual = Segmenter::default();
        let threshold = self.mask.flatten().or(of_config);
        let segmenter = Segmenter {
            threshold: threshold.unwrap_or(usual.threshold),
            regions: self.regions,
            least: self.least_region.unwrap_or(usual.least),
            points: self.points.unwrap_or(usual.points),
            background: self.background_points.unwrap_or(usual.background),
        };
        Ok(Some(segmenter.check()?))
    }
}

/// What is to be said of what was found.
pub(crate) fn tell(image: &str, segments: &Segments) {
    if segments.regions().is_empty() {
        warn(format_args!(
            "the mask of {image} is empty: nothing of its map reaches the threshold {}",
            segments.threshold()
        ));
    }
}
