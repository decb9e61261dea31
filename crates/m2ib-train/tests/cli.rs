//! The program as it is used: trained in two goes, measured, and refused where it should be.

use std::path::Path;
use std::process::{Command, Output};

fn run(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_m2ib-train"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("the program starts")
}

/// A short run, on few pictures and few patches.
const TRAIN: [&str; 11] = [
    "train",
    "--out=run",
    "--steps=40",
    "--warm-up=5",
    "--batch=4",
    "--shares=2",
    "--checkpoint-every=20",
    "--validate-every=0",
    "--commit=abc",
    "--keep=0.25",
    "--keep-all-from=0.9",
];

fn train(more: &[&str], folder: &Path) -> Output {
    run(&[&TRAIN, more].concat(), folder)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_run_in_two_goes_ends_in_a_model_that_can_be_measured() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let first = train(&["--stop-at=20"], folder);
    assert!(first.status.success(), "{}", text(&first.stderr));
    assert!(text(&first.stdout).contains("left off after step 20"));

    let again = train(&[], folder);
    assert!(text(&again.stderr).contains("--resume goes on with it"));
    let other = train(&["--resume", "--seed=1"], folder);
    assert!(text(&other.stderr).contains("seed is 1 here and 0 there"));

    let second = train(&["--resume"], folder);
    assert!(second.status.success(), "{}", text(&second.stderr));
    let log = std::fs::read_to_string(folder.join("run/log.jsonl")).unwrap();
    let lines = log.lines().map(serde_json::from_str);
    let lines: Vec<serde_json::Value> = lines.collect::<Result<_, _>>().unwrap();
    let steps: Vec<_> = lines.iter().map(|line| line["step"].as_u64()).collect();
    assert_eq!(steps, [Some(20), Some(40)]);
    assert!(lines[0].get("validation").is_none());
    assert!(lines[1]["validation"]["top_1"].is_number());

    let measured = run(&["measure", "--model=run/model", "--json=m.json"], folder);
    assert!(measured.status.success(), "{}", text(&measured.stderr));
    assert!(text(&measured.stdout).contains("naming, top 1"));
    let measures = std::fs::read_to_string(folder.join("m.json")).unwrap();
    assert!(measures.contains("image_to_text"), "{measures}");
}

#[test]
fn the_embedded_model_knows_its_scenes() {
    let folder = tempfile::tempdir().unwrap();
    let measured = run(&["measure", "--json=m.json"], folder.path());
    assert!(measured.status.success(), "{}", text(&measured.stderr));
    let measures = std::fs::read(folder.path().join("m.json")).unwrap();
    let measures: serde_json::Value = serde_json::from_slice(&measures).unwrap();
    let at_least = |name: &str, least: f64| {
        let found = measures[name].as_f64().unwrap();
        assert!(found > least, "{name} {found}");
    };
    at_least("top_1", 0.9);
    at_least("top_5", 0.95);
    at_least("image_to_text", 0.75);
    at_least("text_to_image", 0.75);
}

#[test]
fn senseless_settings_are_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    for (option, needle) in [
        ("--batch=1", "batch is 1, expected at least 2"),
        ("--checkpoint-every=30", "expected a multiple of 20"),
        ("--keep=1.5", "keep is 1.5"),
    ] {
        let output = run(&["train", "--out=run", option], folder.path());
        assert!(!output.status.success());
        let message = text(&output.stderr);
        assert!(message.contains(needle), "{message}");
        assert!(!folder.path().join("run").exists());
    }
}
