//! Conveniences: one way to a model with the same defaults, and a word about pictures that the embedded model
//! knows nothing of.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use clip_input::Content;
use clip_model::ModelFiles;
use m2ib::image::{DynamicImage, Rgb, RgbImage};
use m2ib::{
    Backend, Calibration, DualEncoder, Error, Explainer, ExplainerBuilder, ModelSource, Picture,
    Preset, Warning, emoji,
};
use m2ib_data::{Scenes, Split};

/// The embedded model as a folder, with its statistics.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [
        ("config.json", m2ib_emoji::CONFIG),
        ("preprocessor_config.json", m2ib_emoji::PREPROCESSOR),
        ("tokenizer.json", m2ib_emoji::TOKENIZER),
        ("model.safetensors", m2ib_emoji::WEIGHTS),
    ] {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn scene() -> Picture {
    m2ib::decode_image(emoji::SCENES[0].png, "scene").unwrap()
}

#[test]
fn the_same_weights_have_the_same_defaults_however_they_are_loaded() {
    let folder = folder();
    let path = folder.path();
    let device = Backend::Cpu.device().unwrap();
    let files = ModelFiles::in_folder(path).unwrap();
    let loaded = DualEncoder::load(path, &device).unwrap();
    let by_text = path.to_str().unwrap();
    let quick = |builder: ExplainerBuilder| {
        let builder = builder.preset(Preset::Matched).steps(2).samples(1);
        let explainer = builder.build().unwrap();
        explainer.attribute(&scene(), "a photo of a piano").unwrap()
    };
    let embedded = quick(Explainer::builder("emoji"));
    let made = embedded.provenance.bottlenecks().unwrap();
    assert!(made.calibration.as_ref().unwrap().contains("512 images"));
    for found in [
        quick(Explainer::builder(path)),
        quick(Explainer::builder(by_text)),
        quick(Explainer::builder(files)),
        quick(Explainer::builder(loaded.clone())),
    ] {
        assert_eq!(found.image, embedded.image);
        assert_eq!(found.text, embedded.text);
        assert_eq!(found.provenance.method, embedded.provenance.method);
        assert_eq!(found.warnings, embedded.warnings);
    }
    // Without statistics is another thing, and has to be said.
    let without = quick(Explainer::builder(loaded.clone()).calibration(None));
    assert_ne!(without.image, embedded.image);
    assert!(without.warnings.contains(&Warning::OwnStatistics));
    // What is loaded stays where it is.
    let moved = Explainer::builder(loaded).device(device).build();
    assert!(
        matches!(moved, Err(Error::AlreadyLoaded { .. })),
        "{moved:?}"
    );
}

#[test]
fn statistics_beside_a_model_are_found_and_those_of_another_refused() {
    // Another model than the embedded one, by a number that changes nothing else.
    let folder = folder();
    let config = folder.path().join("config.json");
    let text = std::fs::read_to_string(&config).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
    json["vision_config"]["layer_norm_eps"] = serde_json::json!(1.1e-5);
    std::fs::write(&config, json.to_string()).unwrap();
    let explainer = Explainer::builder(folder.path()).build().unwrap();
    let made = explainer.provenance().bottlenecks().unwrap();
    assert!(made.calibration.as_ref().unwrap().contains("own patches"));
    let own = explainer.calibrate(&[scene(), scene()], ["a piano", "a lock"]);
    let file = folder.path().join("calibration.safetensors");
    own.unwrap().save(&file).unwrap();
    let explainer = Explainer::builder(folder.path()).build().unwrap();
    let made = explainer.provenance().bottlenecks().unwrap();
    assert!(made.calibration.as_ref().unwrap().contains("2 images"));
    let model = explainer.model();
    assert_eq!(Calibration::found(model).unwrap().unwrap().images, 2);
    // At another size it is another model, with none.
    let resized = Explainer::builder(folder.path()).input_size(48).build();
    let resized = resized.unwrap();
    let made = resized.provenance().bottlenecks().unwrap();
    assert!(made.calibration.as_ref().unwrap().contains("own patches"));
    emoji::calibration().unwrap().save(&file).unwrap();
    let error = Explainer::builder(folder.path()).build().unwrap_err();
    assert!(error.to_string().contains("was made for"), "{error}");
}

#[test]
fn a_source_that_is_not_there_says_what_was_looked_for() {
    let error = |source: &str| {
        let built = Explainer::builder(source).build();
        built.unwrap_err().to_string()
    };
    assert!(error("./no/such").contains("./no/such is not a folder"));
    assert!(matches!(ModelSource::from("a/b@v1"), ModelSource::Hub(_)));
    assert!(matches!(ModelSource::from("a/b/c"), ModelSource::Folder(_)));
    let broken = ModelFiles::new(
        "broken".into(),
        Content::bytes("config.json", b"{"),
        Content::bytes("preprocessor_config.json", b"{}"),
        Content::bytes("tokenizer.json", m2ib_emoji::TOKENIZER),
        Vec::new(),
    );
    let error = Explainer::builder(broken).build().unwrap_err();
    assert!(error.to_string().contains("config.json"), "{error}");
}

/// Light falls on a rough ground: all colours are lighter and darker together.
fn like_a_photograph(seed: u32) -> DynamicImage {
    let rough = |x: u32, y: u32| {
        let mut hash = (x * 7919 + y * 104_729 + seed * 1_299_709) ^ 0x9e37_79b9;
        for _ in 0..3 {
            hash ^= hash >> 15;
            hash = hash.wrapping_mul(0x2c1b_3c6d);
        }
        (hash >> 24) as f32 / 255.0
    };
    RgbImage::from_fn(160, 120, |x, y| {
        let light = 0.3 + 0.5 * (x + y) as f32 / 280.0 + 0.3 * rough(x / 2, y / 2);
        let ground = [[180.0, 140.0, 90.0], [90.0, 150.0, 70.0]][(x / 60 % 2) as usize];
        Rgb(ground.map(|level: f32| (level * light) as u8))
    })
    .into()
}

#[test]
fn photographs_are_told_from_scenes() {
    let explainer = Explainer::builder("emoji").build().unwrap();
    let unlike = |picture: &Picture| {
        let encoded = explainer.encode_image(picture).unwrap();
        let warnings = explainer.warnings(&encoded);
        assert!(matches!(warnings[0], Warning::Toy { .. }));
        let is_unlike = |warning: &Warning| matches!(warning, Warning::Unlike { .. });
        warnings.iter().any(is_unlike)
    };
    // Three of 600 of another count were taken for photographs.
    let mut taken = 0;
    for (split, seed) in [(Split::Test, 0), (Split::Test, 1), (Split::Validation, 2)] {
        let begin = 1000 * seed;
        let scenes = Scenes::of(split, begin..begin + 40, seed).unwrap();
        for row in scenes.dataset().rows {
            taken += usize::from(unlike(&row.open().unwrap()));
        }
    }
    assert!(taken <= 2, "{taken} of 120 scenes");
    let photo = concat!(env!("CARGO_MANIFEST_DIR"), "/data/preprocess/photo.jpg");
    assert!(unlike(&m2ib::open_image(photo).unwrap()));
    for seed in 0..4 {
        assert!(unlike(&like_a_photograph(seed).into()), "{seed}");
        // Grey ones too.
        let grey = DynamicImage::from(like_a_photograph(seed).to_luma8());
        assert!(unlike(&grey.into()), "{seed}");
    }
}
