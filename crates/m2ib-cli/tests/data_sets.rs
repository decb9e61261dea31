//! Whole data sets: the same rows however the work is shared out and wherever it is stopped, and one
//! sentence for whatever is wrong.

#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use m2ib_run::{Reader, Record};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_m2ib");

/// Few steps, so that a scene takes a moment; files of few rows, so that there are several.
const QUICK: [&str; 6] = ["--preset", "fast", "--steps", "2", "--rows-per-file", "5"];

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
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

    /// Runs over scenes with the quick settings.
    fn scenes(&self, count: &str, out: &str, more: &[&str]) -> String {
        let first = ["run", "--scenes", count, "--out", out];
        succeeded(&self.run(&[&first[..], &QUICK, more].concat()))
    }

    fn merged(&self, folders: &[&str], out: &str) -> Vec<Record> {
        succeeded(&self.run(&[&["merge"], folders, &["--out", out]].concat()));
        records(&self.at(out))
    }
}

/// All rows, without the time they took.
fn records(path: &Path) -> Vec<Record> {
    let records = Reader::open(path).unwrap().flat_map(Result::unwrap);
    let timeless = |record| Record {
        seconds: 0.0,
        ..record
    };
    records.map(timeless).collect()
}

fn succeeded(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The one sentence of a run that must fail.
fn refused(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    let errors: Vec<&str> = stderr
        .lines()
        .filter(|line| line.starts_with("error"))
        .collect();
    assert_eq!(errors.len(), 1, "{stderr}");
    errors[0].into()
}

#[test]
fn shares_in_any_order_and_folders_are_the_run_as_a_whole() {
    let place = Place::new();
    place.scenes("23", "whole", &[]);
    let whole = place.merged(&["whole"], "whole.parquet");
    assert_eq!(whole.len(), 23);
    for (number, record) in whole.iter().enumerate() {
        assert_eq!(record.place, number as u64);
        let finding = record.finding.as_ref().unwrap();
        assert_eq!(
            finding.map.len(),
            (finding.grid[0] * finding.grid[1]) as usize
        );
        let words: Vec<&str> = record.caption.split(' ').collect();
        assert_eq!(finding.words, words);
        assert!(finding.rank >= Some(1) && finding.pointing.is_some());
    }
    for share in ["3/3", "1/3"] {
        place.scenes("23", "shared", &["--shard", share]);
    }
    let error = refused(&place.run(&["merge", "shared", "--out", "half.parquet"]));
    assert!(error.contains("of 23 rows, 5 to 14 are missing"), "{error}");
    assert!(!place.at("half.parquet").exists());
    // The rest on another machine, by rows.
    place.scenes("23", "other", &["--begin", "5", "--end", "15"]);
    assert_eq!(place.merged(&["shared", "other"], "shared.parquet"), whole);
    place.scenes("23", "other", &["--end", "7"]);
    let error = refused(&place.run(&["merge", "shared", "other", "--out", "x.parquet"]));
    assert!(error.contains("0 to 4 are there twice"), "{error}");
}

/// What Slurm does with the script of an array: starts it once a job, with the job's number.
#[cfg(unix)]
#[test]
fn jobs_of_slurms_array_fill_one_folder() {
    let place = Place::new();
    let scenes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../m2ib-emoji/scenes");
    let mut rows = String::new();
    for (at, noun) in (0..6).zip(["piano", "lock", "banana", "key", "tiger", "leaf"]) {
        let name = format!("scene{at}.png");
        std::fs::copy(scenes.join(&name), place.at(&name)).unwrap();
        rows += &format!("a photo of a {noun}\t{name}\na {noun}\t{name}\n");
    }
    std::fs::write(place.at("rows.tsv"), rows).unwrap();
    let first = ["run", "--data", "rows.tsv", "--out", "whole"];
    succeeded(&place.run(&[&first[..], &QUICK].concat()));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/slurm.sh");
    let path = std::env::var("PATH").unwrap();
    let folder = Path::new(PROGRAM).parent().unwrap().display();
    let job = |number: &str, of: (&str, &str)| {
        let mut command = Command::new("bash");
        command.arg(&script).args(["rows.tsv", "out"]).args(QUICK);
        command
            .env("PATH", format!("{folder}:{path}"))
            .env("SLURM_ARRAY_TASK_ID", number)
            .env("SLURM_CPUS_PER_TASK", "1")
            .env(of.0, of.1);
        command.current_dir(place.0.path()).output().unwrap()
    };
    for number in ["2", "1"] {
        succeeded(&job(number, ("SLURM_ARRAY_TASK_COUNT", "3")));
    }
    refused(&place.run(&["merge", "out", "--out", "early.parquet"]));
    // One of them given again alone: Slurm counts one job then.
    succeeded(&job("3", ("SHARES", "3")));
    let whole = place.merged(&["whole"], "whole.parquet");
    assert_eq!(whole.len(), 12);
    assert_eq!(place.merged(&["out"], "all.parquet"), whole);
    // Jobs are counted from 1.
    let output = job("0", ("SLURM_ARRAY_TASK_COUNT", "3"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("found \"0/3\", expected a share"),
        "{stderr}"
    );
}

#[test]
fn a_killed_run_goes_on_where_it_was() {
    let place = Place::new();
    place.scenes("12", "whole", &[]);
    let whole = place.merged(&["whole"], "whole.parquet");
    let first = ["run", "--scenes", "12", "--out", "killed"];
    let arguments = [&first[..], &QUICK].concat();
    // Rows of the first files, and some of the next.
    let lines = |path: &Path| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.lines().count()
    };
    let mut child = place
        .command(&arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let journal = |rows: &str| {
        place
            .at("killed")
            .join(format!("rows-{rows}.journal.jsonl"))
    };
    let journals = ["0000000000-0000000005", "0000000005-0000000010"].map(journal);
    // A header, and a row or more.
    while journals.iter().all(|path| lines(path) < 3) {
        assert!(
            begun.elapsed() < Duration::from_secs(120),
            "it does not begin"
        );
        if child.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let told = place.scenes("12", "killed", &[]);
    let known: u64 = told
        .split(", ")
        .find_map(|part| part.trim().strip_suffix(" before"))
        .unwrap()
        .parse()
        .unwrap();
    assert!(known >= 2, "{told}");
    assert_eq!(place.merged(&["killed"], "killed.parquet"), whole);
    let told = place.scenes("12", "killed", &[]);
    assert!(told.contains("0 explained now, 12 before"), "{told}");
    // Nothing but the manifest and complete files is left.
    let names = place.at("killed").read_dir().unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let others = names.filter(|name| !name.ends_with(".parquet"));
    assert_eq!(others.collect::<Vec<_>>(), ["run.json"]);
}

#[test]
fn a_folder_of_another_run_is_refused_in_one_sentence() {
    let place = Place::new();
    place.scenes("2", "a", &[]);
    for (more, difference) in [
        (&["--seed", "1"][..], "seed is 0 there and 1 here"),
        (&["--beta", "0.5"], "beta"),
        (&["--bank", "0"], "bank"),
        (&["--precision", "f16"], "precision"),
    ] {
        let first = ["run", "--scenes", "2", "--out", "a"];
        let error = refused(&place.run(&[&first[..], &QUICK, more].concat()));
        assert!(error.contains(difference), "{error}");
        assert!(error.contains("another run"), "{error}");
    }
    let first = ["run", "--scenes", "3", "--out", "a"];
    let error = refused(&place.run(&[&first[..], &QUICK].concat()));
    assert!(error.contains("data.rows is 2 there and 3 here"), "{error}");
    place.scenes("2", "b", &["--seed", "1"]);
    let error = refused(&place.run(&["merge", "a", "b", "--out", "x.parquet"]));
    assert!(error.contains("another run"), "{error}");
}

/// A table of scenes and of what is wrong with rows.
fn table(place: &Place) -> Vec<&'static str> {
    let scenes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../m2ib-emoji/scenes");
    std::fs::copy(scenes.join("scene0.png"), place.at("0.png")).unwrap();
    std::fs::write(place.at("broken.png"), "not a picture").unwrap();
    let rows = [
        "a photo of a piano\t0.png",
        "a photo of a piano\tnowhere.png",
        "a photo of a piano\tbroken.png",
        "one cell",
        "\u{1F600}\u{1F600}\t0.png",
        "a photo of a lock\t0.png",
    ];
    std::fs::write(place.at("rows.tsv"), rows.join("\n")).unwrap();
    vec!["", "nowhere.png", "first bytes", "columns", "", ""]
}

#[test]
fn rows_that_fail_are_rows_with_their_reason() {
    let place = Place::new();
    let reasons = table(&place);
    let first = ["run", "--data", "rows.tsv", "--out", "out"];
    let output = place.run(&[&first[..], &QUICK].concat());
    succeeded(&output);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("could not be explained; the first, rows.tsv:2"),
        "{stderr}"
    );
    let records = place.merged(&["out"], "all.parquet");
    assert_eq!(records.len(), reasons.len());
    for (record, reason) in records.iter().zip(&reasons) {
        match &record.error {
            Some(error) => assert!(error.contains(reason), "{error}"),
            None => assert_eq!(*reason, ""),
        }
        assert_ne!(record.error.is_some(), record.finding.is_some());
    }
    // By Arrow's account of fixed lists, pyarrow would not read a file with failed rows.
    let bytes = std::fs::read(place.at("all.parquet")).unwrap();
    assert!(!bytes.windows(12).any(|part| part == b"ARROW:schema"));
    succeeded(&place.run(&["report", "all.parquet", "--out", "report"]));
    let json = std::fs::read_to_string(place.at("report/report.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let explained = json["explained"].as_u64().unwrap();
    let failed = json["failures"].as_object().unwrap().values();
    let failed: u64 = failed.map(|count| count.as_u64().unwrap()).sum();
    assert_eq!((explained + failed, json["total"].as_u64()), (6, Some(6)));
    let page = std::fs::read_to_string(place.at("report/report.html")).unwrap();
    assert!(page.contains("data:image/png") && page.contains("nowhere.png"));

    assert!(stderr.contains("--retry-failed"), "{stderr}");

    std::fs::write(place.at("bad.tsv"), "a\tx.png\nb\ty.png\n").unwrap();
    let first = ["run", "--data", "bad.tsv", "--out", "bad"];
    let error = refused(&place.run(&[&first[..], &QUICK].concat()));
    assert!(
        error.contains("none of 2 rows could be explained; the first, bad.tsv:1"),
        "{error}"
    );
    // Of nothing there is no mean.
    succeeded(&place.run(&["report", "bad", "--out", "nothing"]));
    let json = std::fs::read_to_string(place.at("nothing/report.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(json["similarity"].is_null() && json["concentration"].is_null());
    let page = std::fs::read_to_string(place.at("nothing/report.html")).unwrap();
    assert!(page.contains("None of the rows could be explained"));
    assert!(page.contains("x.png") && !page.contains("mean similarity"));
}

#[test]
fn rows_that_failed_are_tried_again_when_asked() {
    let place = Place::new();
    table(&place);
    let first = ["run", "--data", "rows.tsv", "--out", "out"];
    let all = |more: &[&str]| place.run(&[&first[..], &QUICK, more].concat());
    let explained = |told: &str| -> u64 {
        let words = told.split(", ");
        let mut words = words.filter_map(|words| words.strip_suffix(" explained now"));
        words.next().unwrap().parse().unwrap()
    };
    succeeded(&all(&[]));
    let before = place.merged(&["out"], "before.parquet");
    let failed = before.iter().filter(|row| row.error.is_some()).count();
    assert!(failed > 1 && before[1].error.is_some());
    // What was missing is there now.
    let picture = place.at("0.png");
    std::fs::copy(&picture, place.at("nowhere.png")).unwrap();
    assert_eq!(explained(&succeeded(&all(&[]))), 0, "nobody asked for it");
    // Rows of another share are left alone.
    let other = all(&["--retry-failed", "--begin", "5"]);
    assert_eq!(explained(&succeeded(&other)), 0);
    assert_eq!(place.merged(&["out"], "other.parquet"), before);

    let output = all(&["--retry-failed"]);
    let told = succeeded(&output);
    assert_eq!(explained(&told), 1, "{told}");
    let words = format!(" 1 explained now, {} failed, ", failed - 1);
    assert!(told.contains(&words), "{told}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    let words = format!("{} of {failed} rows could not be explained", failed - 1);
    assert!(stderr.contains(&words), "{stderr}");
    let after = place.merged(&["out"], "after.parquet");
    let as_first = |at: usize| after[at].finding.as_ref().map(|finding| &finding.map);
    assert!(after[1].error.is_none() && as_first(1) == as_first(0));
    for (at, (before, after)) in before.iter().zip(&after).enumerate() {
        assert!(at == 1 || before == after, "{at}");
    }
    // Where all that is tried fails again, that is an error, and no row is lost.
    let error = refused(&all(&["--retry-failed"]));
    assert!(error.contains("none of"), "{error}");
    assert_eq!(place.merged(&["out"], "again.parquet"), after);
    let names = place.at("out").read_dir().unwrap();
    let journals = names.filter(|name| {
        let name = name.as_ref().unwrap().file_name();
        name.to_string_lossy().ends_with(".jsonl")
    });
    assert_eq!(journals.count(), 0);
}

#[test]
fn what_cannot_work_is_told_before_the_work() {
    let place = Place::new();
    std::fs::write(place.at("half.tar"), [0; 100]).unwrap();
    std::fs::write(place.at("half.parquet"), "PAR1").unwrap();
    std::fs::create_dir(place.at("empty")).unwrap();
    let quick = |more: &[&str]| place.run(&[&["run", "--out", "out"][..], &QUICK, more].concat());
    for (more, words) in [
        (&["--data", "half.tar"][..], "half.tar"),
        (&["--data", "half.parquet"], "ends early"),
        (
            &["--data", "{0..3}.tar"],
            "4 of 4 files of {0..3}.tar are missing, the first 0.tar",
        ),
        (&["--data", "*.tsv"], "there is no file of that name"),
        (&["--scenes", "4", "--begin", "4"], "--begin is 4"),
        (
            &["--scenes", "4", "--begin", "3", "--end", "2"],
            "--end is 2",
        ),
        (&["--scenes", "4", "--bank", "nowhere.txt"], "nowhere.txt"),
    ] {
        let error = refused(&quick(more));
        assert!(error.contains(words), "{error}");
        assert!(!place.at("out").exists(), "{error}");
    }
    let error = refused(&place.run(&["merge", "empty", "--out", "x.parquet"]));
    assert!(error.contains("no run.json"), "{error}");
    let error = refused(&place.run(&["report", "half.parquet", "--out", "report"]));
    assert!(
        error.contains("does not end as a Parquet file does"),
        "{error}"
    );
}

#[test]
fn a_damaged_file_of_results_is_named() {
    let place = Place::new();
    place.scenes("8", "a", &[]);
    let path = place.at("a").join("rows-0000000005-0000000008.parquet");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    for arguments in [
        ["merge", "a", "--out", "x.parquet"],
        ["report", "a", "--out", "report"],
    ] {
        let error = refused(&place.run(&arguments));
        assert!(
            error.contains("rows-0000000005") && error.contains("remove it"),
            "{error}"
        );
    }
    std::fs::remove_file(&path).unwrap();
    let told = place.scenes("8", "a", &[]);
    assert!(told.contains("3 explained now, 5 before"), "{told}");
}

#[cfg(unix)]
#[test]
fn on_a_full_disk_what_was_done_is_kept() {
    let place = Place::new();
    let first = [
        "run",
        "--scenes",
        "12",
        "--out",
        "full",
        "--rows-per-file",
        "100",
    ];
    // Fine maps, so that a few rows take some room.
    let quick = [&first[..], &QUICK[..4], &["--shifts", "4"]].concat();
    // No file may have more than so many KiB: writing fails as it does where a disk is full.
    let script = "trap '' XFSZ; ulimit -f 100; exec \"$0\" \"$@\"";
    let output = Command::new("bash")
        .args(["-c", script, PROGRAM])
        .args(&quick)
        .current_dir(place.0.path())
        .output()
        .unwrap();
    let error = refused(&output);
    assert!(error.contains("cannot write the journal"), "{error}");
    let journal = place.at("full/rows-0000000000-0000000012.journal.jsonl");
    let kept = std::fs::read_to_string(&journal).unwrap().lines().count() - 1;
    assert!((1..12).contains(&kept), "{kept}");
    let told = succeeded(&place.run(&quick));
    let words = format!("{} explained now, {kept} before", 12 - kept);
    assert!(told.contains(&words), "{told}");
    assert_eq!(place.merged(&["full"], "all.parquet").len(), 12);
}

#[test]
fn evaluations_take_a_share_of_the_rows() {
    let place = Place::new();
    table(&place);
    let first = [
        "evaluate",
        "--data",
        "rows.tsv",
        "--methods",
        "centre",
        "--metrics",
        "image_drop",
    ];
    let output = place.run(&[&first[..], &["--begin", "3", "--out", "b"]].concat());
    let told = succeeded(&output);
    assert!(told.contains("2 pairs of rows.tsv"), "{told}");
    // Of several files, they are called as they were given.
    for name in ["s-0.tsv", "s-1.tsv"] {
        std::fs::write(place.at(name), "a photo of a piano\t0.png\n").unwrap();
    }
    let mut several = first;
    several[2] = "s-{0..1}.tsv";
    let told = succeeded(&place.run(&[&several[..], &["--out", "s"]].concat()));
    assert!(told.contains("2 pairs of s-{0..1}.tsv (tsv)"), "{told}");
    let error = refused(&place.run(&[&first[..], &["--begin", "9", "--out", "c"]].concat()));
    assert!(error.contains("--begin is 9"), "{error}");
    let error = refused(&place.run(&[&first[..], &["--shard", "1/9", "--out", "c"]].concat()));
    assert!(error.contains("more shares than the"), "{error}");
}

#[test]
fn evaluations_of_shares_become_one() {
    let place = Place::new();
    let first = ["evaluate", "--scenes", "9"];
    let what = ["--methods", "centre,random", "--metrics", "dice,energy"];
    let evaluate = |more: &[&str]| place.run(&[&first[..], &what, more].concat());
    for (share, out) in [("1/2", "a"), ("2/2", "b")] {
        let told = succeeded(&evaluate(&["--shard", share, "--out", out]));
        assert!(told.contains("pairs of"), "{told}");
    }
    succeeded(&evaluate(&["--merge", "a,b", "--out", "all"]));
    let read = |name: &str| std::fs::read_to_string(place.at(name)).unwrap();
    let lines = |name: &str| {
        let text = read(&format!("{name}/journal.jsonl"));
        let lines: BTreeSet<String> = text.lines().skip(1).map(str::to_owned).collect();
        lines
    };
    // Each is there as it was measured, its time included: nothing was measured again.
    let both: BTreeSet<String> = lines("a").union(&lines("b")).cloned().collect();
    assert_eq!(both.len(), 18);
    assert_eq!(lines("all"), both);
    // Given again, nothing is added, and the numbers are those of all pairs at once.
    succeeded(&evaluate(&["--merge", "a,b", "--out", "all"]));
    assert_eq!(read("all/journal.jsonl").lines().count(), 19);
    succeeded(&evaluate(&["--out", "whole"]));
    let values = |name: &str| -> serde_json::Value {
        let json = read(&format!("{name}/comparison.json"));
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let methods = json["methods"].as_array().unwrap().iter();
        methods.map(|method| method["summaries"].clone()).collect()
    };
    assert_eq!(values("all"), values("whole"));
    assert!(values("all")[0]["dice"]["value"]["mean"].is_number());
    let error = refused(&evaluate(&["--merge", "a,nowhere", "--out", "x"]));
    assert!(error.contains("nowhere holds no journal.jsonl"), "{error}");
    let error = refused(&evaluate(&["--merge", "all", "--out", "all"]));
    assert!(error.contains("--merge: all is --out itself"), "{error}");
}
