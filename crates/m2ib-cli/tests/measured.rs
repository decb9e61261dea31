//! What is asked of data that cannot answer, and what is said of numbers that few pairs made.

#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

use std::path::Path;
use std::process::{Command, Output};

fn m2ib(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_m2ib"));
    command
        .args(arguments)
        .output()
        .expect("the program starts")
}

fn succeeded(arguments: &[&str]) -> String {
    let output = m2ib(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn refused(arguments: &[&str]) -> String {
    let output = m2ib(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && !stderr.contains("panicked"),
        "{arguments:?}: {stderr}"
    );
    stderr
}

fn scene(number: usize) -> String {
    let scenes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../m2ib-emoji/scenes");
    scenes
        .join(format!("scene{number}.png"))
        .to_str()
        .unwrap()
        .into()
}

/// Pairs in a file of their own.
fn pairs(folder: &Path, lines: &[(&str, usize)]) -> String {
    let lines = lines
        .iter()
        .map(|(caption, number)| format!("{caption}\t{}\n", scene(*number)));
    let path = folder.join("pairs.tsv");
    std::fs::write(&path, lines.collect::<String>()).unwrap();
    path.to_str().unwrap().into()
}

#[test]
fn one_caption_has_no_share() {
    let image = scene(0);
    let score = ["score", "--image", &image, "--text", "a photo of a piano"];
    let alone = succeeded(&score);
    assert!(
        alone.contains("a photo of a piano") && !alone.contains('%'),
        "{alone}"
    );
    let two = succeeded(&[&score[..], &["--text", "a hedgehog"]].concat());
    assert!(two.contains('%'), "{two}");
}

#[test]
fn a_metric_that_the_data_cannot_answer_is_refused_before_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let data = pairs(
        folder.path(),
        &[("a hedgehog", 6), ("a photo of a hedgehog", 6)],
    );
    let out = folder.path().join("out");
    let out = out.to_str().unwrap();
    for (metric, words) in [
        ("pointing", &["pointing cannot be had", "box or a mask"][..]),
        ("text_word", &["text_word cannot be had", "which word"]),
        (
            "image_partner",
            &["image_partner cannot be had", "another picture"],
        ),
    ] {
        let arguments = [
            "--data",
            &data,
            "--methods",
            "saliency",
            "--metrics",
            metric,
            "--out",
            out,
        ];
        let stderr = refused(&[&["evaluate"][..], &arguments].concat());
        assert!(words.iter().all(|word| stderr.contains(word)), "{stderr}");
        assert!(!Path::new(out).exists(), "{metric}");
    }
    let sweep = [
        "sweep", "--data", &data, "--metric", "energy", "--beta", "0.1,1", "--out", out,
    ];
    let stderr = refused(&sweep);
    assert!(stderr.contains("energy cannot be had"), "{stderr}");
    let roar = [
        "evaluate",
        "--data",
        &data,
        "--methods",
        "saliency",
        "--roar",
        "--out",
        out,
    ];
    let stderr = refused(&roar);
    assert!(stderr.contains("2 pairs of 1 pictures"), "{stderr}");
    assert!(!Path::new(out).exists());
}

/// The embedded model in a folder, but for a number that changes next to nothing, and without statistics.
fn another_model(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let embedded = Path::new(env!("CARGO_MANIFEST_DIR")).join("../m2ib-emoji/model");
    for file in embedded.read_dir().unwrap() {
        let file = file.unwrap();
        if !file.file_name().to_string_lossy().contains("calibration") {
            std::fs::copy(file.path(), folder.join(file.file_name())).unwrap();
        }
    }
    let config = folder.join("config.json");
    let text = std::fs::read_to_string(&config).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
    json["vision_config"]["layer_norm_eps"] = serde_json::json!(1.1e-5);
    std::fs::write(&config, json.to_string()).unwrap();
}

/// The program finds what was downloaded with the model, as it finds what lies in a folder.
#[test]
fn statistics_of_a_model_of_the_hub_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("models--tiny--clip");
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let snapshot = place.join("snapshots").join(commit);
    another_model(&snapshot);
    std::fs::create_dir(place.join("refs")).unwrap();
    std::fs::write(place.join("refs/main"), commit).unwrap();
    let explained = || {
        let image = scene(0);
        let explain = Command::new(env!("CARGO_BIN_EXE_m2ib"))
            .args(["explain", "--model", "tiny/clip", "--preset", "matched"])
            .args(["--steps", "1", "--samples", "2", "--out", "-", "--image"])
            .arg(&image)
            .args(["--text", "a photo of a piano"])
            .env("HF_HUB_CACHE", folder.path())
            .env("HF_HUB_OFFLINE", "1")
            .env_remove("M2IB_LOG")
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&explain.stderr);
        assert!(explain.status.success(), "{stderr}");
        String::from_utf8(explain.stdout).unwrap()
    };
    let without = explained();
    assert!(without.contains("own patches"), "{without}");
    let data = pairs(folder.path(), &[("a piano", 0), ("a lock", 1)]);
    let (model, out) = (snapshot.to_str(), snapshot.join("calibration.safetensors"));
    let calibrate = [
        "calibrate",
        "--data",
        &data,
        "--model",
        model.unwrap(),
        "--out",
    ];
    succeeded(&[&calibrate[..], &[out.to_str().unwrap()]].concat());
    let with = explained();
    assert!(with.contains("2 images and 2 captions"), "{with}");
}

/// To take them costs half a minute, and whoever finds them next time may think they belong there.
#[test]
fn statistics_are_not_taken_for_what_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    another_model(&model);
    let data = pairs(folder.path(), &[("a hedgehog", 6), ("a dog", 2)]);
    let out = folder.path().join("out");
    let arguments = [
        "evaluate",
        "--model",
        model.to_str().unwrap(),
        "--data",
        &data,
        "--methods",
        "m2ib-matched",
        "--metrics",
        "pointing",
        "--out",
        out.to_str().unwrap(),
    ];
    let stderr = refused(&arguments);
    assert!(stderr.contains("pointing cannot be had"), "{stderr}");
    assert!(!stderr.contains("no feature statistics"), "{stderr}");
    for made in [&out, &model.join("calibration.safetensors")] {
        assert!(!made.exists(), "{}", made.display());
    }
}

#[test]
fn a_setting_of_the_side_that_is_not_judged_is_refused_however_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let vary = [
        "--method",
        "m2ib-matched",
        "--vary",
        "text-layer=embedding,0",
        "--metric",
        "road",
    ];
    let stderr = refused(&[&["sweep", "--scenes", "4", "--out", out][..], &vary].concat());
    assert!(
        stderr.contains("--vary text-layer changes nothing that road judges"),
        "{stderr}"
    );
}

/// One picture, whatever is said of it: means without intervals, nothing in bold, and a word about it.
#[test]
fn captions_of_one_picture_are_not_taken_for_many_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let lines = [
        ("a hedgehog", 6),
        ("a photo of a hedgehog", 6),
        ("look, a hedgehog", 6),
    ];
    let data = pairs(folder.path(), &lines);
    let out = folder.path().join("out");
    let printed = succeeded(&[
        "evaluate",
        "--data",
        &data,
        "--methods",
        "saliency,grad-cam",
        "--metrics",
        "image_drop",
        "--out",
        out.to_str().unwrap(),
    ]);
    assert!(printed.contains("All pairs show one picture"), "{printed}");
    assert!(!printed.contains("**"), "{printed}");
    let table = std::fs::read_to_string(out.join("comparison.md")).unwrap();
    assert!(table.contains("drop ↓") && !table.contains('±'), "{table}");
    let page = std::fs::read_to_string(out.join("comparison.html")).unwrap();
    assert!(page.contains("All pairs show one picture"));
}

#[test]
fn a_line_that_cannot_be_added_to_statistics_leaves_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for number in 0..2 {
        std::fs::copy(scene(number), at(&format!("{number}.png"))).unwrap();
    }
    std::fs::write(
        at("captions.txt"),
        "a photo of a piano\n\u{200b}\na hedgehog\n",
    )
    .unwrap();
    let out = at("calibration.json");
    let arguments = [
        "calibrate",
        "--data",
        folder.path().to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ];
    let output = m2ib(&arguments);
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        stdout.contains("2 images, 2 captions, 1 left out"),
        "{stdout}{stderr}"
    );
    assert!(stderr.contains("captions.txt:2"), "{stderr}");
}
