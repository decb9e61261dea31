//! `m2ib score`: captions ranked by how well they fit images.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use m2ib::draw::{percent, separated};
use m2ib::{EncodedText, Explainer, Picture, Warning};
use serde::Serialize;

use crate::bank::BankArguments;
use crate::given;
use crate::model::ModelArguments;
use crate::picture::PictureArguments;
use crate::terminal::{print, print_raw, warn_once};

/// Rank captions by their similarity to an image, or to each of several.
#[derive(Args)]
pub(crate) struct Score {
    /// An image: PNG, JPEG, WebP, GIF, BMP or TIFF; "-" is standard input. Several by giving the option
    /// again, or by a pattern in quotation marks, as in "scans/*.png".
    #[arg(long, value_name = "FILE", required = true)]
    image: Vec<PathBuf>,
    /// A caption. Several by giving the option again, and each is held against each image; "-" reads one a
    /// line from standard input.
    #[arg(long, value_name = "CAPTION", required = true)]
    text: Vec<String>,
    /// Form of the results: a table, JSON (a list with all numbers), or CSV.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    #[command(flatten)]
    model: ModelArguments,
    #[command(flatten)]
    bank: BankArguments,
    #[command(flatten)]
    picture: PictureArguments,
}

/// How scores are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Aligned, for people.
    Table,
    /// A list of objects.
    Json,
    /// A line for each image and caption.
    Csv,
}

/// How well a caption fits an image.
#[derive(Debug, Clone, Serialize)]
struct Fit {
    image: String,
    caption: String,
    /// Of the embeddings.
    similarity: f32,
    /// By models that judge each pair by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    probability: Option<f32>,
    /// By all others: of the captions given, if there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    share: Option<f32>,
}

impl Score {
    pub(crate) fn run(self) -> Result<()> {
        let adjustment = self.picture.adjustment();
        let captions = given::captions(&self.text)?;
        let pictures = given::pictures(&self.image)?;
        // Opened before the model is loaded, which takes longer; only one at a time is held.
        let mut first = match &pictures[..] {
            [picture] => Some(picture.open(adjustment)?),
            _ => None,
        };
        let model = self.bank.given_to(self.model.load()?)?;
        let explainer = Explainer::builder(model).calibration(None).build()?;
        let mut failures = Vec::new();
        let mut texts = Vec::new();
        for caption in &captions {
            match encoded(&explainer, caption) {
                Ok(text) => texts.push((caption, text)),
                Err(error) => failures.push(error),
            }
        }
        let mut all = Vec::new();
        for picture in &pictures {
            let opened = first.take().map_or_else(|| picture.open(adjustment), Ok);
            match opened.and_then(|image| scored(&explainer, &image, &texts)) {
                Ok(scores) => all.push(fits(&explainer, &picture.name(), scores)),
                Err(error) => failures.push(error),
            }
        }
        let parts = captions.len() + pictures.len();
        // Alone, or where nothing is left, it is what went wrong.
        if texts.is_empty() || all.is_empty() {
            failures.truncate(1);
            return failures.pop().map_or(Ok(()), Err);
        }
        match self.format {
            Format::Table => table(&all)?,
            Format::Json => {
                let all: Vec<&Fit> = all.iter().flatten().collect();
                let mut json = serde_json::to_vec_pretty(&all)?;
                json.push(b'\n');
                print_raw(&json)?;
            }
            Format::Csv => print_raw(csv(&all).as_bytes())?,
        }
        match failures.first() {
            None => Ok(()),
            Some(first) => bail!(
                "{} of {parts} images and captions were left out; the first: {}",
                failures.len(),
                m2ib_files::causes(first.as_ref())
            ),
        }
    }
}

/// An image's captions with their similarities, the best first.
fn scored<'a>(
    explainer: &Explainer,
    image: &Picture,
    texts: &[(&'a String, EncodedText)],
) -> Result<Vec<(&'a String, f32)>> {
    let image = explainer.encode_image(image)?;
    for warning in explainer.warnings(&image) {
        // Said when the model was loaded.
        if !matches!(warning, Warning::UnusedTensors { .. }) {
            warn_once(warning);
        }
    }
    let mut scores = Vec::new();
    for (caption, text) in texts {
        let score = explainer.similarity(&image, text);
        let score = score.with_context(|| format!("--text \"{caption}\""))?;
        scores.push((*caption, text, score));
    }
    scores.sort_by(|a, b| b.2.total_cmp(&a.2));
    if let Some((_, best, _)) = scores.first()
        && let (_, Some(warning)) = explainer.rank(&image, best)?
    {
        warn_once(warning);
    }
    let scores = scores.into_iter();
    Ok(scores.map(|(caption, _, score)| (caption, score)).collect())
}

fn encoded(explainer: &Explainer, caption: &str) -> Result<EncodedText> {
    let text = explainer.encode_text(caption);
    let text = text.with_context(|| format!("--text \"{caption}\""))?;
    if let Some(cut) = &text.caption().cut {
        crate::terminal::warn(format!(
            "\"{caption}\" has {} tokens, the model takes {}; the rest is ignored",
            cut.tokens, cut.positions
        ));
    }
    Ok(text)
}

/// One image's captions, the best first.
fn fits(explainer: &Explainer, image: &str, scores: Vec<(&String, f32)>) -> Vec<Fit> {
    let model = explainer.model();
    let largest = scores.first().map_or(0.0, |(_, score)| *score);
    let weight = |score: f32| ((score - largest) * model.scale()).exp();
    let total: f32 = scores.iter().map(|(_, score)| weight(*score)).sum();
    // Such a model says it of each caption by itself: nothing is shared out. A share of one caption
    // would be 100 %, whatever it says.
    let shared = model.bias().is_none() && scores.len() > 1;
    let fits = scores.iter().map(|&(caption, similarity)| Fit {
        image: image.into(),
        caption: caption.clone(),
        similarity,
        probability: model.probability(similarity),
        share: shared.then(|| weight(similarity) / total),
    });
    fits.collect()
}

fn table(all: &[Vec<Fit>]) -> Result<()> {
    for (place, fits) in all.iter().enumerate() {
        let Some(first) = fits.first() else { continue };
        if all.len() > 1 {
            let between = if place > 0 { "\n" } else { "" };
            print(format_args!("{between}{}", first.image))?;
        }
        let chance = |fit: &Fit| match (fit.probability, fit.share) {
            (Some(probability), _) => Some(percent(probability)),
            (None, Some(share)) => Some(format!("{:.2} %", share * 100.0)),
            (None, None) => None,
        };
        match chance(first) {
            Some(_) => print(format_args!(
                "{:>10}  {:>11}  caption",
                "similarity", "probability"
            ))?,
            None => print(format_args!("{:>10}  caption", "similarity"))?,
        }
        for fit in fits {
            let (similarity, caption) = (fit.similarity, &fit.caption);
            match chance(fit) {
                Some(chance) => {
                    print(format_args!("{similarity:>10.4}  {chance:>11}  {caption}"))?;
                }
                None => print(format_args!("{similarity:>10.4}  {caption}"))?,
            }
        }
    }
    Ok(())
}

fn csv(all: &[Vec<Fit>]) -> String {
    let heading = ["image", "caption", "similarity", "probability", "share"].map(String::from);
    let number = |number: Option<f32>| number.map(|it| it.to_string()).unwrap_or_default();
    let lines = all.iter().flatten().map(|fit| {
        vec![
            fit.image.clone(),
            fit.caption.clone(),
            fit.similarity.to_string(),
            number(fit.probability),
            number(fit.share),
        ]
    });
    separated([heading.to_vec()].into_iter().chain(lines))
}
