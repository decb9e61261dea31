//! Does each name's column point to its own tile? Prints the tables of `docs/yardstick.md`:
//!
//! ```sh
//! cargo run --release -p m2ib-eval --example word_patches -- 30 bottleneck/fast,masks,paths [folder or emoji [input size or usual [test or validation]]]
//! ```
//!
//! The first table is of no map: for how many names the model itself finds the tile, by what is left of the picture's
//! similarity to "a photo of a NAME" with one tile alone, and without one. The last columns of the second are
//! of those names alone that it finds both ways.

#![allow(clippy::print_stdout)] // Tables are what it makes.

mod tiles;

use std::time::Instant;

use m2ib::image::DynamicImage;
use m2ib::{Backend, DualEncoder, Explainer, Preset, emoji};
use m2ib_methods::{Interacting, Subject, interactions};
use m2ib_scenes::{Caption, Generator, Split};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tiles::{TILES, Tiled, on_tile, tile_at, tiled};

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
    if let Some(side) = arguments.next().filter(|side| side != "usual") {
        model = model.with_input_size(side.parse()?)?;
    }
    model.computes_on_host(true);
    let split = match arguments.next().as_deref() {
        None | Some("test") => Split::Test,
        Some("validation") => Split::Validation,
        Some(other) => return Err(format!("{other} is no split: test or validation").into()),
    };
    let generator = Generator::new();
    let pictures = (0..count).map(|number| tiled(&generator, split, number, 0));
    let pictures: Vec<Tiled> = pictures.collect();
    let seen = pictures.iter().map(|asked| seen(&model, asked));
    let seen = seen.collect::<Result<Vec<_>, _>>()?;
    println!("| the model finds the tile | of the names |\n|---|---|");
    for (what, name) in ["alone", "by taking it out", "both ways"]
        .iter()
        .enumerate()
    {
        let each = seen.iter().map(|names| {
            let hits = names.map(|found| [found[0], found[1], found[0] && found[1]][what]);
            let hits = hits.map(|hit| f64::from(u8::from(hit)));
            [(hits[0] + hits[1]) / 2.0, 0.0]
        });
        println!("| {name} | {} |", interval(&each.collect::<Vec<_>>(), 0));
    }
    println!(
        "\n| way | points to its own tile | mass on its own tile | to the other name's | mass there | own tile, names found | mass there | seconds a pair |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for way in ways.split(',') {
        // bottleneck by a preset: bottleneck/fast
        let (way, preset) = way.split_once('/').unwrap_or((way, "fine"));
        let by = Interacting::parse(way)?;
        let preset: Preset = preset.parse()?;
        let explainer = Explainer::builder(model.clone()).preset(preset).build()?;
        let (mut own, mut other, mut found_own) = (Vec::new(), Vec::new(), Vec::new());
        let begin = Instant::now();
        for (asked, seen) in pictures.iter().zip(&seen) {
            let image: DynamicImage = asked.picture.clone().into();
            let found = match by {
                Interacting::Bottleneck => {
                    let text = explainer.encode_text(&asked.caption)?;
                    explainer.word_maps(&explainer.encode_image(&image)?, &text)?
                }
                _ => interactions(&Subject::new(&model, &image, &asked.caption)?, &by)?,
            };
            // Both names of a picture together: they are no independent draws.
            let of = |names: &[usize], swapped: bool| {
                let each = names.iter().map(|&name| {
                    let tile = asked.named[if swapped { 1 - name } else { name }].1;
                    on_tile(&asked.column(&found, name), tile)
                });
                let each: Vec<[f64; 2]> = each.collect();
                [0, 1].map(|what| each.iter().map(|one| one[what]).sum::<f64>() / each.len() as f64)
            };
            own.push(of(&[0, 1], false));
            other.push(of(&[0, 1], true));
            let names: Vec<usize> = (0..2).filter(|&name| seen[name] == [true; 2]).collect();
            if !names.is_empty() {
                found_own.push(of(&names, false));
            }
        }
        let seconds = begin.elapsed().as_secs_f64() / count as f64;
        println!(
            "| {way} {preset} | {} | {} | {} | {} | {} | {} | {seconds:.2} |",
            interval(&own, 0),
            interval(&own, 1),
            interval(&other, 0),
            interval(&other, 1),
            interval(&found_own, 0),
            interval(&found_own, 1)
        );
    }
    Ok(())
}

/// For each name, whether the model finds its tile: whether of the pictures with one tile alone that with
/// its own fits the name best, and of those without one tile that without its own fits it least.
fn seen(model: &DualEncoder, asked: &Tiled) -> m2ib_methods::Result<[[bool; 2]; 2]> {
    let image: DynamicImage = asked.picture.clone().into();
    let mut found = [[false; 2]; 2];
    for (found, (class, tile)) in found.iter_mut().zip(asked.named) {
        let subject = Subject::new(model, &image, &Caption::photo(&[class]).text)?;
        let [_, width] = subject.input_size();
        let pixels = &subject.pixels().values;
        let area = pixels.len() / 3;
        let fit = |kept: &dyn Fn(usize) -> bool| {
            let values = pixels.iter().enumerate().map(|(at, &value)| {
                let at = at % area;
                let place = tile_at([at / width, at % width], [area / width, width]);
                if kept(place) { value } else { 0.0 }
            });
            Ok::<_, m2ib_methods::Error>(subject.with_pixels(values.collect())?.similarity())
        };
        let others = (0..TILES).filter(|&other| other != tile);
        let (alone, without) = (fit(&|at| at == tile)?, fit(&|at| at != tile)?);
        *found = [true; 2];
        for other in others {
            found[0] &= alone > fit(&|at| at == other)?;
            found[1] &= without < fit(&|at| at != other)?;
        }
    }
    Ok(found)
}

/// A mean over pictures with half of its 95 % interval.
fn interval(pictures: &[[f64; 2]], what: usize) -> String {
    if pictures.is_empty() {
        return "–".into();
    }
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
