//! Calibrations.

use super::*;

fn matched(calibration: Calibration) -> ExplainerBuilder {
    builder()
        .preset(Preset::Matched)
        .steps(3)
        .samples(2)
        .calibration(calibration)
}

fn refusal(calibration: Calibration) -> String {
    matched(calibration).build().unwrap_err().to_string()
}

#[test]
fn its_own_models_fits() {
    let explainer = matched(CALIBRATION.clone()).build().unwrap();
    assert_finite(&explainer.attribute(&picture(1), "a piano").unwrap());
}

#[test]
fn another_models_is_refused_with_both_fingerprints() {
    let other = Toy::new(2).load(&Backend::Cpu.device().unwrap()).unwrap();
    let error = refusal(calibrate(&other));
    let [other, own] = [other.identity(), MODEL.identity()].map(|it| it.to_string());
    let words = [
        "the calibration does not fit",
        &other,
        &own,
        "m2ib calibrate",
    ];
    assert_says(&error, &words);
}

#[test]
fn another_models_is_refused_even_where_no_noise_uses_it() {
    let other = Toy::new(2).load(&Backend::Cpu.device().unwrap()).unwrap();
    let error = builder().calibration(calibrate(&other)).build();
    let error = error.unwrap_err().to_string();
    assert_says(&error, &["the calibration does not fit"]);
}

#[test]
fn one_without_the_layer_says_which_it_has() {
    let mut calibration = CALIBRATION.clone();
    calibration.image.remove(&Layer::Block(0)).unwrap();
    let error = refusal(calibration);
    assert_says(
        &error,
        &["no image layer block.0", "only embedding, block.1, block.2"],
    );
}

#[test]
fn one_of_another_width_says_both() {
    let mut calibration = CALIBRATION.clone();
    calibration
        .text
        .get_mut(&Layer::Embedding)
        .unwrap()
        .std
        .pop();
    let error = refusal(calibration);
    assert_says(
        &error,
        &["text layer embedding has width 23", "the tower has 24"],
    );
}

#[test]
fn one_with_numbers_that_make_no_noise_is_refused() {
    for bad in [f32::NAN, f32::INFINITY, 0.0, -1.0] {
        let mut calibration = CALIBRATION.clone();
        calibration.text.get_mut(&Layer::Embedding).unwrap().std[3] = bad;
        let error = refusal(calibration);
        assert_says(
            &error,
            &[
                "text bottleneck: feature statistics",
                &format!("deviation {bad}"),
            ],
        );
    }
}

#[test]
fn a_file_that_is_none_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["c.json", "c.safetensors"] {
        let path = folder.path().join(name);
        let error = Calibration::load(&path).unwrap_err().to_string();
        assert_says(&error, &["cannot read", name]);
        for content in ["", "{}", "[]", "\x08\0\0\0\0\0\0\0{}      "] {
            std::fs::write(&path, content).unwrap();
            let error = Calibration::load(&path).unwrap_err().to_string();
            assert_says(&error, &[name, "is not a calibration"]);
        }
    }
}

#[test]
fn too_few_images_or_captions_are_counted() {
    let explainer = builder().build().unwrap();
    let error = explainer
        .calibrate(&[picture(1)], ["a piano", "a boot"])
        .unwrap_err();
    assert_says(&error.to_string(), &["at least 2 images", "found 1"]);
    let error = explainer
        .calibrate(&[picture(1), picture(2)], [])
        .unwrap_err();
    assert_says(&error.to_string(), &["at least 2 captions", "found 0"]);
}

#[test]
fn without_one_an_image_uses_its_own_patches() {
    let isotropic = Overrides {
        noise: Some(Noise::Isotropic { sigma: 1.0 }),
        ..Overrides::default()
    };
    let explainer = Explainer::builder(MODEL.clone())
        .preset(Preset::Matched)
        .overrides(Modality::Text, isotropic)
        .steps(3)
        .build()
        .unwrap();
    assert_finite(&explainer.attribute(&picture(1), "a piano").unwrap());
    // One colour: no patch differs from the next but by its position.
    assert_finite(
        &explainer
            .attribute(&DynamicImage::new_rgb8(9, 9), "a piano")
            .unwrap(),
    );
}

/// A word whose embedding is finite and overflows in the first block.
#[test]
fn a_caption_that_fails_behind_the_first_layer_adds_nothing_to_the_statistics() {
    let device = Backend::Cpu.device().unwrap();
    let mut toy = Toy::new(1);
    let caption = MODEL.tokenizer().encode("piano").unwrap();
    let piece = caption.tokens.iter().find(|token| token.role.is_input());
    let id = piece.unwrap().id as usize;
    let table = "text_model.embeddings.token_embedding.weight";
    let table = &mut toy.tensors.get_mut(table).unwrap();
    let width = table.shape[1];
    table.data[id * width..(id + 1) * width].fill(3e38);
    let model = toy.load(&device).unwrap();
    let statistics = |captions: &[&str]| {
        let mut calibrator = Calibrator::new(&model);
        for scale in 1..4 {
            calibrator.add_image(&picture(scale)).unwrap();
        }
        let added = captions
            .iter()
            .map(|caption| calibrator.add_caption(caption).is_ok());
        let added: Vec<bool> = added.collect();
        (added, calibrator.finish().unwrap())
    };
    let (added, with) = statistics(&["a red boot", "a piano", "two dice"]);
    assert_eq!(added, [true, false, true]);
    assert_eq!(with, statistics(&["a red boot", "two dice"]).1);
}
