//! Nothing that was computed is lost and nothing that was read is overwritten, and what cannot work
//! ends in one sentence.

#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_m2ib");

fn scene(number: usize) -> Vec<u8> {
    let scenes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../m2ib-emoji/scenes");
    std::fs::read(scenes.join(format!("scene{number}.png"))).unwrap()
}

/// A folder in which the program works, so that paths are relative.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.at(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.at(name)).unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).current_dir(self.0.path());
        command.env_remove("M2IB_LOG");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn names(&self, folder: &str) -> BTreeSet<String> {
        let entries = self.at(folder).read_dir().unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }
}

fn succeeded(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What it says that fails with one error and no panic.
fn failed(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "it should have failed: {stderr}");
    assert_eq!(stderr.matches("error:").count(), 1, "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    stderr
}

const FAST: [&str; 4] = ["--method", "random", "--format", "png,json"];

fn explain(place: &Place, image: &str, caption: &str, extra: &[&str]) -> String {
    let arguments = ["explain", "--image", image, "--text", caption];
    let usual = if extra.is_empty() { &FAST[..] } else { extra };
    succeeded(&place.run(&[&arguments[..], &["--out", "out"], usual].concat()))
}

#[test]
fn an_image_is_not_overwritten_by_its_explanation() {
    let place = Place::new();
    place.put("out/scene6.png", scene(6));
    for caption in ["!!!", "a photo of a hedgehog"] {
        explain(&place, "out/scene6.png", caption, &[]);
    }
    assert_eq!(place.read("out/scene6.png"), scene(6));
    assert_eq!(place.names("out").len(), 1 + 2 * 2);
}

#[test]
fn different_results_have_different_names_and_the_same_ones_the_same() {
    let place = Place::new();
    place.put("a/1.png", scene(0));
    place.put("b/1.png", scene(2));
    place.put("c/1.png", scene(2));
    let long = "a photo of a piano beside a large and very old grandfather clock";
    let (first, second) = (format!("{long} at noon"), format!("{long} at night"));
    let stem = "n".repeat(240);
    place.put(&format!("{stem}.png"), scene(0));
    let long_name = format!("{stem}.png");
    let all: [(&str, &str, &[&str]); 10] = [
        ("a/1.png", "a dog!", &[]),
        ("a/1.png", "a dog?", &[]),
        ("b/1.png", "a dog!", &[]),
        ("c/1.png", "a dog!", &[]),
        ("a/1.png", &first, &[]),
        ("a/1.png", &second, &[]),
        (&long_name, &first, &[]),
        ("a/1.png", "a dog!", &["--steps", "1"]),
        ("a/1.png", "a dog!", &["--steps", "1", "--beta", "0.7"]),
        ("a/1.png", "a dog!", &["--steps", "1", "--opacity", "0.3"]),
    ];
    for (image, caption, extra) in all {
        explain(&place, image, caption, extra);
    }
    let names = place.names("out");
    assert_eq!(names.len(), 2 * all.len(), "{names:#?}");
    for (image, caption, extra) in all {
        explain(&place, image, caption, extra);
    }
    assert_eq!(place.names("out"), names);
    assert!(names.iter().all(|name| name.len() <= 120), "{names:#?}");
}

#[test]
fn no_command_writes_over_what_it_reads() {
    let place = Place::new();
    let line = "caption,image\na photo of a piano,0.png\n";
    for name in ["comparison.csv", "sweep.csv", "journal.jsonl"] {
        place.put(&format!("out/{name}"), line);
    }
    place.put("photos/0.png", scene(0));
    place.put("photos/0.txt", "a photo of a piano\n");
    let csv = ["--format", "csv", "--out", "out"];
    let sweep = ["sweep", "--beta", "0.1,1"];
    for arguments in [
        &["evaluate", "--data", "out/comparison.csv"][..],
        &["evaluate", "--data", "out/journal.jsonl"],
        &["evaluate", "--data", "out/../out/comparison.csv"],
        &[&sweep[..], &["--data", "out/sweep.csv"]].concat(),
    ] {
        let error = failed(&place.run(&[arguments, &csv].concat()));
        assert!(error.contains("would be overwritten"), "{error}");
    }
    for out in ["photos/0.png", "photos/0.txt"] {
        let arguments = ["calibrate", "--data", "photos", "--out", out];
        let error = failed(&place.run(&arguments));
        assert!(error.contains("would be overwritten"), "{error}");
    }
    assert_eq!(place.read("photos/0.png"), scene(0));
    assert_eq!(place.read("out/comparison.csv"), line.as_bytes());
    assert_eq!(place.names("out").len(), 3, "nothing was left there");
}

#[test]
fn a_place_for_results_is_judged_before_the_work() {
    let place = Place::new();
    place.put("file", "");
    place.put("0.png", scene(0));
    std::fs::create_dir(place.at("folder")).unwrap();
    let long = "n".repeat(300);
    let evaluate = ["evaluate", "--scenes", "10000", "--out"];
    let calibrate = ["calibrate", "--scenes", "100000", "--out"];
    let mut cases = vec![
        (evaluate, "file", "expected a folder"),
        (evaluate, &long, "name too long"),
        (calibrate, "folder", "is a folder"),
        (calibrate, "file/below", "expected a folder"),
    ];
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("nowhere", place.at("dangling")).unwrap();
        cases.push((evaluate, "dangling", "is a link to nowhere"));
        cases.push((calibrate, "dangling", "is a link to nowhere"));
    }
    for (arguments, out, words) in cases {
        let start = Instant::now();
        let error = failed(&place.run(&[&arguments[..], &[out]].concat()));
        assert!(error.contains("--out"), "{error}");
        assert!(error.to_lowercase().contains(words), "{error}");
        assert!(start.elapsed() < Duration::from_secs(5), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn results_are_there_before_they_are_said_and_nobody_need_listen() {
    let place = Place::new();
    place.put("0.png", scene(0));
    let explain = ["explain", "--image", "0.png", "--text", "a piano"];
    let explain = [&explain[..], &FAST].concat();
    let sweep = ["sweep", "--scenes", "4", "--held-out", "0"];
    let method = ["--method", "occlusion", "--vary", "window=4,8"];
    let goal = ["--metric", "image_drop"];
    let sweep = [&sweep[..], &method, &goal].concat();
    for (arguments, ending) in [
        (&explain[..], ".json"),
        (&sweep, "sweep.json"),
        (&["inspect"], ""),
        (&["methods"], ""),
        (&["devices"], ""),
        (&["score", "--image", "0.png", "--text", "a piano"], ""),
    ] {
        let mut command = place.command(arguments);
        if !ending.is_empty() {
            command.args(["--out", "full"]);
        }
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
        command.stdout(full.unwrap()).stderr(Stdio::piped());
        let error = failed(&command.output().unwrap());
        assert!(error.contains("standard output"), "{error}");
        if !ending.is_empty() {
            let names = place.names("full");
            assert!(names.iter().any(|name| name.ends_with(ending)), "{names:?}");
        }
        // The reader is gone before the first line.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        command.stdout(writer);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{arguments:?}");
        let stderr = String::from_utf8_lossy(&output.stderr);
        let quiet = !stderr.contains("error") && !stderr.contains("panicked");
        assert!(quiet, "{arguments:?}: {stderr}");
    }
}

#[cfg(unix)]
#[test]
fn what_has_no_end_is_refused_as_any_input() {
    let place = Place::new();
    place.put("0.png", scene(0));
    std::os::unix::fs::symlink("/dev/zero", place.at("zero.tsv")).unwrap();
    let made = Command::new("mkfifo").arg(place.at("pipe")).status();
    assert!(made.unwrap().success());
    for path in ["/dev/zero", "zero.tsv", "pipe"] {
        let explain = ["explain", "--image", "0.png", "--text", "a piano"];
        for arguments in [
            &["explain", "--image", path, "--text", "a piano"][..],
            &["score", "--image", path, "--text", "a piano"],
            &[&explain[..], &["--config", path]].concat(),
            &[&explain[..], &["--calibration", path]].concat(),
            &["evaluate", "--data", path],
            &["evaluate", "--data", path, "--format", "json-lines"],
            &["evaluate", "--scenes", "2", "--config", path],
        ] {
            let error = failed(&place.run(arguments));
            let said = error.contains("a device") || error.contains("a pipe");
            assert!(said && error.contains(path), "{arguments:?}: {error}");
        }
    }
}

#[test]
fn counts_that_no_run_could_end_are_refused_before_the_work() {
    let place = Place::new();
    place.put("0.png", scene(0));
    let explain = ["explain", "--image", "0.png", "--text", "a piano"];
    for number in ["9223372036854775807", "4294967296", "100001", "0"] {
        for (option, command) in [
            ("--steps", &explain[..]),
            ("--samples", &explain),
            ("--draws", &["evaluate", "--scenes", "2"]),
            ("--curve-steps", &["evaluate", "--scenes", "2"]),
            ("--steps", &["sweep", "--scenes", "8"]),
        ] {
            let error = failed(&place.run(&[command, &[option, number]].concat()));
            for word in [option, number, "at most 100000"] {
                assert!(error.contains(word), "{error}");
            }
        }
    }
}

#[test]
fn names_and_captions_do_not_steer_the_terminal() {
    let place = Place::new();
    place.put("0.png", scene(0));
    let title = "a piano\u{1b}]0;owned\u{7}\u{9b}31m";
    let score = ["score", "--image", "0.png", "--text", "a piano", "--text"];
    let outputs = [
        place.run(&[&score[..], &[title]].concat()),
        place.run(&["inspect", "--text", title]),
        place.run(&["explain", "--image", "\u{1b}[2Jnowhere.png", "--text", "a"]),
        place.run(&[
            "explain", "--image", "0.png", "--text", "a", "--format", title,
        ]),
        place.run(&["evaluate", "--data", title]),
    ];
    for output in outputs {
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8(said).unwrap();
        assert!(!said.is_empty());
        let steers = |char: char| char.is_control() && char != '\n';
        assert!(!said.contains(steers), "{said:?}");
    }
}

#[test]
fn a_file_that_breaks_its_decoder_ends_nothing() {
    let place = Place::new();
    place.put("0.png", scene(0));
    // A palette of one colour and a third.
    place.put("short.png", include_bytes!("data/plte-4-bytes.png"));
    let lines = "a photo of a boot\tshort.png\na photo of a piano\t0.png\n";
    place.put("pairs.tsv", lines);
    let evaluate = ["evaluate", "--data", "pairs.tsv", "--out", "out"];
    let rest = ["--methods", "random", "--metrics", "image_drop"];
    let output = place.run(&[&evaluate[..], &rest].concat());
    succeeded(&output);
    let warning = String::from_utf8_lossy(&output.stderr);
    assert!(warning.contains("1 of 2 pairs"), "{warning}");
    assert!(warning.contains("short.png"), "{warning}");
    assert!(!warning.contains("panicked"), "{warning}");
    let error = failed(&place.run(&["explain", "--image", "short.png", "--text", "a boot"]));
    assert!(error.contains("short.png"), "{error}");
}

#[test]
fn a_run_of_which_nothing_came_fails_and_says_why() {
    let place = Place::new();
    // Each another one: ROAR+ parts pictures.
    let names: Vec<String> = (0..12).map(|number| format!("{number}.png")).collect();
    for name in &names {
        place.put(name, format!("no picture, {name}"));
    }
    let pairs = names.iter().map(|name| format!("a boot\t{name}\n"));
    place.put("pairs.tsv", pairs.collect::<String>());
    let data = ["--data", "pairs.tsv", "--out", "out"];
    let sweep = ["sweep", "--held-out", "0", "--beta", "0.1,1"];
    for arguments in [
        &["evaluate", "--methods", "random"][..],
        &["evaluate", "--methods", "random", "--roar"],
        &sweep,
        &["sweep", "--metric", "roar_loss", "--beta", "0.1,1"],
    ] {
        let error = failed(&place.run(&[arguments, &data].concat()));
        for words in ["none of 12 pairs", "0.png"] {
            assert!(error.contains(words), "{arguments:?}: {error}");
        }
    }
    place.put("photos/0.png", "no picture");
    place.put("photos/1.png", "no picture");
    let error = failed(&place.run(&["calibrate", "--data", "photos", "--out", "c.json"]));
    for words in ["found 0", "were left out", "0.png"] {
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn a_cause_is_said_once() {
    let place = Place::new();
    place.put("0.png", scene(0));
    place.put("bad.toml", "[image]\nbeta = \"much\"\n");
    place.put("bad.json", "{}");
    let explain = ["explain", "--image", "0.png", "--text", "a piano"];
    for (arguments, file, cause) in [
        (
            &["explain", "--image", "no.png", "--text", "a"][..],
            "no.png",
            "No such file",
        ),
        (&["explain", "--image", ".", "--text", "a"], ".", "a folder"),
        (
            &[&explain[..], &["--config", "no.toml"]].concat(),
            "no.toml",
            "No such file",
        ),
        (
            &[&explain[..], &["--config", "bad.toml"]].concat(),
            "bad.toml",
            "is no β",
        ),
        (
            &[&explain[..], &["--calibration", "bad.json"]].concat(),
            "bad.json",
            "missing field",
        ),
        (&["evaluate", "--data", "no.tsv"], "no.tsv", "No such file"),
    ] {
        let error = failed(&place.run(arguments));
        assert!(error.contains(file), "{error}");
        assert_eq!(error.matches(cause).count(), 1, "{error}");
    }
}

#[cfg(unix)]
#[test]
fn calibrate_takes_each_file_once_and_stays_in_its_folder() {
    use std::os::unix::fs::symlink;
    let place = Place::new();
    place.put("data/in/1.png", scene(1));
    place.put("data/in/2.png", scene(2));
    place.put(
        "data/captions.txt",
        "a photo of a lock\na photo of a koala\n",
    );
    place.put("3.png", scene(3));
    symlink("..", place.at("data/up")).unwrap();
    symlink(".", place.at("data/in/circle")).unwrap();
    symlink("in", place.at("data/again")).unwrap();
    let output = place.run(&["calibrate", "--data", "data", "--out", "c.json"]);
    let printed = succeeded(&output);
    assert!(printed.contains("2 images, 2 captions"), "{printed}");
}

/// What came of each pair and method, but for how long it took.
fn comparison(place: &Place, out: &str) -> String {
    String::from_utf8(place.read(&format!("{out}/comparison.csv"))).unwrap()
}

#[cfg(unix)]
#[test]
fn a_run_on_a_full_disk_goes_on_when_there_is_room() {
    let place = Place::new();
    let run = ["evaluate", "--scenes", "150", "--metrics", "energy"];
    let run = [
        &run[..],
        &["--methods", "grad-cam", "--shown", "0", "--out"],
    ]
    .concat();
    // Blocks of 1 KiB that a file may have; a signal would end what writes more.
    let limited = |kib: usize| {
        let script = format!("trap '' XFSZ; ulimit -f {kib}; exec \"$0\" \"$@\"");
        let mut command = Command::new("bash");
        command.args(["-c", &script, PROGRAM]).args(&run).arg("out");
        command.current_dir(place.0.path());
        command.output().unwrap()
    };
    let lines = || {
        let journal = place.read("out/journal.jsonl");
        journal.iter().filter(|&&byte| byte == b'\n').count() - 1
    };
    // With hardly any room, nothing is worked for.
    let error = failed(&limited(16));
    assert!(error.contains("cannot write the journal"), "{error}");
    assert_eq!(lines(), 0);
    let error = failed(&limited(72));
    assert!(error.contains("cannot write the journal"), "{error}");
    assert!((1..149).contains(&lines()), "{} lines", lines());
    let before = place.read("out/journal.jsonl");
    succeeded(&place.run(&[&run[..], &["out"]].concat()));
    assert!(place.read("out/journal.jsonl").starts_with(&before));
    assert_eq!(lines(), 150);
    succeeded(&place.run(&[&run[..], &["whole"]].concat()));
    assert_eq!(comparison(&place, "out"), comparison(&place, "whole"));
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_goes_on_where_it_was() {
    let place = Place::new();
    let run = [
        "evaluate",
        "--scenes",
        "24",
        "--metrics",
        "energy,image_deletion",
        "--curve-steps",
        "10",
    ];
    let run = [
        &run[..],
        &["--methods", "grad-cam", "--shown", "0", "--out"],
    ]
    .concat();
    let mut child = place
        .command(&run)
        .arg("out")
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let journal = place.at("out/journal.jsonl");
    let lines = || std::fs::read(&journal).map_or(0, |text| text.split(|&b| b == b'\n').count());
    while lines() < 5 && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(2));
    }
    // What is started in the background may have been told to ignore Ctrl-C, and so are its children.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let signal = match ignored.is_some_and(|mask| mask & 0b10 != 0) {
        true => "-TERM",
        false => "-INT",
    };
    let interrupt = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(interrupt.unwrap().success());
    assert!(!child.wait().unwrap().success());
    let before = std::fs::read(&journal).unwrap();
    let whole = before.iter().rposition(|&byte| byte == b'\n').unwrap();
    succeeded(&place.run(&[&run[..], &["out"]].concat()));
    assert!(
        std::fs::read(&journal)
            .unwrap()
            .starts_with(&before[..whole])
    );
    let names = place.names("out");
    assert!(!names.iter().any(|name| name.starts_with('.')), "{names:?}");
    succeeded(&place.run(&[&run[..], &["whole"]].concat()));
    assert_eq!(comparison(&place, "out"), comparison(&place, "whole"));
}
