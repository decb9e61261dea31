//! Models made to take images of another size than they were trained on.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use burn::tensor::Tensor;
use clip_model::Towers;
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
        assert!(rank.of() >= 221);
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
    assert!(error.contains("does not fit"), "{error}");
}

#[test]
fn every_family_of_towers_takes_another_size() {
    let device = Backend::Cpu.device().unwrap();
    let families = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/families");
    for family in ["siglip", "openclip-clipa", "biomedclip", "chinese-clip"] {
        let tower = Towers::load(families.join(family).join("model"), &device)
            .unwrap()
            .image;
        let [patch, _] = tower.patch();
        for patches in [2, 5] {
            let side = patches * patch;
            let resized = tower.with_input_size(side).unwrap();
            let layout = resized.layout([side, side]).unwrap();
            assert_eq!(layout.grid, Some([patches; 2]), "{family}");
            let pixels = Tensor::ones([1, 3, side, side], &device);
            let tokens = resized.embed(pixels).unwrap();
            let expected = [1, layout.tokens.len(), resized.width()];
            assert_eq!(tokens.dims(), expected, "{family}");
            let sum: f32 = resized
                .read_out(0, tokens, &layout)
                .abs()
                .sum()
                .into_scalar();
            assert!(sum.is_finite() && sum > 0.0, "{family}");
        }
        assert!(tower.with_input_size(patch + 1).is_err(), "{family}");
    }
}
