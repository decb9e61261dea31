//! Does a contrast leave the rival? Scenes of two objects that the model itself confuses.
//!
//! Pairs are found on the validation split, by how much two classes' images are taken for each other; the
//! maps are measured on scenes of the test split. A model that takes one of the two for the other has what speaks
//! for a caption on the wrong object, and so has a right map of it: whether it does is found without any map, by
//! taking either object out of the picture. Prints the tables of `docs/yardstick.md`:
//!
//! ```sh
//! cargo run --release -p m2ib-eval --example look_alikes -- 100 m2ib-fast,m2ib-fine [folder]
//! ```

#![allow(clippy::print_stdout)] // Tables are what it makes.

use std::collections::BTreeMap;

use m2ib::image::{DynamicImage, Rgb, RgbImage};
use m2ib::{Against, Ask, Backend, DualEncoder, emoji};
use m2ib_data::Scenes;
use m2ib_methods::{Registry, Subject, ask};
use m2ib_metrics::impute;
use m2ib_metrics::localisation::energy;
use m2ib_scenes::{Caption, Generator, Split, classes};
use ndarray::{Array2, Array3};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Validation pictures of each class.
const PICTURES: u64 = 5;
/// Resamples of an interval.
const RESAMPLES: usize = 2000;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let count: usize = arguments.next().map_or(Ok(100), |text| text.parse())?;
    let methods = arguments.next().unwrap_or("m2ib-fast".into());
    let device = Backend::preferred()?.device()?;
    let mut model = match arguments.next() {
        Some(folder) => DualEncoder::load(folder, &device)?,
        None => emoji::pretrained(&device)?,
    };
    model.computes_on_host(true);
    let pairs = look_alikes(&model, count)?;
    let names = |&[a, b]: &[usize; 2]| format!("{} and {}", classes()[a].name, classes()[b].name);
    let first: Vec<_> = pairs.iter().take(12).map(names).collect();
    println!("most alike: {}\n", first.join(", "));
    println!("{:?}\n", &pairs[..pairs.len().min(24)]);
    let scenes = Scenes::of_pairs(Split::Test, &pairs, 0, 0)?;
    for method in methods.split(',') {
        images(&model, &scenes, method)?;
        words(&model, &scenes, method)?;
    }
    Ok(())
}

/// Pairs of classes, those first that are taken for each other the most: by how much less similar a class's
/// pictures are to the other's caption than to their own, both ways.
fn look_alikes(model: &DualEncoder, count: usize) -> Result<Vec<[usize; 2]>, Failure> {
    let all = classes().len();
    let embed = |class: usize| -> Result<_, Failure> {
        let caption = model.tokenizer().encode(&Caption::photo(&[class]).text)?;
        Ok(unit(
            model.embed_caption(&caption)?.try_into_vec_as::<f32>()?,
        ))
    };
    let captions = (0..all).map(embed).collect::<Result<Vec<_>, _>>()?;
    let generator = Generator::new();
    let mut means = vec![vec![0.0f64; all]; all];
    for (class, means) in means.iter_mut().enumerate() {
        for number in 0..PICTURES {
            let number = class as u64 * PICTURES + number;
            let scene = generator.scene_of(Split::Validation, number, &[class])?;
            let pixels = model.processor().process(&DynamicImage::from(scene.image));
            let image = model.embed_pixels(model.pixels(&pixels)?)?;
            let image = unit(image.try_into_vec_as::<f32>()?);
            for (mean, caption) in means.iter_mut().zip(&captions) {
                let cosine: f64 = image.iter().zip(caption).map(|(a, b)| a * b).sum();
                *mean += cosine / PICTURES as f64;
            }
        }
    }
    let mut pairs = Vec::new();
    for a in 0..all {
        for b in 0..a {
            let behind = means[a][a] - means[a][b] + means[b][b] - means[b][a];
            pairs.push((behind, [b, a]));
        }
    }
    pairs.sort_by(|x, y| x.0.total_cmp(&y.0));
    Ok(pairs
        .into_iter()
        .take(count)
        .map(|(_, pair)| pair)
        .collect())
}

/// An embedding's direction.
fn unit(values: Vec<f32>) -> Vec<f64> {
    let length = values
        .iter()
        .map(|&x| f64::from(x).powi(2))
        .sum::<f64>()
        .sqrt();
    values.into_iter().map(|x| f64::from(x) / length).collect()
}

/// A map's share on the named object and on the other.
type Shares = [f64; 2];

fn images(model: &DualEncoder, scenes: &Scenes, method: &str) -> Result<(), Failure> {
    let factory = Registry::standard().parse(method)?;
    let mut found: BTreeMap<&str, Vec<Shares>> = BTreeMap::new();
    let mut apart = Vec::new();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for question in scenes.questions() {
        let image: DynamicImage = question.scene.image.clone().into();
        let subject = Subject::new(model, &image, &question.caption)?;
        let rival = Caption::photo(&[question.scene.objects[question.other].class]).text;
        let captions = [question.caption.as_str(), &rival];
        let masks = [question.mask(), question.other_mask()];
        apart.push(told_apart(model, &question.scene.image, captions, masks)?);
        let stranger = loop {
            let class = rng.random_range(0..classes().len() as u32) as usize;
            if question.scene.objects.iter().all(|it| it.class != class) {
                break Caption::photo(&[class]).text;
            }
        };
        let asked = [
            ("1 alone", None),
            ("2 instead of the rival", Some(Against::captions([rival]))),
            (
                "3 instead of a stranger",
                Some(Against::captions([stranger])),
            ),
            ("4 --baseline bank", Some(Against::bank())),
            ("5 --baseline empty", Some(Against::empty())),
        ];
        for (name, against) in asked {
            let asked = Ask {
                against,
                seeds: None,
            };
            let explained = ask(factory.as_ref(), None, &subject, &asked)?;
            let shares = |image: &m2ib::ImageAttribution| {
                let map = image.heat_map().values;
                [question.mask(), question.other_mask()].map(|mask| energy(&map, mask))
            };
            found
                .entry(name)
                .or_default()
                .push(shares(&explained.image));
            if let (Some(contrast), "2 instead of the rival") = (&explained.asked.contrast, name) {
                // What is orange once both ways are one map.
                let signed = contrast.signed(&explained.image);
                let orange = signed.map(|value| value.max(0.0));
                let orange = explained.image.clone().with_saliency(orange);
                let name = "2b the same, the other way taken off";
                found.entry(name).or_default().push(shares(&orange));
            }
        }
    }
    println!(
        "| {method} | on the named | on the rival | named of both | moved off the rival | the same where it was left | of those, where the model tells them apart |"
    );
    println!("|---|---|---|---|---|---|---|");
    let plain = found["1 alone"].clone();
    // Where the plain map leaves at least a tenth of itself on the rival.
    let left: Vec<usize> = (0..plain.len()).filter(|&at| plain[at][1] >= 0.1).collect();
    let every: Vec<usize> = (0..plain.len()).collect();
    let sure: Vec<usize> = left.iter().copied().filter(|&at| apart[at]).collect();
    for (name, shares) in &found {
        let of = |at: &[usize], value: &dyn Fn(&[usize]) -> f64| interval(at, value);
        let mean = |side: usize| {
            move |at: &[usize]| at.iter().map(|&at| shares[at][side]).sum::<f64>() / at.len() as f64
        };
        let named = |at: &[usize]| {
            let each = at
                .iter()
                .map(|&at| shares[at][0] / (shares[at][0] + shares[at][1]).max(1e-9));
            each.sum::<f64>() / at.len() as f64
        };
        let moved = |at: &[usize]| {
            let sum = |from: &[Shares]| at.iter().map(|&at| from[at][1]).sum::<f64>();
            1.0 - sum(shares) / sum(&plain).max(1e-9)
        };
        println!(
            "| {name} | {} | {} | {} | {} | {} | {} |",
            of(&every, &mean(0)),
            of(&every, &mean(1)),
            of(&every, &named),
            of(&every, &moved),
            of(&left, &moved),
            of(&sure, &moved)
        );
    }
    println!(
        "{} scenes, {} of them told apart; of {} the plain map leaves .1 or more on the rival, {} of them told apart\n",
        every.len(),
        apart.iter().filter(|&&apart| apart).count(),
        left.len(),
        sure.len()
    );
    Ok(())
}

/// Whether a caption owes what it has before its rival to its own object, and nothing of it to the rival's: whether
/// its lead falls when the first mask is taken out of the picture, and does not when the second is.
fn told_apart(
    model: &DualEncoder,
    picture: &RgbImage,
    captions: [&str; 2],
    masks: [&Array2<bool>; 2],
) -> Result<bool, Failure> {
    let embed = |caption| -> Result<_, Failure> {
        let caption = model.tokenizer().encode(caption)?;
        Ok(unit(
            model.embed_caption(&caption)?.try_into_vec_as::<f32>()?,
        ))
    };
    let [this, rival] = [embed(captions[0])?, embed(captions[1])?];
    let lead = |picture: RgbImage| -> Result<f64, Failure> {
        let pixels = model.processor().process(&DynamicImage::from(picture));
        let image = model.embed_pixels(model.pixels(&pixels)?)?;
        let image = unit(image.try_into_vec_as::<f32>()?);
        let terms = image.iter().zip(this.iter().zip(&rival));
        Ok(terms.map(|(x, (this, rival))| x * (this - rival)).sum())
    };
    let whole = lead(picture.clone())?;
    let [own, other] = [
        lead(without(picture, masks[0])?)?,
        lead(without(picture, masks[1])?)?,
    ];
    Ok(own < whole && other >= whole)
}

/// A picture in which what a mask covers has become what lies round it.
fn without(picture: &RgbImage, mask: &Array2<bool>) -> Result<RgbImage, Failure> {
    let (width, height) = picture.dimensions();
    let shape = (3, height as usize, width as usize);
    let pixels = Array3::from_shape_fn(shape, |(channel, row, column)| {
        f32::from(picture.get_pixel(column as u32, row as u32).0[channel])
    });
    let filled = impute(&pixels, mask, 0.0, 0)?;
    Ok(RgbImage::from_fn(width, height, |x, y| {
        Rgb([0, 1, 2].map(|channel| filled[[channel, y as usize, x as usize]].round() as u8))
    }))
}

/// Captions of two names, of which one is a rival's too: which word makes the difference?
fn words(model: &DualEncoder, scenes: &Scenes, method: &str) -> Result<(), Failure> {
    let factory = Registry::standard().parse(method)?;
    let mut hits = [Vec::new(), Vec::new(), Vec::new()];
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for question in scenes.questions() {
        let [named, other] =
            [question.named, question.other].map(|at| question.scene.objects[at].class);
        let absent = loop {
            let class = rng.random_range(0..classes().len() as u32) as usize;
            if class != named && class != other {
                break class;
            }
        };
        let (mut this, mut that) = (vec![other, named], vec![other, absent]);
        if rng.random() {
            this.reverse();
            that.reverse();
        }
        let [this, that] = [this, that].map(|classes| Caption::photo(&classes).text);
        let image: DynamicImage = question.scene.image.clone().into();
        let subject = Subject::new(model, &image, &this)?;
        let top = |text: &m2ib::TextAttribution, class: usize| {
            let mut words = text.words();
            words.sort_by(|a, b| b.saliency.total_cmp(&a.saliency));
            let name = classes()[class].name;
            f64::from(u8::from(
                name.split(' ').any(|part| part == words[0].text) && words[0].saliency > 0.0,
            ))
        };
        for (place, against) in [(0, None), (1, Some(Against::captions([that])))] {
            let asked = Ask {
                against,
                seeds: None,
            };
            let explained = ask(factory.as_ref(), None, &subject, &asked)?;
            hits[place].push(top(&explained.text, named));
            if let Some(contrast) = explained.asked.contrast {
                let text = contrast.reverse.text.as_ref();
                hits[2].push(text.map_or(0.0, |text| top(text, absent)));
            }
        }
    }
    let every: Vec<usize> = (0..hits[0].len()).collect();
    println!("| {method}: the word that makes the difference is on top | |\n|---|---|");
    let names = [
        "alone",
        "instead of the rival",
        "the other way round: the rival's own word, which is not in the picture",
    ];
    for (name, hits) in names.iter().zip(&hits) {
        let mean = |at: &[usize]| at.iter().map(|&at| hits[at]).sum::<f64>() / at.len() as f64;
        println!("| {name} | {} |", interval(&every, &mean));
    }
    println!();
    Ok(())
}

/// A statistic of scenes with half of its 95 % interval, by a bootstrap over them.
fn interval(scenes: &[usize], statistic: &dyn Fn(&[usize]) -> f64) -> String {
    if scenes.is_empty() {
        return "–".into();
    }
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut values: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let drawn = scenes
                .iter()
                .map(|_| scenes[rng.random_range(0..scenes.len() as u32) as usize]);
            statistic(&drawn.collect::<Vec<_>>())
        })
        .collect();
    values.sort_by(f64::total_cmp);
    let half = (values[RESAMPLES * 39 / 40] - values[RESAMPLES / 40]) / 2.0;
    format!("{:.3} ± {half:.3}", statistic(scenes))
}
