//! `m2ib-train grow`: a deeper model with smaller patches, to go on training from.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use clip_model::Tower;
use m2ib_train::{Provenance, Start, export, grow};

/// Make a deeper model with smaller patches out of one that there is.
///
/// Each block of the image tower becomes several that add their share of what it added, and patches get
/// smaller as if images were enlarged. What comes of it computes nearly the same, and is meant as a start:
/// `m2ib-train train --from FOLDER`.
#[derive(Args)]
pub(crate) struct Grow {
    /// A folder in the layout of Hugging Face's CLIP or SigLIP.
    #[arg(long, value_name = "FOLDER")]
    model: PathBuf,
    /// Blocks for each of the image tower's.
    #[arg(long, default_value_t = 1)]
    times: usize,
    /// Pixels along a patch, a divisor of the image's.
    #[arg(long, value_name = "PIXELS")]
    patch: usize,
    /// Folder of the new model.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
}

impl Grow {
    pub(crate) fn run(self) -> Result<()> {
        let (model, config) = grow(&self.model, self.times, self.patch)?;
        let mut files = Start::from_folder(&self.model)?.files;
        for (name, content) in &mut files {
            if *name == "config.json" {
                *content = config.clone().into();
            }
        }
        let provenance = Provenance {
            commit: super::commit(),
            seed: 0,
            steps: 0,
            of: 0,
        };
        export(&model, &provenance, &files, &self.out)?;
        anstream::println!(
            "{}: {} blocks, patches of {} pixels",
            self.out.display(),
            model.image.depth(),
            self.patch
        );
        Ok(())
    }
}
