//! What a device computes in a second: encodings and explanations in batches, as a table in Markdown.
//!
//! `scripts/gpu.sh` brings it to a machine with a GPU. Each figure is the median of the runs that fit
//! into a few seconds, after one that is not counted, in which kernels are compiled.

#![allow(clippy::print_stdout, reason = "the figures are what it is for")]

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use m2ib::image::DynamicImage;
use m2ib::{DeviceChoice, DualEncoder, EncodedImage, EncodedText, Explainer, Precision, Preset};
use m2ib_benches::{CAPTION, Shape, picture};

/// Measures a device's rates.
#[derive(Parser)]
struct Arguments {
    /// What computes, as `m2ib devices` lists it.
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Shapes of models, separated by commas; their weights are random.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "b32,l14")]
    shape: Vec<Shape>,
    /// Number formats of their matrices.
    #[arg(long, value_delimiter = ',', default_value = "f32,f16")]
    precision: Vec<Precision>,
    /// Pairs at once.
    #[arg(long, value_delimiter = ',', default_value = "1,8,64")]
    batch: Vec<usize>,
    #[arg(long, value_delimiter = ',', default_value = "fast,fine,released")]
    preset: Vec<Preset>,
    /// Seconds that each figure may take, the first run left out.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let choice: DeviceChoice = arguments.device.parse()?;
    let device = choice.device()?;
    println!("| shape | format | what | at once | a second |");
    println!("|---|---|---|---|---|");
    for &shape in &arguments.shape {
        for &precision in &arguments.precision {
            let mut model = shape.model(&device);
            match model.set_precision(precision) {
                Ok(()) => arguments.model(shape, precision, model)?,
                Err(error) => println!("| {shape} | {precision} | {error} | | |"),
            }
        }
    }
    Ok(())
}

impl Arguments {
    fn model(&self, shape: Shape, precision: Precision, model: DualEncoder) -> Result<()> {
        let row = |what: &str, count: usize, run: &mut dyn FnMut() -> Result<()>| {
            let rate = count as f64 / self.median(run)?.as_secs_f64();
            println!("| {shape} | {precision} | {what} | {count} | {rate:.3} |");
            anyhow::Ok(())
        };
        for &preset in &self.preset {
            let explainer = Explainer::builder(model.clone()).preset(preset).build()?;
            let first = preset == self.preset[0];
            for &count in &self.batch {
                let pictures = vec![picture(); count];
                if first {
                    let encode = &mut || encoded(&explainer, &pictures).map(drop);
                    row("images encoded", count, encode)?;
                }
                let (images, text) = encoded(&explainer, &pictures)?;
                let pairs: Vec<_> = images.iter().map(|image| (image, &text)).collect();
                let explain = &mut || {
                    for result in explainer.attribute_many(&pairs) {
                        result?;
                    }
                    Ok(())
                };
                row(&format!("pairs explained, {preset}"), count, explain)?;
            }
        }
        Ok(())
    }

    fn median(&self, run: &mut dyn FnMut() -> Result<()>) -> Result<Duration> {
        run()?;
        let begun = Instant::now();
        let mut times = Vec::new();
        while times.is_empty() || begun.elapsed().as_secs_f64() < self.seconds {
            let start = Instant::now();
            run()?;
            times.push(start.elapsed());
        }
        times.sort();
        Ok(times[times.len() / 2])
    }
}

/// Encoded pictures and a caption.
fn encoded(
    explainer: &Explainer,
    pictures: &[DynamicImage],
) -> Result<(Vec<EncodedImage>, EncodedText)> {
    let images = explainer.encode_images(pictures);
    let images: m2ib::Result<Vec<_>> = images.into_iter().collect();
    let text = explainer.encode_text(CAPTION).context("the caption")?;
    Ok((images?, text))
}
