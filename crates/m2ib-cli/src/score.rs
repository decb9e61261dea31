//! `m2ib score`: captions ranked by how well they fit an image.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use m2ib::{Explainer, open_image};

use crate::model::ModelArguments;

/// Rank captions by their similarity to an image.
#[derive(Args)]
pub(crate) struct Score {
    /// The image.
    #[arg(long, value_name = "FILE")]
    image: PathBuf,
    /// A caption; give the option once for each.
    #[arg(long, value_name = "CAPTION", required = true)]
    text: Vec<String>,
    #[command(flatten)]
    model: ModelArguments,
}

impl Score {
    pub(crate) fn run(self) -> Result<()> {
        let image = open_image(&self.image)?;
        let explainer = Explainer::builder(self.model.load()?).build()?;
        let image = explainer.encode_image(&image)?;
        let mut scores = Vec::new();
        for caption in &self.text {
            let score = explainer
                .encode_text(caption)
                .and_then(|text| {
                    if let Some(cut) = &text.caption().cut {
                        crate::warn(format!(
                            "\"{caption}\" has {} tokens, the model takes {}; the rest is ignored",
                            cut.tokens, cut.positions
                        ));
                    }
                    explainer.similarity(&image, &text)
                })
                .with_context(|| format!("--text \"{caption}\""))?;
            scores.push((caption, score));
        }
        scores.sort_by(|a, b| b.1.total_cmp(&a.1));
        let scale = explainer.model().scale();
        let largest = scores[0].1;
        let weight = |score: f32| ((score - largest) * scale).exp();
        let total: f32 = scores.iter().map(|(_, score)| weight(*score)).sum();
        anstream::println!("{:>10}  {:>11}  caption", "similarity", "probability");
        for (caption, score) in &scores {
            let probability = weight(*score) / total * 100.0;
            anstream::println!("{score:>10.4}  {probability:>9.2} %  {caption}");
        }
        Ok(())
    }
}
