//! `m2ib explain`.

use super::*;

#[test]
fn explain_prints_the_words_and_writes_every_format() {
    let (_folder, out, output) = explain(&["--format", "png,html,json,npy", "--steps", "12"]);
    let printed = stdout(&output);
    assert!(
        printed.contains("piano") && printed.contains("nats"),
        "{printed}"
    );
    for ending in ["png", "html", "json", "patches.npy", "tokens.npy"] {
        let file = result(&out, ending);
        assert!(printed.contains(path(&file)), "{printed}");
    }
    assert_eq!(out.read_dir().unwrap().count(), 5, "and nothing else");
    assert!(
        !printed.contains('\u{1b}'),
        "no colour codes where no terminal reads them"
    );

    let json = std::fs::read_to_string(result(&out, "json")).unwrap();
    let attribution: m2ib::Attribution = serde_json::from_str(&json).unwrap();
    assert_eq!(
        attribution
            .provenance
            .bottlenecks()
            .unwrap()
            .image
            .bottleneck
            .steps,
        12
    );
    let patches = std::fs::read(result(&out, "patches.npy")).unwrap();
    let patches: m2ib::ndarray::Array2<f32> =
        ndarray_npy::ReadNpyExt::read_npy(patches.as_slice()).unwrap();
    assert_eq!(&patches, attribution.image.saliency());
    let picture = m2ib::image::open(result(&out, "png")).unwrap();
    assert!(
        picture.height() > picture.width(),
        "the words stand beneath"
    );
}

#[test]
fn settings_reach_the_method() {
    let (_folder, out, output) = explain(&[
        "--preset",
        "released",
        "--image-layer",
        "embedding",
        "--text-layer",
        "0",
        "--sigma",
        "0.5",
        "--beta",
        "0.2",
        "--learning-rate",
        "0.5",
        "--steps",
        "3",
        "--samples",
        "2",
        "--sampling",
        "antithetic",
        "--seed",
        "9",
        "--format",
        "json",
        "--device",
        "cpu",
    ]);
    stdout(&output);
    let file = result(&out, "json");
    let attribution: m2ib::Attribution =
        serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let made = attribution.provenance.bottlenecks().unwrap();
    assert_eq!(made.image.layer, m2ib::Layer::Embedding);
    assert_eq!(made.text.layer, m2ib::Layer::Block(0));
    assert_eq!(made.text.noise, m2ib::Noise::Isotropic { sigma: 0.5 });
    assert_eq!(made.text.sampling, m2ib::Sampling::Antithetic);
    let method = made.image.bottleneck;
    assert_eq!((method.beta, method.learning_rate), (0.2.into(), 0.5));
    assert_eq!(
        (method.steps, method.samples, attribution.provenance.seed),
        (3, 2, 9)
    );
}

#[test]
fn settings_come_from_a_file_and_options_come_before_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("chosen.toml");
    let text =
        "preset = \"released\"\n[image]\nlayer = \"block.1\"\nsteps = 3\n[text]\nbeta = 0.3\n";
    std::fs::write(&file, text).unwrap();
    let config = ["--config", path(&file), "--format", "json"];
    let (_folder, out, output) = explain(&[&config[..], &["--steps", "2"]].concat());
    stdout(&output);
    let json = std::fs::read(result(&out, "json")).unwrap();
    let attribution: m2ib::Attribution = serde_json::from_slice(&json).unwrap();
    let made = attribution.provenance.bottlenecks().unwrap();
    assert_eq!(made.preset, m2ib::Preset::Released);
    assert_eq!(made.image.layer, m2ib::Layer::Block(1));
    assert_eq!(
        (made.image.bottleneck.steps, made.text.bottleneck.steps),
        (2, 2)
    );
    assert_eq!(
        (made.image.bottleneck.beta, made.text.bottleneck.beta),
        (0.1.into(), 0.3.into())
    );

    std::fs::write(&file, "[image]\nbetta = 0.3\n").unwrap();
    let error = failure(&explain(&config).2);
    for word in ["--config", "chosen.toml", "betta", "beta"] {
        assert!(error.contains(word), "{word}: {error}");
    }
}

#[test]
fn a_failure_names_its_cause_and_leaves_nothing_behind() {
    for (arguments, words) in [
        (&["--beta", "-1"][..], &["beta", "-1", "above 0"][..]),
        (&["--sigma", "nan"], &["sigma", "NaN"]),
        (&["--steps", "0"], &["steps", "at least 1"]),
        (
            &["--steps", "9223372036854775808"],
            &["steps", "at most 100000"],
        ),
        (&["--samples", "3000000000"], &["samples", "at most 100000"]),
        (&["--samples", "0"], &["samples", "at least 1"]),
        (&["--image-layer", "5"], &["image layer block.5", "0 to 4"]),
        (&["--text-layer", "last"], &["last", "embedding"]),
        (&["--opacity", "1.5"], &["opacity", "1.5", "0 to 1"]),
        (&["--boxes", "-2"], &["--boxes", "0 to 1"]),
        (&["--color-map", "jet"], &["jet", "viridis"]),
        (&["--device", "abacus"], &["abacus", "cpu"]),
        (&["--format", "gif"], &["gif", "png"]),
        (&["--calibration", "nowhere.json"], &["nowhere.json"]),
        (&["--model", "./nowhere"], &["nowhere"]),
    ] {
        let (_folder, out, output) = explain(arguments);
        let message = failure(&output);
        for word in words {
            assert!(
                message.contains(word),
                "{arguments:?}: {message} does not say {word}"
            );
        }
        assert!(!out.exists(), "{arguments:?} left {} behind", out.display());
    }
}

#[test]
fn an_output_folder_that_is_a_file_is_refused_before_the_work() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let image = scene("scene0.png");
    let arguments = [
        "explain",
        "--image",
        path(&image),
        "--text",
        "x",
        "--out",
        path(file.path()),
    ];
    let message = failure(&m2ib(&arguments));
    assert!(
        message.contains(path(file.path())) && message.contains("expected a folder"),
        "{message}"
    );
}

#[test]
fn a_missing_image_is_named() {
    let message = failure(&m2ib(&[
        "explain",
        "--image",
        "no/such.png",
        "--text",
        "a dog",
    ]));
    assert!(message.contains("no/such.png"), "{message}");
}

#[test]
fn a_caption_without_words_is_refused() {
    for caption in ["", "   "] {
        let image = scene("scene0.png");
        let message = failure(&m2ib(&[
            "explain",
            "--image",
            path(&image),
            "--text",
            caption,
        ]));
        assert!(message.contains("caption"), "{message}");
    }
}

#[test]
fn a_long_caption_is_explained_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let caption = "a photo of a piano and a money bag ".repeat(9);
    let image = scene("scene0.png");
    let output = m2ib(&[
        "explain",
        "--image",
        path(&image),
        "--text",
        &caption,
        "--steps",
        "2",
        "--out",
        path(folder.path()),
    ]);
    let printed = stdout(&output);
    let warning = String::from_utf8_lossy(&output.stderr);
    assert!(
        warning.contains("warning") && warning.contains("left out"),
        "{warning}"
    );
    assert!(printed.contains("piano"), "{printed}");
}
