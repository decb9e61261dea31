//! Models made to take images of another size than they were trained on.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use m2ib::{Backend, DualEncoder, Explainer, Preset, emoji};

fn model() -> DualEncoder {
    emoji::pretrained(&Backend::Cpu.device().unwrap()).unwrap()
}

fn explainer(model: DualEncoder) -> Explainer {
    Explainer::builder(model)
        .preset(Preset::Fast)
        .build()
        .unwrap()
}

#[test]
fn the_same_size_is_the_same_model_but_by_identity() {
    let (own, same) = (model(), model().with_input_size(96).unwrap());
    assert_ne!(own.identity(), same.identity());
    assert_eq!(own.identity(), same.unresized_identity());
    let scene = m2ib::decode_image(emoji::SCENES[0].png, "scene").unwrap();
    let [own, same] = [own, same].map(|model| explainer(model).encode_image(&scene).unwrap());
    let values = |embedding: &burn::tensor::Tensor<2>| {
        let values = embedding.clone().into_data().try_to_vec::<f32>();
        values.unwrap()
    };
    for (found, expected) in values(&same.embedding).iter().zip(values(&own.embedding)) {
        assert!((found - expected).abs() < 1e-4, "{found} {expected}");
    }
}

#[test]
fn a_finer_grid_still_knows_what_it_sees() {
    let explainer = explainer(model().with_input_size(144).unwrap());
    let mut first = 0;
    for scene in emoji::SCENES {
        let image = m2ib::decode_image(scene.png, "scene").unwrap();
        let image = explainer.encode_image(&image).unwrap();
        let text = explainer.encode_text(scene.objects[0].caption).unwrap();
        let attribution = explainer.attribute_encoded(&image, &text).unwrap();
        assert_eq!(attribution.image.saliency().dim(), (12, 12));
        assert_eq!(attribution.image.input_size, [144, 144]);
        let rank = attribution.rank.unwrap();
        assert_eq!(rank.of(), 221);
        // The objects of a scene are two or three of 221.
        first += usize::from(rank.above < 5);
    }
    // Of eight; by chance one in forty.
    assert!(first >= 6, "{first}");
}

#[test]
fn what_cannot_be_is_refused_with_what_can() {
    let error = model().with_input_size(100).unwrap_err().to_string();
    let expected = "images of 100 × 100 pixels, expected a multiple of its patches' 12 pixels, such as 96 or 108";
    assert_eq!(error, expected);
    assert!(model().with_input_size(0).is_err());
    assert!(model().with_input_size(usize::MAX).is_err());
    let resized = model().with_input_size(144).unwrap();
    let calibrated = Explainer::builder(resized).calibration(emoji::calibration().unwrap());
    let error = calibrated.build().unwrap_err().to_string();
    assert!(error.contains("another model"), "{error}");
}

#[test]
fn every_family_of_towers_takes_another_size() {
    let device = Backend::Cpu.device().unwrap();
    let families = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/families");
    for family in ["siglip", "openclip-clipa", "biomedclip", "chinese-clip"] {
        let model = DualEncoder::load(families.join(family), &device).unwrap();
        let (width, _) = model.processor().output_size().unwrap();
        let [patch, _] = model.image().patch();
        let side = (width as usize / patch + 2) * patch;
        let model = model.with_input_size(side).unwrap();
        let layout = model.image().layout([side, side]).unwrap();
        assert_eq!(layout.grid, Some([side / patch; 2]), "{family}");
        let image = m2ib::image::DynamicImage::new_rgb8(50, 40);
        let embedding = explainer(model).encode_image(&image).unwrap().embedding;
        let sum: f32 = embedding.abs().sum().into_scalar();
        assert!(sum.is_finite(), "{family}");
    }
}
