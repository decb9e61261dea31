use m2ib::Backend;
use m2ib::clip_input::Content;
use m2ib::clip_model::clip::{ClipConfig, random_clip};
use m2ib_tune::{Blocks, TuneSettings};
use ndarray::Array2;
use rand::RngExt;

use super::*;
use crate::roar::{Part, Picture};

fn clip() -> Trainable {
    let json = br#"{"projection_dim": 8, "vision_config": {"hidden_size": 16,
        "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
        "image_size": 8, "patch_size": 4}, "text_config": {"vocab_size": 10, "hidden_size": 16,
        "num_attention_heads": 2, "num_hidden_layers": 2, "intermediate_size": 32,
        "max_position_embeddings": 6, "eos_token_id": 9}}"#;
    let config = ClipConfig::from_json(json, "config.json").unwrap();
    let device = Backend::preferred().unwrap().device().unwrap();
    random_clip(config, 3, &device)
}

/// Noise; captions repeat after eight.
fn pairs(count: usize) -> Vec<Pair> {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let pairs = (0..count).map(|index| Pair {
        pixels: {
            let pixels = (0..3 * 64).map(|_| rng.random_range(-1.0..1.0));
            pixels.collect::<Vec<f32>>().into()
        },
        ids: vec![0, 1 + index as i64 % 8, 3, 9, 9],
        words: 1..3,
        read: 4,
        picture: index,
    });
    pairs.collect()
}

/// The pixels in memory.
fn held(pair: &mut Pair) -> &mut Vec<f32> {
    match &mut pair.pixels {
        Picture::Held(values) => values,
        Picture::Made { .. } => panic!("it is made"),
    }
}

fn settings() -> RoarSettings {
    RoarSettings {
        tune: TuneSettings {
            blocks: Blocks::Last(1),
            epochs: 2,
            batch: 8,
            learning_rate: 1e-3,
            ..TuneSettings::default()
        },
        ..RoarSettings::new(9)
    }
}

#[test]
fn every_pair_is_in_one_part_and_the_seed_decides_in_which() {
    let (clip, pairs) = (clip(), pairs(50));
    let parts = |seed| {
        let settings = RoarSettings { seed, ..settings() };
        let roar = Roar::new(&clip, &pairs, settings, 1).unwrap();
        (roar.training().to_vec(), roar.validation().to_vec())
    };
    let (training, validation) = parts(0);
    assert_eq!((training.len(), validation.len()), (40, 10));
    let mut all = [training, validation].concat();
    all.sort();
    assert_eq!(all, (0..50).collect::<Vec<_>>());
    assert_eq!(parts(0), parts(0));
    assert_ne!(parts(0), parts(1));
}

#[test]
fn no_picture_is_trained_and_validated_on_whatever_its_captions() {
    let (clip, mut pairs) = (clip(), pairs(50));
    for (place, pair) in pairs.iter_mut().enumerate() {
        pair.picture = place / 5;
        pair.ids[1] = 1 + place as i64 % 5;
    }
    for seed in 0..20 {
        let settings = RoarSettings { seed, ..settings() };
        let roar = Roar::new(&clip, &pairs, settings, 1).unwrap();
        let pictures = |part: &[usize]| -> BTreeSet<usize> {
            part.iter().map(|&pair| pairs[pair].picture).collect()
        };
        let [training, validation] = [roar.training(), roar.validation()];
        assert!(pictures(training).is_disjoint(&pictures(validation)));
        assert_eq!((training.len(), validation.len()), (40, 10));
        // Either picture once before any is there twice.
        assert_eq!(pictures(&validation[..2]).len(), 2);
        // All captions of a picture are true of it.
        assert_eq!(roar.also[training[0]][..], [0, 1, 2, 3, 4]);
    }
}

#[test]
fn equal_captions_mean_the_same_whatever_comes_behind_them() {
    let mut pairs = pairs(10);
    pairs[9].ids[4] = 1;
    assert_eq!(meanings(&pairs), [0, 1, 2, 3, 4, 5, 6, 7, 0, 1]);
}

#[test]
fn a_killed_fine_tuning_goes_on_and_other_scores_are_refused() {
    let (clip, pairs, folder) = (clip(), pairs(40), tempfile::tempdir().unwrap());
    let roar = Roar::new(&clip, &pairs, settings(), 2).unwrap();
    let scores = roar.random_scores();
    let whole = roar.degraded(&scores, Tuning::default()).unwrap();
    assert_ne!(whole, roar.before().unwrap());
    assert_ne!(whole, roar.undegraded(Tuning::default()).unwrap());

    // Killed after five of eight steps, the last checkpoint at the fourth.
    let killed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let tuning = Tuning {
            folder: Some(folder.path()),
            every: 2,
            progress: Some(&mut |report| assert!(report.step < 5, "killed")),
        };
        roar.degraded(&scores, tuning)
    }));
    assert!(killed.is_err());
    let mut steps = Vec::new();
    let resumed = Tuning {
        folder: Some(folder.path()),
        every: 2,
        progress: Some(&mut |report| steps.push(report.step)),
    };
    assert_eq!(roar.degraded(&scores, resumed).unwrap(), whole);
    assert_eq!(steps, [5, 6, 7, 8]);

    let mut other = scores.clone();
    other[roar.training()[0]].image[[0, 1]] += 1.0;
    let tuning = |folder| Tuning {
        folder: Some(folder),
        ..Tuning::default()
    };
    let error = roar.degraded(&other, tuning(folder.path())).unwrap_err();
    assert!(error.to_string().contains("other settings"), "{error}");
    let error = roar.undegraded(tuning(folder.path())).unwrap_err();
    assert!(error.to_string().contains("other settings"), "{error}");
}

/// A model like SigLIP: captions with all their padding, a bias, an attention that reads out.
#[test]
fn siglip_is_fine_tuned_on_degraded_pairs_too() {
    let json = br#"{"model_type": "siglip", "vision_config": {"hidden_size": 16,
        "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
        "image_size": 9, "patch_size": 4}, "text_config": {"vocab_size": 10, "hidden_size": 16,
        "num_attention_heads": 2, "num_hidden_layers": 2, "intermediate_size": 32,
        "max_position_embeddings": 5}}"#;
    let device = Backend::preferred().unwrap().device().unwrap();
    let config = Content::bytes("config.json", json.to_vec());
    let model = Trainable::random(&config, 3, &device).unwrap();
    let mut pairs = pairs(40);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for pair in &mut pairs {
        let pixels = (0..3 * 81).map(|_| rng.random_range(-1.0..1.0));
        *held(pair) = pixels.collect();
        (pair.words, pair.read) = (0..3, 5);
    }
    let roar = Roar::new(&model, &pairs, settings(), 2).unwrap();
    let scores = roar.random_scores();
    assert_eq!(scores[0].image.dim(), (2, 2));
    let tuned = roar.degraded(&scores, Tuning::default()).unwrap();
    assert_ne!(tuned, roar.before().unwrap());
    assert_ne!(tuned, roar.undegraded(Tuning::default()).unwrap());
    // The ninth row and column, which no patch covers, stay as they are.
    let degraded = roar.examples(&[7], Some(&scores)).pair(7).unwrap();
    let changed: Vec<usize> = held(&mut pairs.clone()[7])
        .iter()
        .zip(&degraded.pixels)
        .enumerate()
        .filter_map(|(at, (before, after))| (before != after).then_some(at % 81))
        .collect();
    assert_eq!(changed.len(), 3 * 16);
    assert!(changed.iter().all(|at| at / 9 < 8 && at % 9 < 8));
    let (before, after) = (&pairs[7].ids, &degraded.ids);
    assert_eq!(before[3..], after[3..]);
    assert!(before[..3] != after[..3]);
}

#[test]
fn a_report_compares_pair_by_pair_and_survives_json() {
    let (clip, pairs) = (clip(), pairs(40));
    let roar = Roar::new(&clip, &pairs, settings(), 2).unwrap();
    let before = roar.before().unwrap();
    let undegraded = roar.undegraded(Tuning::default()).unwrap();
    let random = roar
        .degraded(&roar.random_scores(), Tuning::default())
        .unwrap();
    let same = ("nothing removed".to_owned(), undegraded.clone());
    let report = roar.report(before, undegraded.clone(), random.clone(), vec![same]);
    let fall = report.random.fall;
    let difference = random.loss.mean - undegraded.loss.mean;
    assert!((fall.loss.mean - difference).abs() < 1e-12);
    let difference = undegraded.image_to_text.mean - random.image_to_text.mean;
    assert!((fall.image_to_text.mean - difference).abs() < 1e-12);
    let none = report.methods[0].fall;
    assert_eq!(none.loss.ends(), [0.0; 2]);
    assert_eq!(none.text_to_image.mean, 0.0);
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<RoarReport>(&json).unwrap(), report);
}

#[test]
fn the_data_sets_own_means_are_those_of_the_training_part() {
    let (clip, mut pairs) = (clip(), pairs(10));
    let whole = RoarSettings {
        fill: Fill::DataSet,
        part: Part::Image,
        ..settings()
    };
    let validation = Roar::new(&clip, &pairs, whole.clone(), 1)
        .unwrap()
        .validation;
    for (index, pair) in pairs.iter_mut().enumerate() {
        let value = if validation.contains(&index) {
            9.0
        } else {
            2.0
        };
        held(pair)[64..128].fill(value);
    }
    let roar = Roar::new(&clip, &pairs, whole, 1).unwrap();
    assert_eq!(roar.fill[1], 2.0);
    assert!(roar.fill[0].abs() < 0.2);
}

#[test]
fn bad_input_is_named() {
    let (clip, good) = (clip(), pairs(20));
    type Change = fn(&mut Pair);
    let broken: [(Change, &str); 5] = [
        (
            |p| held(p).truncate(100),
            "pair 3 does not fit the model: found 100 numbers",
        ),
        (|p| held(p)[5] = f32::INFINITY, "a pixel is inf"),
        (|p| p.ids[1] = 99, "found id 99"),
        (|p| p.words = 1..1, "of 5 tokens 4 are read and 1..1 can be"),
        (|p| p.read = 6, "of 5 tokens 6 are read and 1..3 can be"),
    ];
    for (change, expected) in broken {
        let mut pairs = good.clone();
        change(&mut pairs[3]);
        let error = Roar::new(&clip, &pairs, settings(), 1).err().unwrap();
        assert!(error.to_string().contains(expected), "{error}");
    }
    let error = Roar::new(&clip, &good[..4], settings(), 1).err().unwrap();
    assert!(
        error
            .to_string()
            .contains("4 pairs of 4 pictures leave 3 pictures to train on and 1"),
        "{error}"
    );
    let mut same = good.clone();
    same.iter_mut().for_each(|pair| pair.picture %= 4);
    let error = Roar::new(&clip, &same, settings(), 1).err().unwrap();
    let error = error.to_string();
    assert!(
        error.contains("20 pairs of 4 pictures leave 3 pictures"),
        "{error}"
    );
    let padding = RoarSettings {
        padding: 10,
        ..settings()
    };
    let error = Roar::new(&clip, &good, padding, 1).err().unwrap();
    assert!(error.to_string().starts_with("padding is 10"), "{error}");

    let roar = Roar::new(&clip, &good, settings(), 1).unwrap();
    let judge = |change: fn(&mut Vec<Scores>)| {
        let mut scores = roar.random_scores();
        change(&mut scores);
        let error = roar.degraded(&scores, Tuning::default());
        error.unwrap_err().to_string()
    };
    let error = judge(|scores| drop(scores.pop()));
    assert!(
        error.starts_with("found scores for 19 pairs, expected 20"),
        "{error}"
    );
    let error = judge(|scores| scores[2].image[[1, 1]] = f32::NAN);
    assert!(
        error.contains("scores of pair 2 are unusable: found NaN"),
        "{error}"
    );
    let error = judge(|scores| drop(scores[2].text.drain(..1)));
    assert!(
        error.contains("found 4 token scores, expected 5"),
        "{error}"
    );
    let error = judge(|scores| scores[2].image = Array2::zeros((0, 3)));
    assert!(error.contains("the map has no patches"), "{error}");
}
