//! `m2ib sweep` as its user meets it.

#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

fn m2ib(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_m2ib"));
    command
        .args(arguments)
        .output()
        .expect("the program starts")
}

fn succeeded(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn sweep(out: &Path, extra: &[&str]) -> Output {
    let out = ["sweep", "--scenes", "8", "--out", out.to_str().unwrap()];
    m2ib(&[&out[..], extra].concat())
}

fn search(out: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(out.join("sweep.json")).unwrap()).unwrap()
}

#[test]
fn what_a_sweep_chooses_is_what_explain_takes_and_the_same_command_does_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("sweep");
    // Without steps there is nothing to see: a choice that a metric has to make.
    let arguments = [
        "--metric",
        "energy",
        "--steps",
        "1,20",
        "--image-layer",
        "1,2",
    ];
    let printed = succeeded(&sweep(&out, &arguments));
    assert!(
        printed.contains("held out") && printed.contains("energy ↑"),
        "{printed}"
    );
    let search = search(&out);
    assert_eq!(search["tried"].as_array().unwrap().len(), 4);
    assert_eq!((&search["pairs"], &search["of"]), (&json!(6), &json!(6)));
    let chosen = search["tried"][search["chosen"].as_u64().unwrap() as usize].clone();
    let chosen = chosen["method"].as_str().unwrap();
    assert!(chosen.ends_with("steps=20"), "{chosen}");
    assert_eq!(search["held_out"][0]["method"], chosen);
    assert_eq!(search["held_out"][1]["method"], "m2ib-fine");
    for name in ["sweep.md", "sweep.csv", "sweep.svg"] {
        assert!(out.join(name).is_file(), "{name} is missing");
    }

    let config = out.join("chosen.toml");
    let image = Path::new(env!("CARGO_MANIFEST_DIR")).join("../m2ib-emoji/scenes/scene0.png");
    let explained = folder.path().join("explained");
    let mut arguments_of_explain = vec!["explain", "--text", "a photo of a piano"];
    for (name, path) in [
        ("--image", &image),
        ("--config", &config),
        ("--out", &explained),
    ] {
        arguments_of_explain.extend([name, path.to_str().unwrap()]);
    }
    arguments_of_explain.extend(["--format", "json"]);
    succeeded(&m2ib(&arguments_of_explain));
    let mut results = explained.read_dir().unwrap();
    let json = std::fs::read(results.next().unwrap().unwrap().path()).unwrap();
    let attribution: m2ib::Attribution = serde_json::from_slice(&json).unwrap();
    let made = attribution.provenance.bottlenecks().unwrap();
    let layer = format!("image-layer={}", made.image.layer);
    assert!(chosen.contains(&layer), "{chosen}");
    assert_eq!(made.image.bottleneck.steps, 20);
    // The metric says nothing of the text, so its settings stay.
    assert_eq!(made.text.bottleneck.steps, 7);

    let journal = std::fs::read(out.join("journal.jsonl")).unwrap();
    assert_eq!(succeeded(&sweep(&out, &arguments)), printed);
    assert_eq!(std::fs::read(out.join("journal.jsonl")).unwrap(), journal);
}

#[test]
fn another_methods_settings_are_chosen_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let vary = ["--method", "occlusion:fill=mean", "--vary", "window=1,2,8"];
    let printed = succeeded(&sweep(
        folder.path(),
        &[&vary[..], &["--metric", "energy"]].concat(),
    ));
    let search = search(folder.path());
    let methods: Vec<&str> = (0..3)
        .map(|place| search["tried"][place]["method"].as_str().unwrap())
        .collect();
    let expected = [
        "occlusion:fill=mean",
        "occlusion:window=2:fill=mean",
        "occlusion:window=8:fill=mean",
    ];
    assert_eq!(methods, expected);
    let chosen = methods[search["chosen"].as_u64().unwrap() as usize];
    // A window as large as the image says nothing of where.
    assert_ne!(chosen, methods[2]);
    assert!(
        printed.contains(&format!("m2ib explain --method {chosen}\n")),
        "{printed}"
    );
    assert!(!folder.path().join("chosen.toml").exists());
    let help = succeeded(&m2ib(&["sweep", "--help"]));
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        help.contains("occlusion") && help.contains("m2ib methods"),
        "{help}"
    );
}

#[test]
fn roar_plus_can_decide() {
    let folder = tempfile::tempdir().unwrap();
    let roar = [
        "--metric",
        "roar_loss",
        "--roar-epochs",
        "1",
        "--roar-rate",
        "1e-3",
    ];
    let vary = ["--preset", "released", "--beta", "0.1,1"];
    let printed = succeeded(&sweep(folder.path(), &[&roar[..], &vary].concat()));
    assert!(printed.contains("ROAR+ rise of the loss"), "{printed}");
    assert!(
        printed.contains("| chance "),
        "what a method has to beat: {printed}"
    );
    let search = search(folder.path());
    let rises = [0, 1].map(|place| search["tried"][place]["value"]["mean"].as_f64().unwrap());
    let best = if rises[1] > rises[0] { 1 } else { 0 };
    assert_eq!(search["chosen"], best);
    assert_eq!(search["held_out"], json!([]), "ROAR+ validates on its own");
    let text = std::fs::read_to_string(folder.path().join("chosen.toml")).unwrap();
    let config: m2ib::Config = text.parse().unwrap();
    assert_eq!(config.image.beta, Some([0.1, 1.0][best].into()));
    assert_eq!(config.text.beta, config.image.beta);
}

#[test]
fn what_makes_no_sense_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, words) in [
        (&[][..], &["nothing to choose", "--beta"][..]),
        (&["--beta", "1,-1"], &["beta", "-1"]),
        (&["--beta", "-1,1"], &["beta", "-1"]),
        (
            &["--beta", "1,2", "--held-out", "-0.1"],
            &["--held-out", "-0.1"],
        ),
        (
            &[
                "--beta",
                "1,2",
                "--held-out",
                "0.5",
                "--metric",
                "roar_loss",
            ],
            &["--held-out", "roar_loss"],
        ),
        (
            &["--beta", "1,2", "--roar-runs", "0", "--metric", "roar_loss"],
            &["--roar-runs", "0"],
        ),
        (
            &["--image-layer", "1,5"],
            &["--image-layer", "block.5", "0 to 4"],
        ),
        (&["--text-layer", "all"], &["--text-layer", "road"]),
        (
            &["--metric", "rode", "--beta", "1,2"],
            &["rode", "road", "roar_loss"],
        ),
        (
            &["--held-out", "1", "--beta", "1,2"],
            &["--held-out", "below 1"],
        ),
        (
            &["--roar-epochs", "1", "--beta", "1,2"],
            &["--roar-epochs", "road"],
        ),
        (
            &["--method", "occlusion", "--vary", "size=1,2"],
            &["--vary size=1,2", "window, fill"],
        ),
        (
            &["--method", "occlusion", "--vary", "window=1,99"],
            &["occlusion", "window", "1 to 8"],
        ),
        (
            &["--method", "rise", "--beta", "1,2"],
            &["--method", "--beta"],
        ),
        (&["--vary", "window=1,2"], &["--method"]),
    ] {
        let output = sweep(folder.path(), arguments);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && !stderr.contains("panicked"),
            "{stderr}"
        );
        for word in words {
            assert!(stderr.contains(word), "{arguments:?}: {stderr}");
        }
    }
}
