//! A process that writes a journal is killed at random moments, over and over, until its work is
//! done: each time it loses at most the line it was writing, and in the end the journal is, byte
//! for byte, the one of an undisturbed run.
//!
//! The writer is this very test, started again with [`JOURNAL`] set.

#![cfg(unix)] // Elsewhere `kill` is no SIGKILL.
#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use m2ib_eval::journal::{Journal, Outcome};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

/// The environment variable that names the file and makes this process the writer.
const JOURNAL: &str = "M2IB_TEST_JOURNAL";
const ROWS: u32 = 100;
const SETTINGS: [&str; 2] = ["matched", "released"];
/// How a line of the writer's output begins that says a result is on the disk.
const WRITTEN: &str = "written ";

/// Between two results, so that not the machine's speed decides how many of them a kill comes
/// after.
const PACE: Duration = Duration::from_millis(1);

type Scores = Vec<f64>;

fn run() -> serde_json::Value {
    json!({"rows": ROWS, "settings": SETTINGS})
}

/// Lines of some bytes, and a few of megabytes: writing those takes long enough to be interrupted.
fn outcome(row: u32, setting: &str) -> Outcome<Scores> {
    if row % 10 == 3 {
        return Outcome::Failure(format!("row {row} has no image"));
    }
    let length = if row % 20 == 7 { 200_000 } else { row % 5 };
    let start = f64::from(row) + setting.len() as f64 / 100.0;
    Outcome::Result((0..length).map(|i| start + f64::from(i).sqrt()).collect())
}

/// Does what is left to do, and says of each result that it is written.
fn write(path: &Path, mut said: impl Write) {
    let mut journal = Journal::open(path, &run()).unwrap();
    for row in 0..ROWS {
        for setting in SETTINGS {
            let key = format!("pairs.tsv:{row}");
            if !journal.contains(&key, setting) {
                journal
                    .append(&key, setting, outcome(row, setting))
                    .unwrap();
                writeln!(said, "{WRITTEN}{}", journal.len()).unwrap();
                said.flush().unwrap();
                sleep(PACE);
            }
        }
    }
}

#[test]
fn a_killed_process_loses_at_most_the_row_in_flight() {
    if let Some(path) = std::env::var_os(JOURNAL) {
        return write(Path::new(&path), std::io::stdout());
    }
    let folder = tempfile::tempdir().unwrap();
    let undisturbed = folder.path().join("undisturbed.jsonl");
    write(&undisturbed, std::io::sink());

    let path = folder.path().join("killed.jsonl");
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let (mut there, mut killed) = (0, 0);
    loop {
        // A long line is torn now and then, but not for ever.
        let moment = match killed {
            0..16 if killed % 3 == 2 => Moment::Growing,
            _ => Moment::Random,
        };
        let (finished, written) = disturb(&path, moment, &mut rng, there);
        if finished {
            break;
        }
        killed += 1;
        // Opening repairs, as the next process would.
        let found = Journal::<Scores>::open(&path, &run()).unwrap().len();
        let in_flight = found.checked_sub(written);
        assert!(matches!(in_flight, Some(0 | 1)), "{found} of {written}");
        there = found;
    }
    assert!(killed >= 10, "only {killed} kills");
    assert!(std::fs::read(&path).unwrap() == std::fs::read(&undisturbed).unwrap());
}

/// When to kill.
enum Moment {
    /// After some results, none too, and some time: it may be starting, repairing, calculating,
    /// writing or syncing.
    Random,
    /// While a long line is being written.
    Growing,
}

/// Starts a writer and kills it unless it is done before. Gives whether it was, and how many
/// results it said were written; `there` were.
fn disturb(path: &Path, moment: Moment, rng: &mut ChaCha8Rng, there: usize) -> (bool, usize) {
    let mut child = writer(path);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut written = there;
    let mut hear = |results: u32| {
        let lines = lines.by_ref().map(Result::unwrap);
        let mut numbers = lines.filter_map(|line| {
            let (_, number) = line.split_once(WRITTEN)?;
            Some(number.parse::<usize>().unwrap())
        });
        for _ in 0..results {
            let Some(number) = numbers.next() else { break };
            assert_eq!(number, written + 1, "every result once");
            written = number;
        }
    };
    match moment {
        Moment::Random => {
            hear(rng.random_range(0..6));
            sleep(Duration::from_micros(rng.random_range(0..4_000)));
        }
        Moment::Growing => await_growth(path, &mut child),
    }
    child.kill().unwrap();
    let status = child.wait().unwrap();
    hear(u32::MAX);
    (status.success(), written)
}

/// Waits until the file has grown by more than all short lines together, or the child is done.
fn await_growth(path: &Path, child: &mut Child) {
    let length = || std::fs::metadata(path).map_or(0, |about| about.len());
    let before = length();
    while length() < before + (1 << 16) && child.try_wait().unwrap().is_none() {
        std::hint::spin_loop();
    }
}

fn writer(path: &Path) -> Child {
    let test = "a_killed_process_loses_at_most_the_row_in_flight";
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([test, "--exact", "--nocapture"])
        .env(JOURNAL, path);
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}
