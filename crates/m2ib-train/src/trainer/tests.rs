use clip_input::Content;
use image::{Rgb, RgbImage};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::{Checkpoint, Example, Family, Named};

const CLASSES: usize = 6;

/// Pictures with a coloured square for each of one or two classes; a class's caption is
/// "start, class, end".
struct Squares;

impl Source for Squares {
    fn examples(&self, numbers: Range<u64>) -> Result<Vec<Example>> {
        Ok(numbers.map(example).collect())
    }
}

fn example(number: u64) -> Example {
    let mut rng = ChaCha8Rng::seed_from_u64(number);
    let first = rng.random_range(0..CLASSES as u32) as usize;
    let second = rng.random_range(0..CLASSES as u32) as usize;
    let mut image = RgbImage::from_fn(16, 16, |_, _| Rgb([rng.random_range(90..130); 3]));
    for (side, class) in [first, second].into_iter().enumerate() {
        let level = |bit: usize| if (class + 1) >> bit & 1 == 1 { 255 } else { 0 };
        for (x, y) in (2..7).flat_map(|x| (2..14).map(move |y| (x, y))) {
            image.put_pixel(x + 8 * side as u32, y, Rgb([level(0), level(1), level(2)]));
        }
    }
    let named = |class: usize| Named {
        ids: vec![0, 1 + class as i64, 9],
        classes: vec![class],
    };
    let mut objects = vec![first, second];
    objects.dedup();
    Example {
        image,
        objects,
        captions: [named(first), named(second)],
    }
}

fn base(family: Family) -> Trainable {
    let json: &[u8] = match family {
        Family::Clip => {
            br#"{"projection_dim": 16, "vision_config": {"hidden_size": 32,
            "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
            "image_size": 16, "patch_size": 4}, "text_config": {"vocab_size": 10, "hidden_size": 16,
            "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 32,
            "max_position_embeddings": 5, "eos_token_id": 9}}"#
        }
        Family::Siglip => {
            br#"{"model_type": "siglip", "vision_config": {"hidden_size": 32,
            "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
            "image_size": 16, "patch_size": 4}, "text_config": {"vocab_size": 10, "hidden_size": 16,
            "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 32,
            "max_position_embeddings": 3, "projection_size": 32}}"#
        }
    };
    let config = Content::bytes("config.json", json);
    Trainable::random(&config, 0, &m2ib_cpu::flex()).unwrap()
}

fn settings(steps: u64, shares: usize) -> Settings {
    of_family(Family::Clip, steps, shares)
}

fn of_family(family: Family, steps: u64, shares: usize) -> Settings {
    Settings {
        family,
        steps,
        batch: 16,
        warm_up: 2,
        learning_rate: 3e-3,
        shares,
        ..Settings::default()
    }
}

fn trainer(settings: Settings, state: Option<State>) -> Trainer<Squares> {
    let base = base(settings.family);
    let state = state.unwrap_or_else(|| State::of(&base, |_| true).unwrap());
    Trainer::new(settings, base, Squares, state, 2).unwrap()
}

#[rstest::rstest]
fn shares_have_the_gradients_of_the_whole_batch(
    #[values(Family::Clip, Family::Siglip)] family: Family,
) {
    let gradients = |shares| {
        let trainer = trainer(of_family(family, 10, shares), None);
        let model = trainer.model().unwrap();
        let mut batch = trainer.prepare(1).unwrap();
        assert_eq!(batch.len(), shares);
        trainer.gradients(&model, &mut batch, 1).unwrap()
    };
    let (whole, expected, _) = gradients(1);
    for shares in [2, 3] {
        let (loss, found, _) = gradients(shares);
        assert!((loss.value - whole.value).abs() < 1e-6);
        assert_eq!(found.iter().count(), expected.iter().count());
        for ((name, found), (_, expected)) in found.iter().zip(expected.iter()) {
            for (found, expected) in found.iter().zip(expected) {
                let difference = (found - expected).abs();
                assert!(difference < 1e-5, "{name}: {found} {expected}");
            }
        }
    }
}

#[rstest::rstest]
fn the_loss_falls_along_the_gradient(#[values(Family::Clip, Family::Siglip)] family: Family) {
    let trainer = trainer(of_family(family, 10, 2), None);
    let loss = |state: &State| {
        let mut model = state.put_into(&trainer.base).unwrap();
        model.computes_on_host(true);
        let mut batch = trainer.prepare(1).unwrap();
        trainer.gradients(&model, &mut batch, 1).unwrap()
    };
    let (here, gradients, _) = loss(trainer.state());
    let slope = gradient_norm(&gradients).powi(2);
    let length = 1e-3 / slope.sqrt();
    let along = |by: f64| {
        let mut state = trainer.state().clone();
        for parameter in &mut state.parameters {
            let gradient = gradients.get(&parameter.name).unwrap_or(&[]);
            for (x, gradient) in parameter.values.iter_mut().zip(gradient) {
                *x -= (by * f64::from(*gradient)) as f32;
            }
        }
        loss(&state).0.value
    };
    // Finite differences of the whole model, along its own gradient.
    let found = (along(-length) - along(length)) / (2.0 * length);
    assert!((found / slope - 1.0).abs() < 0.02, "{found} {slope}");
    assert!(along(length) < here.value);
}

#[test]
fn a_resumed_run_ends_with_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(8, 3);
    let mut whole = trainer(settings.clone(), None);
    let reports: Vec<Report> = (0..8).map(|_| whole.step().unwrap()).collect();

    let mut first = trainer(settings.clone(), None);
    for _ in 0..3 {
        first.step().unwrap();
    }
    Checkpoint::save(first.settings(), first.state(), folder.path()).unwrap();
    // What comes after the checkpoint is lost.
    first.step().unwrap();
    drop(first);

    let checkpoint = Checkpoint::load(folder.path()).unwrap().unwrap();
    let mut second = trainer(checkpoint.settings, Some(checkpoint.state));
    let again: Vec<Report> = (0..5).map(|_| second.step().unwrap()).collect();
    assert_eq!(again, reports[3..]);
    assert_eq!(second.state(), whole.state());
}

/// The number of threads must not show either: a run may be resumed on another machine.
#[test]
fn threads_do_not_change_the_bits() {
    let run = |threads| {
        let (base, settings) = (base(Family::Clip), settings(3, 4));
        let state = State::of(&base, |_| true).unwrap();
        let mut trainer = Trainer::new(settings, base, Squares, state, threads).unwrap();
        for _ in 0..3 {
            trainer.step().unwrap();
        }
        trainer.state().clone()
    };
    assert_eq!(run(1), run(3));
}

#[rstest::rstest]
fn a_tiny_problem_is_learnt(#[values(Family::Clip, Family::Siglip)] family: Family) {
    let mut trainer = trainer(of_family(family, 300, 2), None);
    let reports: Vec<Report> = (0..300).map(|_| trainer.step().unwrap()).collect();
    let mean =
        |reports: &[Report]| reports.iter().map(|r| r.loss).sum::<f64>() / reports.len() as f64;
    let (early, late) = (mean(&reports[..20]), mean(&reports[280..]));
    assert!(late < 0.7 * early, "{early} {late}");

    // Which class is on the left or on the right, of 100 new pictures? A third would be chance.
    let model = trainer.model().unwrap();
    let names: Vec<Vec<i64>> = (0..CLASSES as i64)
        .map(|class| vec![0, 1 + class, 9])
        .collect();
    let unit = |x: burn::tensor::Tensor<2>| {
        let norm = x.clone().square().sum_dim(1).sqrt();
        x / norm
    };
    let names = unit(model.text.training_pass(&names).embedding);
    let right = (0..100).filter(|number| {
        let Example { image, objects, .. } = example((1 << 50) + number);
        let mut patches = clip_model::Patches {
            values: Vec::new(),
            places: Vec::new(),
            images: 0,
        };
        let places: Vec<usize> = (0..16).collect();
        crate::augmentation::Augmentation::none().add_patches(&image, 4, &places, &mut patches);
        let image = unit(model.image.training_pass(patches).unwrap().embedding);
        let scores: Vec<f32> = image
            .matmul(names.clone().transpose())
            .into_data()
            .iter::<f32>()
            .collect();
        let best = (0..CLASSES).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
        objects.contains(&best.unwrap())
    });
    let right = right.count();
    assert!(right > 70, "{right} of 100");
}
