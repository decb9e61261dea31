//! Does each name's column point to its own tile? Prints a table of `docs/yardstick.md`:
//!
//! ```sh
//! cargo run --release -p m2ib-eval --example word_patches -- 60 bottleneck,masks,paths [folder or emoji [input size]]
//! ```

#![allow(clippy::print_stdout)] // Tables are what it makes.

mod tiles;

use std::time::Instant;

use m2ib::image::DynamicImage;
use m2ib::{Backend, DualEncoder, Explainer, Preset, emoji};
use m2ib_methods::{Interacting, Subject, interactions};
use m2ib_scenes::{Generator, Split};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tiles::{on_tile, tiled};

/// Resamples of an interval.
const RESAMPLES: usize = 2000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let count: u64 = arguments.next().map_or(Ok(60), |text| text.parse())?;
    let ways = arguments.next().unwrap_or("bottleneck,masks,paths".into());
    let device = Backend::preferred()?.device()?;
    let mut model = match arguments.next() {
        Some(folder) if folder != "emoji" => DualEncoder::load(folder, &device)?,
        _ => emoji::pretrained(&device)?,
    };
    if let Some(side) = arguments.next() {
        model = model.with_input_size(side.parse()?)?;
    }
    model.computes_on_host(true);
    let generator = Generator::new();
    println!(
        "| way | points to its own tile | mass on its own tile | to the other name's | mass there | seconds a pair |"
    );
    println!("|---|---|---|---|---|---|");
    for way in ways.split(',') {
        // bottleneck by a preset: bottleneck/fast
        let (way, preset) = way.split_once('/').unwrap_or((way, "fine"));
        let by = Interacting::parse(way)?;
        let preset: Preset = preset.parse()?;
        let explainer = Explainer::builder(model.clone()).preset(preset).build()?;
        let (mut own, mut other) = (Vec::new(), Vec::new());
        let begin = Instant::now();
        for number in 0..count {
            let asked = tiled(&generator, Split::Test, number, 0);
            let image: DynamicImage = asked.picture.clone().into();
            let found = match by {
                Interacting::Bottleneck => {
                    let text = explainer.encode_text(&asked.caption)?;
                    explainer.word_maps(&explainer.encode_image(&image)?, &text)?
                }
                _ => interactions(&Subject::new(&model, &image, &asked.caption)?, &by)?,
            };
            // Both names of a picture together: they are no independent draws.
            let of = |swapped: bool| {
                let each = [0, 1].map(|name| {
                    let tile = asked.named[if swapped { 1 - name } else { name }].1;
                    on_tile(&asked.column(&found, name), tile)
                });
                [0, 1].map(|what| (each[0][what] + each[1][what]) / 2.0)
            };
            own.push(of(false));
            other.push(of(true));
        }
        let seconds = begin.elapsed().as_secs_f64() / count as f64;
        println!(
            "| {way} {preset} | {} | {} | {} | {} | {seconds:.2} |",
            interval(&own, 0),
            interval(&own, 1),
            interval(&other, 0),
            interval(&other, 1)
        );
    }
    Ok(())
}

/// A mean over pictures with half of its 95 % interval.
fn interval(pictures: &[[f64; 2]], what: usize) -> String {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let count = pictures.len();
    let mut means: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let drawn =
                (0..count).map(|_| pictures[rng.random_range(0..count as u32) as usize][what]);
            drawn.sum::<f64>() / count as f64
        })
        .collect();
    means.sort_by(f64::total_cmp);
    let half = (means[RESAMPLES * 39 / 40] - means[RESAMPLES / 40]) / 2.0;
    let mean = pictures.iter().map(|each| each[what]).sum::<f64>() / count as f64;
    format!("{mean:.3} ± {half:.3}")
}
