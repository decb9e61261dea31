//! What pairs cost: one and many, against steps, samples, tokens and depth, and in memory.
//!
//! Each figure is the median of a few runs after one that is not counted. For one thread, set
//! `RAYON_NUM_THREADS=1`.

#![allow(clippy::print_stdout, reason = "the figures are what it is for")]

use std::io::BufRead;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use m2ib::{Attribution, DualEncoder, Explainer, ExplainerBuilder, Layer, Preset};
use m2ib_benches::{CAPTION, Shape, device, picture};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures what pairs cost.
#[derive(Parser)]
struct Arguments {
    /// The model's shape; its weights are random.
    #[arg(long, value_enum, default_value = "b32")]
    shape: Shape,
    /// Runs of which the median is taken.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// One pair, one image with many captions, many pairs; and the memory they took.
    Pairs {
        /// How many are many.
        #[arg(long, default_value_t = 32)]
        many: usize,
    },
    /// One pair by each preset, in turns.
    Presets,
    /// One pair against each setting in turn.
    Settings,
    /// Explains a pair for every line read and answers with its seconds, for comparisons.
    Serve {
        /// A model's folder, with all defaults, in place of the shape's and the released preset.
        #[arg(long)]
        model: Option<PathBuf>,
    },
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let What::Serve {
        model: Some(folder),
    } = &arguments.what
    {
        return serve(Explainer::from_folder(folder)?);
    }
    let model = arguments.shape.model(&device());
    match &arguments.what {
        What::Pairs { many } => arguments.pairs(model, *many),
        What::Presets => arguments.presets(&model),
        What::Settings => arguments.settings(&model),
        What::Serve { .. } => serve(released(model).build()?),
    }
}

impl Arguments {
    fn pairs(&self, model: DualEncoder, many: usize) -> Result<()> {
        let explainer = released(model).build()?;
        let picture = picture();
        self.row("one pair", 1, || {
            explainer.attribute(&picture, CAPTION)?;
            Ok(())
        })?;
        self.row(&format!("one image, {many} captions"), many, || {
            let image = explainer.encode_image(&picture)?;
            let texts = captions(many)
                .iter()
                .map(|caption| explainer.encode_text(caption))
                .collect::<Result<Vec<_>, _>>()?;
            let pairs: Vec<_> = texts.iter().map(|text| (&image, text)).collect();
            all(explainer.attribute_many(&pairs))
        })?;
        let pictures = vec![picture.clone(); many];
        self.row(&format!("{many} images, {many} captions"), many, || {
            let images = explainer.encode_images(&pictures);
            let images = images.into_iter().collect::<Result<Vec<_>, _>>()?;
            let texts = captions(many)
                .iter()
                .map(|caption| explainer.encode_text(caption))
                .collect::<Result<Vec<_>, _>>()?;
            let pairs: Vec<_> = images.iter().zip(&texts).collect();
            all(explainer.attribute_many(&pairs))
        })?;
        if let Some(peak) = peak_memory() {
            println!("| peak resident memory | {peak:.2} GB | |");
        }
        Ok(())
    }

    /// In turns, so that what else the machine does falls on all of them.
    fn presets(&self, model: &DualEncoder) -> Result<()> {
        let picture = picture();
        let mut seconds = vec![Vec::new(); Preset::ALL.len()];
        for turn in 0..=self.runs {
            for (preset, seconds) in Preset::ALL.into_iter().zip(&mut seconds) {
                let explainer = Explainer::builder(model.clone()).preset(preset).build()?;
                let start = Instant::now();
                explainer.attribute(&picture, CAPTION)?;
                if turn > 0 {
                    seconds.push(start.elapsed().as_secs_f64());
                }
            }
        }
        for (preset, mut seconds) in Preset::ALL.into_iter().zip(seconds) {
            seconds.sort_by(f64::total_cmp);
            let [least, most] = [seconds[0], seconds[seconds.len() - 1]];
            let median = seconds[seconds.len() / 2];
            println!("| {preset} | {median:.2} s | {least:.2}–{most:.2} s |");
        }
        Ok(())
    }

    fn settings(&self, model: &DualEncoder) -> Result<()> {
        let builder = || released(model.clone());
        for steps in [1, 5, 10, 20, 40] {
            self.pair(&format!("{steps} steps"), builder().steps(steps), CAPTION)?;
        }
        for samples in [1, 2, 4, 10, 20] {
            let explainer = builder().samples(samples);
            self.pair(&format!("{samples} samples"), explainer, CAPTION)?;
        }
        for words in [2, 10, 30, 75] {
            let caption = vec!["dog"; words].join(" ");
            let name = format!("{} tokens of text", words + 2);
            self.pair(&name, builder(), &caption)?;
        }
        let depth = model.image().depth();
        let blocks = [depth - 2, depth - 3, depth / 2 - 1, 0].map(Layer::Block);
        for layer in blocks.into_iter().chain([Layer::Embedding]) {
            let explainer = builder().image_layer(layer);
            self.pair(&format!("image masked at {layer}"), explainer, CAPTION)?;
        }
        Ok(())
    }

    fn pair(&self, name: &str, explainer: ExplainerBuilder, caption: &str) -> Result<()> {
        let explainer = explainer.build()?;
        let picture = picture();
        self.row(name, 1, || {
            explainer.attribute(&picture, caption)?;
            Ok(())
        })
    }

    /// Prints the median seconds, and the median seconds a pair.
    fn row(&self, name: &str, pairs: usize, mut run: impl FnMut() -> Result<()>) -> Result<()> {
        run()?;
        let mut seconds = Vec::new();
        for _ in 0..self.runs {
            let start = Instant::now();
            run()?;
            seconds.push(start.elapsed().as_secs_f64());
        }
        seconds.sort_by(f64::total_cmp);
        let median = seconds[seconds.len() / 2];
        println!(
            "| {name} | {median:.2} s | {:.3} s |",
            median / pairs as f64
        );
        Ok(())
    }
}

/// Captions of 12 tokens.
fn captions(count: usize) -> Vec<String> {
    let nouns = ["apple", "piano", "tractor", "koala"];
    (0..count)
        .map(|index| CAPTION.replace("apple", nouns[index % nouns.len()]))
        .collect()
}

fn all(results: Vec<m2ib::Result<Attribution>>) -> Result<()> {
    for result in results {
        result?;
    }
    Ok(())
}

/// The largest resident memory so far, in GB, where the system tells.
fn peak_memory() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024.0 / 1e9)
}

/// What the figures are of, where nothing else is said.
fn released(model: DualEncoder) -> ExplainerBuilder {
    Explainer::builder(model).preset(Preset::Released)
}

fn serve(explainer: Explainer) -> Result<()> {
    let picture = picture();
    for line in std::io::stdin().lock().lines() {
        line.context("cannot read the next request")?;
        let start = Instant::now();
        explainer.attribute(&picture, CAPTION)?;
        println!("{}", start.elapsed().as_secs_f64());
    }
    Ok(())
}
