//! How much a map depends on the seed, by sampling: the correlation of maps between seeds, and with
//! the mean map of all seeds of the plain sampler, at equal numbers of samples.

#![allow(clippy::print_stdout, reason = "the figures are what it is for")]

use anyhow::Result;
use clap::Parser;
use m2ib::image::DynamicImage;
use m2ib::ndarray::Array2;
use m2ib::{DualEncoder, Explainer, Preset, Sampling, emoji};
use m2ib_benches::{CAPTION, Shape, device, picture};
use ndarray_stats::CorrelationExt;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures how much maps depend on the seed.
#[derive(Parser)]
struct Arguments {
    /// Seeds per sampling.
    #[arg(long, default_value_t = 8)]
    seeds: u64,
    /// Scenes of the embedded model.
    #[arg(long, default_value_t = 4)]
    scenes: usize,
    /// Also a model of ViT-B/32's shape with random weights.
    #[arg(long)]
    b32: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let device = device();
    println!(
        "| model | samples | sampling | image, seed to seed | image, with the mean | text, seed to seed |"
    );
    println!("|---|---|---|---|---|---|");
    let scenes = emoji::SCENES.iter().take(arguments.scenes);
    let scenes = scenes
        .map(|scene| {
            let image = m2ib::decode_image(scene.png, scene.name)?;
            Ok((image.into_image(), scene.objects[0].caption.to_owned()))
        })
        .collect::<Result<Vec<_>>>()?;
    let embedded = emoji::pretrained(&device)?;
    for preset in [Preset::Released, Preset::Matched] {
        let name = format!("embedded, {preset}");
        arguments.model(&name, &embedded, preset, &scenes)?;
    }
    if arguments.b32 {
        let pairs = [(picture(), CAPTION.to_owned())];
        let model = Shape::B32.model(&device);
        arguments.model("ViT-B/32, released", &model, Preset::Released, &pairs)?;
    }
    Ok(())
}

impl Arguments {
    fn model(
        &self,
        name: &str,
        model: &DualEncoder,
        preset: Preset,
        pairs: &[(DynamicImage, String)],
    ) -> Result<()> {
        for samples in [2, 4, 10] {
            let plain = self.maps(model, preset, Sampling::Independent, samples, pairs)?;
            let other = self.maps(model, preset, Sampling::Antithetic, samples, pairs)?;
            for (sampling, maps) in [("independent", &plain), ("antithetic", &other)] {
                let over = |figure: &dyn Fn(&Maps, &Maps) -> f64| {
                    let sum: f64 = maps.iter().zip(&plain).map(|(a, b)| figure(a, b)).sum();
                    sum / maps.len() as f64
                };
                println!(
                    "| {name} | {samples} | {sampling} | {:.4} | {:.4} | {:.4} |",
                    over(&|maps, _| between(&maps.image)),
                    over(&|maps, plain| with_mean(&maps.image, &plain.image)),
                    over(&|maps, _| between(&maps.text)),
                );
            }
        }
        Ok(())
    }

    /// The maps of every pair.
    fn maps(
        &self,
        model: &DualEncoder,
        preset: Preset,
        sampling: Sampling,
        samples: usize,
        pairs: &[(DynamicImage, String)],
    ) -> Result<Vec<Maps>> {
        let mut maps: Vec<_> = pairs.iter().map(|_| Maps::default()).collect();
        for seed in 0..self.seeds {
            let mut builder = Explainer::builder(model.clone())
                .preset(preset)
                .sampling(sampling)
                .samples(samples)
                // A mean over the plain sampler's seeds must not contain the map it judges.
                .seed(
                    seed + if sampling == Sampling::Independent {
                        0
                    } else {
                        1000
                    },
                );
            if preset == Preset::Matched {
                builder = builder.calibration(emoji::calibration()?);
            }
            let explainer = builder.build()?;
            for ((image, text), maps) in pairs.iter().zip(&mut maps) {
                let attribution = explainer.attribute(image, text)?;
                let widen = |nats: &f32| f64::from(*nats);
                maps.image
                    .push(attribution.image.saliency().iter().map(widen).collect());
                let words = attribution.text.words();
                maps.text
                    .push(words.iter().map(|word| widen(&word.saliency)).collect());
            }
        }
        Ok(maps)
    }
}

/// One pair's maps, seed by seed.
#[derive(Default)]
struct Maps {
    image: Vec<Vec<f64>>,
    text: Vec<Vec<f64>>,
}

/// The mean correlation of every two maps.
fn between(maps: &[Vec<f64>]) -> f64 {
    let correlations = correlations(maps);
    let pairs = (0..maps.len()).flat_map(|a| (0..a).map(move |b| (a, b)));
    let all: Vec<_> = pairs.map(|pair| correlations[pair]).collect();
    all.iter().sum::<f64>() / all.len() as f64
}

/// The mean correlation of each map with the mean of the plain sampler's for the other seeds.
fn with_mean(maps: &[Vec<f64>], plain: &[Vec<f64>]) -> f64 {
    let one = |(index, map): (usize, &Vec<f64>)| {
        // One is left out for either sampler, so that both are judged by means of equally many.
        let mut mean = vec![0.0; map.len()];
        for (_, other) in plain
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != index)
        {
            mean.iter_mut()
                .zip(other)
                .for_each(|(mean, value)| *mean += value);
        }
        correlations(&[map.clone(), mean])[(0, 1)]
    };
    maps.iter().enumerate().map(one).sum::<f64>() / maps.len() as f64
}

/// Pearson's, of every two rows.
fn correlations(rows: &[Vec<f64>]) -> Array2<f64> {
    let rows = Array2::from_shape_fn((rows.len(), rows[0].len()), |(row, column)| {
        rows[row][column]
    });
    rows.pearson_correlation().expect("maps are not empty")
}
