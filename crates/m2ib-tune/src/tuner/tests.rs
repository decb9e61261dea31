use clip_input::{ImageProcessor, Picture};
use clip_model::clip::{ClipConfig, random_clip};
use clip_model::{LOGIT_BIAS, Precision, Tower};
use m2ib_scenes::{Generator, Split};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::{Blocks, Example, Failure, embed};

fn clip() -> Trainable {
    let json = br#"{"projection_dim": 16, "vision_config": {"hidden_size": 32,
        "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 2,
        "image_size": 16, "patch_size": 4}, "text_config": {"vocab_size": 10, "hidden_size": 16,
        "num_attention_heads": 2, "num_hidden_layers": 2, "intermediate_size": 32,
        "max_position_embeddings": 6, "eos_token_id": 9}}"#;
    let config = ClipConfig::from_json(json, "config.json").unwrap();
    let mut clip = random_clip(config, 3, &m2ib_cpu::flex());
    clip.computes_on_host(true);
    clip
}

/// A model like SigLIP, as small.
fn siglip() -> Trainable {
    let json = br#"{"model_type": "siglip", "vision_config": {"hidden_size": 16,
        "intermediate_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2,
        "image_size": 16, "patch_size": 4}, "text_config": {"vocab_size": 10, "hidden_size": 16,
        "num_attention_heads": 2, "num_hidden_layers": 2, "intermediate_size": 32,
        "max_position_embeddings": 6}}"#;
    let config = clip_input::Content::bytes("config.json", json.to_vec());
    let mut siglip = Trainable::random(&config, 3, &m2ib_cpu::flex()).unwrap();
    siglip.computes_on_host(true);
    siglip
}

/// Those examples with captions that are filled up.
fn filled(mut examples: Vec<Example>) -> Vec<Example> {
    examples.iter_mut().for_each(|e| e.ids.resize(6, 9));
    examples
}

/// Noise with captions of different lengths.
fn examples(count: u64) -> Vec<Example> {
    let examples = (0..count).map(|meaning| {
        let mut rng = ChaCha8Rng::seed_from_u64(meaning);
        let words = 1 + meaning as usize % 4;
        let mut ids = vec![0];
        ids.extend((0..words).map(|_| i64::from(rng.random_range(1..9u8))));
        ids.push(9);
        Example {
            pixels: (0..3 * 256).map(|_| rng.random_range(-1.0..1.0)).collect(),
            ids,
            meaning,
            also: Vec::new(),
        }
    });
    examples.collect()
}

fn settings(blocks: Blocks) -> TuneSettings {
    TuneSettings {
        blocks,
        epochs: 4,
        batch: 6,
        learning_rate: 1e-3,
        shares: 3,
        ..TuneSettings::default()
    }
}

fn weights(clip: &Trainable) -> Vec<(String, Vec<f32>)> {
    let state = State::of(clip, |_| true).unwrap();
    let parameters = state.parameters.into_iter();
    parameters.map(|p| (p.name, p.values)).collect()
}

#[rstest::rstest]
fn a_killed_run_that_goes_on_ends_with_the_same_bits(
    #[values(Blocks::All, Blocks::Last(1))] blocks: Blocks,
) {
    let (clip, examples, folder) = (clip(), examples(13), tempfile::tempdir().unwrap());
    let new = || Tuner::new(&clip, &examples, settings(blocks), 2).unwrap();
    let mut reports = Vec::new();
    let whole = new().run(None, &mut |report| reports.push(report)).unwrap();
    assert_eq!(reports.len(), 8);

    let mut first = new();
    assert!(!first.resume(folder.path()).unwrap());
    for _ in 0..3 {
        first.step().unwrap();
    }
    first.save(folder.path()).unwrap();
    // What comes after the checkpoint is lost.
    first.step().unwrap();
    drop(first);

    // The memory for latents and the threads may be others.
    let mut second = Tuner::new(&clip, &examples, settings(blocks), 1).unwrap();
    second = second.cache(0);
    assert!(second.resume(folder.path()).unwrap());
    let mut again = Vec::new();
    let checkpoints = Some((folder.path(), 100));
    let found = second.run(checkpoints, &mut |report| again.push(report));
    assert_eq!(again, reports[3..]);
    assert_eq!(weights(found.as_ref().unwrap()), weights(&whole));
    assert_eq!(found.unwrap().digest(), whole.digest());

    // A finished run is taken up at its end.
    let mut third = new();
    assert!(third.resume(folder.path()).unwrap());
    let found = third.run(None, &mut |_| panic!("no step is left")).unwrap();
    assert_eq!(weights(&found), weights(&whole));
}

#[test]
fn the_frozen_part_keeps_its_bits_and_the_trained_part_does_not() {
    let (clip, examples) = (clip(), examples(12));
    let mut tuner = Tuner::new(&clip, &examples, settings(Blocks::Last(1)), 2).unwrap();
    let tuned = tuner.run(None, &mut |_| {}).unwrap();
    let trained = [
        "logit_scale",
        "text_model.encoder.layers.1.",
        "text_model.final_layer_norm.",
        "text_projection.",
        "vision_model.encoder.layers.2.",
        "vision_model.post_layernorm.",
        "visual_projection.",
    ];
    let mut changed = 0;
    for ((name, before), (_, after)) in weights(&clip).iter().zip(&weights(&tuned)) {
        let is_trained = trained.iter().any(|start| name.starts_with(start));
        // A key's bias moves all of a query's logits alike, so that it has no gradient.
        if !name.ends_with("k_proj.bias") {
            assert_eq!(before != after, is_trained, "{name}");
        }
        changed += usize::from(is_trained);
    }
    assert_eq!(changed, 2 * 16 + 2 * 2 + 2 + 1);
}

#[rstest::rstest]
fn last_blocks_have_the_gradients_that_training_all_gives_them(#[values(1, 2, 9)] blocks: usize) {
    let (clip, examples) = (clip(), examples(6));
    let indices = [4, 1, 0, 3, 5, 2];
    let gradients = |blocks| {
        let tuner = Tuner::new(&clip, &examples, settings(blocks), 2).unwrap();
        tuner.gradients(&clip, &indices).unwrap()
    };
    let (loss, expected) = gradients(Blocks::All);
    let (found_loss, found) = gradients(Blocks::Last(blocks));
    assert!((loss.value - found_loss.value).abs() < 1e-5);
    // Both towers have 16 tensors a block; the text tower has two blocks, the image tower three.
    let count = 16 * (blocks.min(2) + blocks.min(3)) + 7;
    assert_eq!(found.iter().count(), count);
    for (name, found) in found.iter() {
        let expected = expected.get(name).unwrap();
        let largest = expected.iter().fold(1e-3f32, |most, x| most.max(x.abs()));
        for (found, expected) in found.iter().zip(expected) {
            let difference = (found - expected).abs();
            assert!(difference < 1e-4 * largest, "{name}: {found} {expected}");
        }
    }
}

#[rstest::rstest]
fn siglip_is_tuned_by_its_own_loss_head_and_bias(
    #[values(Blocks::All, Blocks::Last(1))] blocks: Blocks,
) {
    let (model, examples) = (siglip(), filled(examples(12)));
    let settings = TuneSettings {
        epochs: 20,
        ..settings(blocks)
    };
    let mut tuner = Tuner::new(&model, &examples, settings, 2).unwrap();
    let mut losses = Vec::new();
    let tuned = tuner
        .run(None, &mut |report| losses.push(report.loss))
        .unwrap();
    assert!(losses[losses.len() - 1] < 0.8 * losses[0], "{losses:?}");
    assert_ne!(tuned.bias, model.bias);
    let changed: Vec<String> = weights(&model)
        .into_iter()
        .zip(weights(&tuned))
        .filter(|(before, after)| before.1 != after.1)
        .map(|(before, _)| before.0)
        .collect();
    for name in [
        LOGIT_BIAS,
        "vision_model.head.probe",
        "vision_model.head.attention.v_proj.weight",
        "text_projection.bias",
    ] {
        assert!(changed.iter().any(|changed| changed == name), "{name}");
    }
    let first = "vision_model.encoder.layers.0.mlp.fc1.weight";
    assert_eq!(
        changed.iter().any(|name| name == first),
        blocks == Blocks::All
    );
    assert_eq!(tuned.image.depth(), 3);
}

#[test]
fn a_caption_without_its_padding_does_not_fit_siglip() {
    let (model, mut examples) = (siglip(), filled(examples(6)));
    examples[2].ids.pop();
    let mut tuner = Tuner::new(&model, &examples, settings(Blocks::All), 1).unwrap();
    let error = tuner.run(None, &mut |_| {}).unwrap_err().to_string();
    assert!(
        error.contains("example 2 does not fit the model: token ids: found 5 of them, expected 6"),
        "{error}"
    );
}

#[test]
fn captions_of_one_meaning_are_not_held_against_each_other() {
    let clip = clip();
    let mut same = examples(2);
    same[1].meaning = same[0].meaning;
    let tuner = |examples| Tuner::new(&clip, examples, settings(Blocks::All), 1).unwrap();
    let (loss, _) = tuner(&same).gradients(&clip, &[0, 1]).unwrap();
    assert_eq!(loss.value, 0.0);
    // Another true caption of the first picture; the second picture's is true of that one alone.
    let mut also = examples(3);
    also[0].also = vec![also[1].meaning];
    also[1].also = vec![also[0].meaning];
    let (loss, _) = tuner(&also).gradients(&clip, &[0, 1]).unwrap();
    assert_eq!(loss.value, 0.0);
    let (loss, _) = tuner(&also).gradients(&clip, &[0, 1, 2]).unwrap();
    assert!(loss.value > 0.0);
    let different = examples(2);
    let (loss, _) = tuner(&different).gradients(&clip, &[0, 1]).unwrap();
    assert!(loss.value > 0.0);
}

/// From random weights to knowing each picture's caption.
#[test]
fn sixteen_pairs_are_learnt_by_heart() {
    let config = ClipConfig::from_json(m2ib_emoji::CONFIG, "config.json").unwrap();
    let processor = ImageProcessor::from_json(m2ib_emoji::PREPROCESSOR, "preprocessor").unwrap();
    let positions = config.text.max_position_embeddings;
    let tokenizer = clip_input::Content::bytes("tokenizer.json", m2ib_emoji::TOKENIZER);
    let tokenizer = clip_input::CaptionTokenizer::load(&tokenizer, positions).unwrap();
    let generator = Generator::new();
    let examples = (0..16).map(|number| {
        let scene = generator.scene_with(Split::Train, number, 1).unwrap();
        let caption = scene.caption_naming(0).text;
        Example {
            ids: tokenizer.encode(&caption).unwrap().ids(),
            pixels: processor.process(&Picture::from(scene.image)).values,
            meaning: number,
            also: Vec::new(),
        }
    });
    let examples: Vec<Example> = examples.collect();
    let mut clip = random_clip(config, 1, &m2ib_cpu::flex());
    clip.computes_on_host(true);
    let settings = TuneSettings {
        epochs: 60,
        batch: 16,
        learning_rate: 1e-3,
        weight_decay: 0.0,
        ..TuneSettings::default()
    };
    let accuracy = |clip: &Trainable| {
        let found = embed(clip, &examples, &Lanes::one()).unwrap();
        let units = |rows: &[f32]| -> Vec<Vec<f32>> {
            let rows = rows.chunks_exact(found.width).map(|row| {
                let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
                row.iter().map(|x| x / norm).collect()
            });
            rows.collect()
        };
        let (images, captions) = (units(&found.images), units(&found.captions));
        let right = |from: &[Vec<f32>], to: &[Vec<f32>]| {
            let places = from.iter().enumerate().filter(|(place, x)| {
                let score = |y: &Vec<f32>| x.iter().zip(y).map(|(x, y)| x * y).sum::<f32>();
                let best = (0..to.len()).max_by(|&a, &b| score(&to[a]).total_cmp(&score(&to[b])));
                best == Some(*place)
            });
            places.count()
        };
        [right(&images, &captions), right(&captions, &images)]
    };
    assert!(
        accuracy(&clip).iter().all(|&right| right < 8),
        "it knows them already"
    );
    let mut tuner = Tuner::new(&clip, &examples, settings, 2).unwrap();
    let tuned = tuner.run(None, &mut |_| {}).unwrap();
    assert_eq!(accuracy(&tuned), [16, 16]);
}

/// A source that fails, and the examples behind it.
struct Broken(Vec<Example>);

impl Examples for Broken {
    fn count(&self) -> usize {
        self.0.len()
    }

    fn example(&self, index: usize) -> Result<Example, Failure> {
        match index {
            3 => Err("the file is gone".into()),
            _ => self.0.example(index),
        }
    }

    fn identity(&self) -> String {
        "broken".into()
    }
}

#[test]
fn bad_input_is_named() {
    let clip = clip();
    let step = |examples: &dyn Examples, blocks| {
        let mut tuner = Tuner::new(&clip, examples, settings(blocks), 1).unwrap();
        tuner.run(None, &mut |_| {}).unwrap_err().to_string()
    };
    type Change = fn(&mut Example);
    let broken: [(Change, &str); 4] = [
        (
            |e| e.pixels.truncate(767),
            "example 2 does not fit the model: it has 767 numbers",
        ),
        (|e| e.pixels[7] = f32::NAN, "a pixel is NaN"),
        (|e| e.ids[1] = 10, "found id 10, expected 0 to 9"),
        (|e| e.ids.clear(), "found 0 of them"),
    ];
    for (change, expected) in broken {
        let mut examples = examples(6);
        change(&mut examples[2]);
        for blocks in [Blocks::All, Blocks::Last(1)] {
            let error = step(&examples, blocks);
            assert!(error.contains(expected), "{error}");
        }
    }
    let error = step(&Broken(examples(6)), Blocks::All);
    assert_eq!(error, "example 3 cannot be had");

    let one = examples(1);
    let error = Tuner::new(&clip, &one, settings(Blocks::All), 1)
        .err()
        .unwrap();
    assert!(error.to_string().starts_with("found 1 examples"), "{error}");
    let mut half = clip.clone();
    half.set_precision(Precision::F16).unwrap();
    let six = examples(6);
    let error = Tuner::new(&half, &six, settings(Blocks::All), 1)
        .err()
        .unwrap();
    assert!(
        error.to_string().contains("set_precision(Precision::F32)"),
        "{error}"
    );
}

#[test]
fn a_checkpoint_of_another_run_is_refused() {
    let (clip, examples, folder) = (clip(), examples(6), tempfile::tempdir().unwrap());
    let tuner = |examples, blocks| Tuner::new(&clip, examples, settings(blocks), 1).unwrap();
    tuner(&examples, Blocks::All).save(folder.path()).unwrap();
    let resume = |examples, blocks| tuner(examples, blocks).resume(folder.path());
    assert!(resume(&examples, Blocks::All).unwrap());
    let error = resume(&examples, Blocks::Last(1)).unwrap_err().to_string();
    assert!(
        error.contains("blocks is {\"last\":1} here and \"all\" there"),
        "{error}"
    );
    let mut other = examples.clone();
    other[0].pixels[0] = 0.0;
    let error = resume(&other, Blocks::All).unwrap_err().to_string();
    assert!(error.contains("examples is "), "{error}");
    let mut changed = clip.clone();
    changed
        .set_weights(
            [(
                "logit_scale".into(),
                burn::tensor::TensorData::new(vec![1.0f32], [0; 0]),
            )]
            .into(),
        )
        .unwrap();
    let mut tuner = Tuner::new(&changed, &examples, settings(Blocks::All), 1).unwrap();
    let error = tuner.resume(folder.path()).unwrap_err().to_string();
    assert!(error.contains("model is "), "{error}");
}
