//! `m2ib score`: captions ranked by how well they fit an image.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use m2ib::draw::percent;
use m2ib::{Explainer, Warning};

use crate::bank::BankArguments;
use crate::model::ModelArguments;
use crate::picture::PictureArguments;
use crate::terminal::print;

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
    #[command(flatten)]
    bank: BankArguments,
    #[command(flatten)]
    picture: PictureArguments,
}

impl Score {
    pub(crate) fn run(self) -> Result<()> {
        let image = self.picture.adjustment().open(&self.image)?;
        let model = self.bank.given_to(self.model.load()?)?;
        let explainer = Explainer::builder(model).build()?;
        let image = explainer.encode_image(&image)?;
        for warning in explainer.warnings(&image) {
            // Told when the model was loaded.
            if !matches!(warning, Warning::UnusedTensors { .. }) {
                crate::terminal::warn(warning);
            }
        }
        let mut scores = Vec::new();
        for caption in &self.text {
            let score = explainer
                .encode_text(caption)
                .and_then(|text| {
                    if let Some(cut) = &text.caption().cut {
                        crate::terminal::warn(format!(
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
        if let Some((best, _)) = scores.first() {
            let best = explainer.encode_text(best)?;
            if let (_, Some(warning)) = explainer.rank(&image, &best)? {
                crate::terminal::warn(warning);
            }
        }
        let model = explainer.model();
        // Such a model says it of each caption by itself: nothing is shared out.
        if model.bias().is_some() {
            print(format_args!(
                "{:>10}  {:>11}  caption",
                "similarity", "probability"
            ))?;
            for (caption, score) in &scores {
                let probability = percent(model.probability(*score).unwrap_or_default());
                print(format_args!("{score:>10.4}  {probability:>11}  {caption}"))?;
            }
            return Ok(());
        }
        // A share of one caption would be 100 %, whatever it says.
        if let [(caption, score)] = &scores[..] {
            print(format_args!(
                "{:>10}  caption\n{score:>10.4}  {caption}",
                "similarity"
            ))?;
            return Ok(());
        }
        let scale = model.scale();
        let largest = scores[0].1;
        let weight = |score: f32| ((score - largest) * scale).exp();
        let total: f32 = scores.iter().map(|(_, score)| weight(*score)).sum();
        print(format_args!(
            "{:>10}  {:>11}  caption",
            "similarity", "probability"
        ))?;
        for (caption, score) in &scores {
            let probability = weight(*score) / total * 100.0;
            print(format_args!(
                "{score:>10.4}  {probability:>9.2} %  {caption}"
            ))?;
        }
        Ok(())
    }
}
