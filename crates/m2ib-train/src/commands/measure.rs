//! `m2ib-train measure`: accuracies of a model on scenes it was not trained on.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use clip_model::{DualEncoder, ModelFiles};
use m2ib_core::Lanes;
use m2ib_scenes::Split;
use m2ib_train::{Examination, Measures};

/// Measure a model: naming of single objects, and matching of pictures with captions.
///
/// Naming: the likeliest of all 221 class names ("a photo of a piano") on 442 scenes of one
/// object. Matching: on 16 groups of 32 scenes of two and three objects, with captions that are
/// true of one scene alone.
#[derive(Args)]
pub(crate) struct Measure {
    /// A Hugging Face folder, or `emoji`, the embedded model.
    #[arg(long, value_name = "FOLDER|emoji", default_value = "emoji")]
    model: PathBuf,
    /// Which scenes.
    #[arg(long, value_enum, default_value = "test")]
    split: Scenes,
    /// Write the figures to a JSON file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Scenes {
    /// Seen by the choice of settings.
    Validation,
    /// Seen by nothing.
    Test,
}

impl Measure {
    pub(crate) fn run(self) -> Result<()> {
        let files = match self.model.to_str() {
            Some("emoji") => super::emoji(),
            _ => ModelFiles::in_folder(&self.model)?,
        };
        let mut model = DualEncoder::from_files(&files, &m2ib_cpu::flex())?;
        model.computes_on_host(true);
        let split = match self.split {
            Scenes::Validation => Split::Validation,
            Scenes::Test => Split::Test,
        };
        let threads = m2ib_core::threads();
        let lanes = Lanes::new(threads, threads)?;
        let measures = Examination::new(split)?.measure(&model, &lanes)?;
        anstream::print!("{}", table(&measures));
        if let Some(path) = self.json {
            let json = serde_json::to_string_pretty(&measures)? + "\n";
            std::fs::write(&path, json)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}

/// The figures as lines.
pub(crate) fn table(measures: &Measures) -> String {
    let rows = [
        ("naming, top 1", measures.top_1),
        ("naming, top 5", measures.top_5),
        ("image to text", measures.image_to_text),
        ("text to image", measures.text_to_image),
    ];
    let lines = rows.map(|(name, share)| format!("{name:<14} {share:.3}\n"));
    lines.concat()
}
