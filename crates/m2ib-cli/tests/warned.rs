//! What users are told before they trust a result, and which files they may give.

#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use m2ib::Attribution;
use m2ib::image::{DynamicImage, ImageBuffer, Luma, Rgba, RgbaImage};

fn scene(name: &str) -> PathBuf {
    let scenes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../m2ib-emoji/scenes");
    scenes.join(name)
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn m2ib(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_m2ib"));
    command.args(arguments).env_remove("M2IB_LOG");
    command.output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Explains an image by a few steps of M2IB.
fn explained(image: &Path, text: &str, extra: &[&str]) -> (String, String, Attribution) {
    explained_by(image, text, &[&["--steps", "3"], extra].concat())
}

/// Explains an image and returns what was said, and the page and numbers that were written.
fn explained_by(image: &Path, text: &str, extra: &[&str]) -> (String, String, Attribution) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let files = ["--out", path(&out), "--format", "html,json,png"];
    let image = ["explain", "--image", path(image), "--text", text];
    let output = m2ib(&[&image[..], &files, extra].concat());
    let said = stderr(&output);
    assert!(output.status.success(), "{said}");
    let read = |ending: &str| {
        let files = std::fs::read_dir(&out).unwrap().flatten();
        let file = files.map(|file| file.path()).find(|file| {
            file.extension()
                .is_some_and(|extension| extension == ending)
        });
        std::fs::read_to_string(file.unwrap()).unwrap()
    };
    let attribution = serde_json::from_str(&read("json")).unwrap();
    (said, read("html"), attribution)
}

/// That something is said on the terminal, on the page and in the numbers, or nowhere.
fn assert_told(told: &(String, String, Attribution), words: &str, yes: bool) {
    let (said, page, attribution) = told;
    let warnings = attribution.warnings.iter().map(ToString::to_string);
    let warnings: Vec<String> = warnings.collect();
    assert_eq!(said.contains(words), yes, "{words}: {said}");
    assert_eq!(page.contains(words), yes, "{words} on the page");
    let listed = warnings.iter().any(|warning| warning.contains(words));
    assert_eq!(listed, yes, "{words}: {warnings:?}");
}

#[test]
fn twelve_bits_in_sixteen_are_told_and_spread_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("xray.png");
    let grey = ImageBuffer::from_fn(96, 96, |x, y| Luma([(x * 42 + y / 2) as u16]));
    DynamicImage::from(grey).save(&file).unwrap();
    let told = explained(&file, "a piano", &[]);
    assert_told(&told, "12 bits of grey in 16", true);
    let told = explained(&file, "a piano", &["--window", "auto"]);
    assert_told(&told, "bits of grey", false);
    assert!(told.1.contains("Levels shown"));
    let window = told.2.provenance.adjustment.window;
    assert_eq!(window.unwrap().to_string(), "auto");
    let output = m2ib(&["score", "--image", path(&file), "--text", "a piano"]);
    assert!(
        stderr(&output).contains("12 bits of grey in 16"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn colours_beneath_transparency_are_told_and_covered_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sticker.png");
    let pink = RgbaImage::from_fn(96, 96, |x, _| {
        Rgba([255, 0, 180, if x < 48 { 255 } else { 0 }])
    });
    pink.save(&file).unwrap();
    let told = explained(&file, "a piano", &[]);
    assert_told(&told, "50 % of the image is transparent", true);
    let told = explained(&file, "a piano", &["--background", "white"]);
    assert_told(&told, "is transparent", false);
    assert!(told.1.contains("#ffffff"));
}

#[test]
fn a_caption_that_does_not_fit_is_told_and_one_that_does_is_not() {
    let file = scene("scene6.png");
    let told = explained(&file, "a photo of a hedgehog", &[]);
    assert_told(&told, "no better than chance", false);
    assert_told(&told, "this model is a toy", true);
    let told = explained(&file, "a photo of a piano", &[]);
    assert_told(&told, "no better than chance", true);
    // By another method too.
    let told = explained_by(&file, "a photo of a piano", &["--method", "saliency"]);
    assert_told(&told, "no better than chance", true);
}

#[test]
fn data_whose_images_are_all_missing_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("pairs.tsv");
    std::fs::write(&data, "a piano\tnone/1.png\na boot\tnone\\2.png\n").unwrap();
    for command in ["evaluate", "sweep"] {
        let out = folder.path().join(command);
        let output = m2ib(&[command, "--data", path(&data), "--out", path(&out)]);
        let said = stderr(&output);
        assert!(!output.status.success(), "{command}: {said}");
        for words in [
            "2 of 2 images of pairs.tsv",
            "are missing",
            "1.png",
            "--images",
        ] {
            assert!(said.contains(words), "{command}: {words} in {said}");
        }
    }
}

#[test]
fn calibrate_reads_what_evaluate_reads_and_counts_what_it_leaves_out() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("data")).unwrap();
    std::fs::copy(scene("scene0.png"), at("data/a.jfif")).unwrap();
    std::fs::copy(scene("scene1.png"), at("data/b.PNG")).unwrap();
    std::fs::write(at("data/a.txt"), "\u{feff}a piano\n\u{feff}a money bag\n").unwrap();
    std::fs::write(at("data/c.heic"), b"\0\0\0\x18ftypheic\0\0\0\0").unwrap();
    std::fs::write(at("data/d.png"), "no picture").unwrap();
    let table = "caption;image\na piano;data\\a.jfif\na lock;data\\b.PNG\na boot;data\\b.PNG\n";
    std::fs::write(at("pairs.csv"), table).unwrap();
    for (data, expected, told) in [
        ("data", "2 images, 2 captions, 2 left out", "a HEIC picture"),
        ("pairs.csv", "2 images, 3 captions, 0 left out", ""),
    ] {
        let out = at("calibration.safetensors");
        let output = m2ib(&["calibrate", "--data", path(&at(data)), "--out", path(&out)]);
        let said = stderr(&output);
        assert!(output.status.success() && said.contains(told), "{said}");
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(printed.contains(expected), "{printed}");
    }
}

#[test]
fn a_data_set_of_dark_pictures_is_told_of_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("pairs.tsv");
    let grey = ImageBuffer::from_fn(96, 96, |x, y| Luma([(x * 42 + y / 2) as u16]));
    DynamicImage::from(grey)
        .save(folder.path().join("xray.png"))
        .unwrap();
    std::fs::write(&data, "a piano\txray.png\na boot\txray.png\n").unwrap();
    let run = |extra: &[&str]| {
        let out = tempfile::tempdir().unwrap();
        let what = [
            "--methods",
            "random",
            "--metrics",
            "image_drop",
            "--out",
            path(out.path()),
        ];
        let output = m2ib(&[&["evaluate", "--data", path(&data)], &what[..], extra].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        stderr(&output).matches("12 bits").count()
    };
    assert_eq!(run(&[]), 1);
    assert_eq!(run(&["--window", "auto"]), 0);
}

#[test]
fn what_is_no_window_and_no_colour_is_refused() {
    let image = scene("scene6.png");
    for (option, value, expected) in [
        ("--window", "bright", "0-4095"),
        ("--background", "pink", "#ffcc00"),
    ] {
        let output = m2ib(&[
            "explain",
            "--image",
            path(&image),
            "--text",
            "a",
            option,
            value,
        ]);
        let said = stderr(&output);
        assert!(
            !output.status.success() && said.contains(expected),
            "{said}"
        );
    }
}

#[test]
fn a_pair_is_ranked_among_the_captions_of_a_bank() {
    let folder = tempfile::tempdir().unwrap();
    let bank = folder.path().join("bank.txt");
    std::fs::write(&bank, "a photo of a piano\n\n  a photo of a lock  \n").unwrap();
    let (_, page, attribution) = explained(
        &scene("scene6.png"),
        "a photo of a hedgehog",
        &["--bank", path(&bank)],
    );
    let rank = attribution.rank.unwrap();
    assert_eq!((rank.place(), rank.of()), (1, 3));
    assert!(page.contains("1 of 3 captions"), "{page}");

    let image = scene("scene6.png");
    let arguments = ["explain", "--image", path(&image), "--text", "a piano"];
    let missing = folder.path().join("missing.txt");
    std::fs::write(&bank, "\n \n").unwrap();
    for (file, complaint) in [
        (&bank, "has 0 captions, expected 1 to 100000, one a line"),
        (&missing, "missing.txt"),
    ] {
        let output = m2ib(&[&arguments[..], &["--bank", path(file)]].concat());
        assert!(!output.status.success());
        assert!(stderr(&output).contains(complaint), "{}", stderr(&output));
    }
}

#[test]
fn another_input_size_is_a_finer_grid_or_an_error_that_says_what_would_do() {
    let image = scene("scene6.png");
    let extra = ["--input-size", "120", "--shifts", "1"];
    let (_, _, attribution) = explained(&image, "a photo of a hedgehog", &extra);
    assert_eq!(attribution.image.saliency().dim(), (10, 10));
    let arguments = ["explain", "--image", path(&image), "--text", "a piano"];
    let output = m2ib(&[&arguments[..], &["--input-size", "100"]].concat());
    assert!(!output.status.success());
    let said = stderr(&output);
    assert!(said.contains("such as 96 or 108"), "{said}");
}
