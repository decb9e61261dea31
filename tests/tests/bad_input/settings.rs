//! Settings of a bottleneck.

use super::*;

#[rstest]
#[case::image(Modality::Image)]
#[case::text(Modality::Text)]
fn a_layer_out_of_range_is_told_the_range(#[case] modality: Modality) {
    // The last block is out as well: nothing lies behind it.
    for block in [2, 3, 99] {
        let builder = match modality {
            Modality::Image => builder().image_layer(Layer::Block(block)),
            Modality::Text => builder().text_layer(Layer::Block(block)),
        };
        let error = builder.build().unwrap_err().to_string();
        let found = format!("{modality} layer block.{block} is out of range");
        assert_says(
            &error,
            &[&found, "\"embedding\" or block 0 to 1", "3 blocks"],
        );
    }
}

#[rstest]
fn numbers_that_are_not_finite_and_positive_are_refused_by_name(
    #[values(f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -1.0)] bad: f64,
) {
    let finite = "expected a finite number above 0";
    for (name, builder, expected) in [
        ("beta", builder().beta(bad), finite),
        (
            "sigma",
            builder().sigma(bad as f32),
            "expected a positive number, at most 3e38",
        ),
        ("learning rate", builder().learning_rate(bad), finite),
    ] {
        let error = builder.build().unwrap_err().to_string();
        let found = format!("image bottleneck: {name} is {bad}, ");
        assert_says(&error, &[&found, expected]);
    }
}

#[test]
fn no_steps_and_no_samples_are_refused_by_name() {
    let error = builder().steps(0).build().unwrap_err().to_string();
    assert_says(&error, &["steps is 0", "1 to 100000"]);
    let error = builder().samples(0).build().unwrap_err().to_string();
    assert_says(&error, &["samples is 0", "1 to 100000"]);
}

#[test]
fn the_modality_that_is_wrong_is_named() {
    let overrides = Overrides {
        beta: Some((-1.0).into()),
        ..Overrides::default()
    };
    let error = builder()
        .overrides(Modality::Text, overrides)
        .build()
        .unwrap_err();
    assert_says(&error.to_string(), &["text bottleneck: beta is -1"]);
}

#[test]
fn matched_noise_behind_a_block_of_the_text_needs_a_calibration() {
    let matched = || builder().preset(Preset::Matched);
    let behind = matched().text_layer(Layer::Block(1)).build();
    let error = behind.unwrap_err().to_string();
    let words = [
        "needs its feature statistics",
        "m2ib calibrate",
        "embedding",
    ];
    assert_says(&error, &words);
    // At the embedding the vocabulary serves, and the provenance says so.
    let explainer = matched().build().unwrap();
    let made = explainer.provenance().bottlenecks().unwrap();
    let statistics = "the image's own patches and the vocabulary";
    assert_eq!(made.calibration.as_deref(), Some(statistics));
}

#[test]
fn gates_that_a_tower_cannot_have_are_refused_when_the_explainer_is_built() {
    let gates = builder().gates("7".parse().unwrap()).build();
    let error = gates.unwrap_err().to_string();
    assert_says(&error, &["image bottleneck", "gates is 7", "a divisor of"]);
}

#[test]
fn a_tower_of_one_block_has_one_layer_to_mask() {
    let mut toy = Toy::new(1);
    for section in ["text_config", "vision_config"] {
        toy.config[section]["num_hidden_layers"] = json!(1);
    }
    toy.tensors
        .retain(|name, _| !name.contains("layers.1") && !name.contains("layers.2"));
    let model = toy.load(&Backend::Cpu.device().unwrap()).unwrap();
    let shallow = || Explainer::builder(model.clone()).steps(2).samples(1);
    let explainer = shallow().build().unwrap();
    assert_eq!(explainer.settings(Modality::Image).layer, Layer::Embedding);
    assert_finite(&explainer.attribute(&picture(1), "a piano").unwrap());
    let error = shallow()
        .image_layer(Layer::Block(0))
        .build()
        .unwrap_err()
        .to_string();
    assert_says(
        &error,
        &[
            "block.0 is out of range",
            "expected \"embedding\", ",
            "1 blocks",
        ],
    );
    assert!(!error.contains("0 to 0"), "{error}");
}
