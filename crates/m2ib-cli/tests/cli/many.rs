//! Several images and captions at once, standard input and output, scores for programs, shells.

use std::io::Write;
use std::process::Stdio;

use m2ib::Attribution;

use super::*;

const CHEAP: [&str; 6] = ["--preset", "fast", "--steps", "2", "--samples", "2"];

/// The program with something on its standard input.
fn fed(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_m2ib"))
        .args(arguments)
        .env_remove("M2IB_LOG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // Who refuses its arguments reads nothing.
    let _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().unwrap()
}

/// A cheap explanation, to standard output.
fn of<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [&["explain", "--out", "-"][..], arguments, &CHEAP].concat()
}

fn lines(output: &Output) -> Vec<serde_json::Value> {
    let lines = stdout(output);
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn every_image_is_explained_with_every_caption_on_one_page() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["scene0.png", "scene1.png"] {
        std::fs::copy(scene(name), folder.path().join(name)).unwrap();
    }
    let pattern = folder.path().join("*.png");
    let out = folder.path().join("out");
    let arguments = [
        "explain",
        "--image",
        path(&pattern),
        "--text",
        "a photo of a piano",
        "--text",
        "a photo of a lock",
        "--out",
        path(&out),
        "--format",
        "html,json",
    ];
    let printed = stdout(&m2ib(&[&arguments[..], &CHEAP].concat()));
    let files: Vec<PathBuf> = out
        .read_dir()
        .unwrap()
        .map(|it| it.unwrap().path())
        .collect();
    let of = |ending: &str| {
        let files = files
            .iter()
            .filter(|file| file.extension().unwrap() == ending);
        files.collect::<Vec<_>>()
    };
    assert_eq!((of("json").len(), of("html").len()), (4, 1), "{files:?}");
    let page = of("html")[0];
    assert!(
        page.file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with("all-")
    );
    assert!(printed.contains(path(page)), "{printed}");
    let page = std::fs::read_to_string(page).unwrap();
    assert_eq!(page.matches("<article").count(), 4);
    for word in ["scene0.png", "scene1.png", "piano", "lock"] {
        assert!(page.contains(word), "{word}");
    }
    // Each pair is what it is alone, to the bit.
    let one = lines(&m2ib(
        &[
            &[
                "explain",
                "--image",
                path(&scene("scene1.png")),
                "--text",
                "a photo of a lock",
                "--out",
                "-",
            ][..],
            &CHEAP,
        ]
        .concat(),
    ));
    let one: Attribution = serde_json::from_value(one[0].clone()).unwrap();
    let read = |file: &&PathBuf| -> Attribution {
        serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
    };
    assert!(of("json").iter().any(|file| read(file) == one));
}

#[test]
fn what_fails_of_many_is_told_and_costs_no_other_its_result() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.png");
    std::fs::write(&broken, "not a picture").unwrap();
    let image = scene("scene0.png");
    let arguments = [
        "explain",
        "--image",
        path(&broken),
        "--image",
        path(&image),
        "--text",
        "a photo of a piano",
        "--out",
        "-",
    ];
    let output = m2ib(&[&arguments[..], &CHEAP].concat());
    assert_eq!(output.status.code(), Some(1));
    let message = failure(&output);
    for word in ["1 of 2 pairs", "broken.png", "a photo of a piano"] {
        assert!(message.contains(word), "{word}: {message}");
    }
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed.lines().count(), 1);
    assert!(printed.contains("scene0.png"), "{printed}");
}

#[test]
fn pictures_and_captions_come_from_standard_input() {
    let picture = std::fs::read(scene("scene0.png")).unwrap();
    let found = lines(&fed(
        &of(&["--image", "-", "--text", "a photo of a piano"]),
        &picture,
    ));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["file"], "stdin");
    let image = scene("scene0.png");
    let captions = "a photo of a piano\n\n  a photo of a money bag  \r\n";
    let found = lines(&fed(
        &of(&["--image", path(&image), "--text", "-"]),
        captions.as_bytes(),
    ));
    let said: Vec<&str> = found
        .iter()
        .map(|it| it["text"]["caption"]["text"].as_str().unwrap())
        .collect();
    assert_eq!(said, ["a photo of a piano", "a photo of a money bag"]);

    for (arguments, input, words) in [
        (
            &["--image", "-", "--text", "-"][..],
            &b""[..],
            "both read standard input",
        ),
        (
            &["--image", "-", "--text", "a"],
            b"",
            "standard input is empty",
        ),
        (
            &["--image", path(&image), "--text", "-"],
            b"\n \n",
            "holds no caption",
        ),
        (
            &["--image", path(&image), "--text", "-"],
            b"\xff\xfe",
            "no UTF-8",
        ),
        (&["--image", "-", "--text", "a"], b"GIF", "standard input"),
        (
            &[
                "--image",
                path(&image),
                "--text",
                "a",
                "--format",
                "png,html",
            ],
            b"",
            "found 2",
        ),
        (
            &["--image", path(&image), "--text", "a", "--format", "npy"],
            b"",
            "two files",
        ),
        (
            &[
                "--image",
                path(&image),
                "--text",
                "a",
                "--text",
                "b",
                "--format",
                "png",
            ],
            b"",
            "2 pairs",
        ),
        (
            &["--image", "nowhere/*.png", "--text", "a"],
            b"",
            "no file fits",
        ),
    ] {
        let message = failure(&fed(&of(arguments), input));
        assert!(message.contains(words), "{words}: {message}");
    }
}

#[test]
fn standard_output_holds_one_file_as_it_is() {
    let image = scene("scene0.png");
    let with = |format: &str| {
        let arguments = [
            "explain",
            "--image",
            path(&image),
            "--text",
            "a photo of a piano",
            "--out",
            "-",
        ];
        let output = m2ib(&[&arguments[..], &["--format", format], &CHEAP].concat());
        assert!(output.status.success());
        output.stdout
    };
    let picture = m2ib::image::load_from_memory(&with("heat")).unwrap();
    assert_eq!((picture.width(), picture.height()), (96, 96));
    assert!(with("npz").starts_with(b"PK"));
    assert!(with("html").starts_with(b"<!DOCTYPE html>"));
}

#[test]
fn scores_are_tables_for_people_and_programs() {
    let images = [scene("scene0.png"), scene("scene1.png")];
    let arguments = [
        "score",
        "--image",
        path(&images[0]),
        "--image",
        path(&images[1]),
        "--text",
        "a photo of a piano",
        "--text",
        "a photo of a lock",
    ];
    let table = stdout(&m2ib(&arguments));
    assert_eq!(table.matches("similarity").count(), 2, "{table}");
    let json = stdout(&m2ib(&[&arguments[..], &["--format", "json"]].concat()));
    let all: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
    assert_eq!(all.len(), 4);
    let captions: Vec<&str> = all
        .iter()
        .map(|it| it["caption"].as_str().unwrap())
        .collect();
    // The best first of each image.
    assert_eq!(
        (captions[0], captions[2]),
        ("a photo of a piano", "a photo of a lock")
    );
    let share = |place: usize| all[place]["share"].as_f64().unwrap();
    assert!((share(0) + share(1) - 1.0).abs() < 1e-6 && share(0) > 0.5);
    let csv = stdout(&m2ib(&[&arguments[..], &["--format", "csv"]].concat()));
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0], "image,caption,similarity,probability,share");
    assert_eq!(lines.len(), 5);
    let similarity = all[0]["similarity"].as_f64().unwrap() as f32;
    assert!(
        lines[1].ends_with(&format!(
            "a photo of a piano,{similarity},,{}",
            share(0) as f32
        )),
        "{csv}"
    );
}

#[test]
fn what_cannot_be_scored_costs_itself_only() {
    let image = scene("scene0.png");
    let good = ["--image", path(&image), "--text", "a photo of a piano"];
    let bad = ["--image", "nowhere.png", "--text", "<b>"];
    let output = m2ib(&[&["score", "--format", "csv"][..], &good, &bad].concat());
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(printed.lines().count(), 2, "{printed}");
    let error = failure(&output);
    assert!(
        error.contains("2 of 4 images and captions were left out"),
        "{error}"
    );
    let error = failure(&m2ib(&[&["score"][..], &bad].concat()));
    assert!(error.contains("nowhere.png"), "{error}");
}

#[test]
fn a_warning_of_one_pair_among_several_names_it() {
    let out = tempfile::tempdir().unwrap();
    let [first, second] = ["scene0.png", "scene1.png"].map(scene);
    let images = ["--image", path(&first), "--image", path(&second)];
    let rest = [
        "--text",
        "a photo of a piano",
        "--method",
        "centre",
        "--out",
    ];
    let output = m2ib(&[&["explain"][..], &images, &rest, &[path(out.path())]].concat());
    stdout(&output);
    let beside = String::from_utf8_lossy(&output.stderr).into_owned();
    let chance = beside
        .lines()
        .find(|line| line.contains("no better than chance"));
    let chance = chance.unwrap_or_else(|| panic!("{beside}"));
    assert!(
        chance.contains("scene1.png, \"a photo of a piano\": "),
        "{chance}"
    );
    // What holds for all is said once.
    assert_eq!(beside.matches("is a toy").count(), 1, "{beside}");
    assert!(beside.contains("2 pairs to explain"), "{beside}");
}

#[test]
fn shells_and_manuals_know_the_arguments() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = stdout(&m2ib(&["completions", shell]));
        assert!(
            script.contains("instead") || script.contains("background-points"),
            "{shell}"
        );
    }
    let page = stdout(&m2ib(&["man"]));
    assert!(
        page.contains(".TH m2ib 1") && page.contains("Exit codes: 0"),
        "{page}"
    );
    let folder = tempfile::tempdir().unwrap();
    let printed = stdout(&m2ib(&["man", "--out", path(folder.path())]));
    let explain = std::fs::read_to_string(folder.path().join("m2ib-explain.1")).unwrap();
    assert!(
        explain.contains(".TH") && explain.contains("mask"),
        "{explain}"
    );
    assert!(printed.lines().count() > 10, "{printed}");
    let wrong = m2ib(&["completions", "tcsh"]);
    assert_eq!(wrong.status.code(), Some(2));
}
