use std::fs;
use std::path::PathBuf;

use rstest::rstest;
use serde_json::json;
use tempfile::TempDir;

use super::*;

/// A folder that lives as long as the test, and a file in it.
fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    (folder, path)
}

fn run() -> serde_json::Value {
    json!({"seed": 7, "image": {"beta": 0.1f32, "layer": "block 9"}})
}

/// What an undisturbed run writes: six entries, one of them a failure.
fn work() -> Vec<(String, &'static str, Outcome<Vec<f64>>)> {
    let entry = |(number, setting)| {
        let outcome = match number {
            2 => Outcome::Failure("no such file, \"a\"\nor no image".into()),
            _ => Outcome::Result(vec![0.1 * f64::from(number), 1e-300, -0.0]),
        };
        (format!("pärs.tsv:{number}"), setting, outcome)
    };
    let numbers = (1..=3).flat_map(|number| [(number, "matched"), (number, "released")]);
    numbers.map(entry).collect()
}

/// Does what is left to do.
fn resume(path: &Path) -> JournalResult<usize> {
    let mut journal = Journal::open(path, &run())?;
    let before = journal.len();
    for (row, setting, outcome) in work() {
        if !journal.contains(&row, setting) {
            journal.append(&row, setting, outcome)?;
        }
    }
    Ok(before)
}

#[test]
fn what_was_appended_is_there_to_the_bit() {
    let (_folder, path) = place();
    assert_eq!(resume(&path).unwrap(), 0);
    assert_eq!(resume(&path).unwrap(), 6);
    let journal = Journal::open(&path, &run()).unwrap();
    let entries = journal.entries().map(Result::unwrap);
    for (entry, (row, setting, outcome)) in entries.zip(work()) {
        assert_eq!((&entry.row, entry.setting.as_str()), (&row, setting));
        assert_eq!(entry.outcome, outcome);
        let known = journal.get(&row, setting).unwrap();
        let expected = match outcome {
            Outcome::Result(result) => (vec![result], None),
            Outcome::Failure(reason) => (vec![], Some(reason)),
        };
        assert_eq!((known.results, known.failure), expected);
    }
    assert!(!journal.contains("pärs.tsv:1", "another"));
    assert!(!journal.contains("pärs.tsv:4", "matched"));
}

#[test]
fn cut_off_at_any_byte_it_loses_one_row_and_ends_the_same() {
    let (_folder, path) = place();
    resume(&path).unwrap();
    let whole = fs::read(&path).unwrap();
    for length in 0..=whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let lines = whole[..length]
            .iter()
            .filter(|&&byte| byte == b'\n')
            .count();
        assert_eq!(
            resume(&path).unwrap(),
            lines.saturating_sub(1),
            "{length} bytes"
        );
        assert_eq!(fs::read(&path).unwrap(), whole, "{length} bytes");
    }
}

#[test]
fn a_tail_of_zeros_is_torn_too() {
    let (_folder, path) = place();
    resume(&path).unwrap();
    let whole = fs::read(&path).unwrap();
    // What some file systems show after the power failed: the length came before the content.
    fs::write(&path, [&whole[..], &[0; 300]].concat()).unwrap();
    assert_eq!(resume(&path).unwrap(), 6);
    assert_eq!(fs::read(&path).unwrap(), whole);
}

/// A line with its checksum.
fn line(entry: &str) -> String {
    let sum = m2ib_files::digest([entry]);
    format!("{{\"sum\":\"{sum}\",\"entry\":{entry}}}")
}

#[rstest]
#[case(line("{\"row\": \"a\", \"setting\""), "EOF")]
#[case(String::new(), "not of the form")]
#[case("{\"row\": \"a\", \"setting\": \"b\"}".into(), "not of the form")]
#[case(
    line("{\"row\": \"a\", \"setting\": \"b\", \"outcome\": {\"result\": [null]}}"),
    "null"
)]
#[case(
    line("{\"row\": \"a\", \"setting\": \"b\", \"outcome\": {\"skipped\": 1}}"),
    "skipped"
)]
#[case(line("{}").replace("{}}", "{ }}"), "checksum")]
fn a_damaged_line_in_the_middle_is_named_and_left(#[case] line: String, #[case] reason: &str) {
    let (_folder, path) = place();
    resume(&path).unwrap();
    let mut text = fs::read_to_string(&path).unwrap();
    let third = text.match_indices('\n').nth(1).unwrap().0 + 1;
    text.insert_str(third, &format!("{line}\n"));
    fs::write(&path, &text).unwrap();
    let error = resume(&path).unwrap_err();
    assert!(
        matches!(error, JournalError::Corrupt { line: 3, .. }),
        "{error}"
    );
    let message = error.to_string();
    assert!(
        message.contains("line 3") && message.contains("run.jsonl"),
        "{message}"
    );
    assert!(message.contains(reason), "{message}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn no_changed_byte_of_an_entry_is_believed() {
    let (_folder, path) = place();
    resume(&path).unwrap();
    let whole = fs::read(&path).unwrap();
    let first = whole.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    for place in first..whole.len() - 1 {
        let mut changed = whole.clone();
        // From a digit to the next, among others.
        changed[place] ^= 1;
        fs::write(&path, &changed).unwrap();
        let error = resume(&path).unwrap_err();
        assert!(matches!(error, JournalError::Corrupt { .. }), "{place}");
    }
}

#[test]
fn a_changed_header_is_not_believed() {
    let (_folder, path) = place();
    resume(&path).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"seed\":7", "\"seed\":8", 1)).unwrap();
    let error = resume(&path).unwrap_err();
    assert!(matches!(error, JournalError::NotAJournal { .. }), "{error}");
}

#[test]
fn results_add_up() {
    let (_folder, path) = place();
    let mut journal = Journal::open(&path, &run()).unwrap();
    for number in [1, 2] {
        journal.append("a", "b", Outcome::Result(number)).unwrap();
    }
    let again = Outcome::Failure("the third".into());
    journal.append("a", "b", again).unwrap();
    drop(journal);
    let journal = Journal::<i32>::open(&path, &run()).unwrap();
    let known = journal.get("a", "b").unwrap();
    assert_eq!(known.results, [1, 2]);
    assert_eq!(known.failure.as_deref(), Some("the third"));
}

#[test]
fn a_journal_of_the_first_format_is_refused_with_what_to_do() {
    let (_folder, path) = place();
    let old = "{\"m2ib_journal\":1,\"fingerprint\":\"0\",\"run\":{}}\n{\"row\":\"a\"}\n";
    fs::write(&path, old).unwrap();
    let error = resume(&path).unwrap_err().to_string();
    for part in ["run.jsonl", "format 1", "writes 2", "another file"] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), old);
}

#[test]
fn room_is_looked_for_and_given_back() {
    let (_folder, path) = place();
    let mut journal = Journal::<i32>::open(&path, &run()).unwrap();
    let before = fs::read(&path).unwrap();
    journal.check_room().unwrap();
    assert_eq!(fs::read(&path).unwrap(), before);
    journal.append("a", "b", Outcome::Result(1)).unwrap();
}

#[test]
fn a_failure_may_be_tried_again() {
    let (_folder, path) = place();
    let mut journal = Journal::open(&path, &run()).unwrap();
    for outcome in [
        Outcome::Failure("once".into()),
        Outcome::Failure("again".into()),
    ] {
        journal.append("a", "b", outcome).unwrap();
    }
    journal.append("a", "b", Outcome::Result(1)).unwrap();
    drop(journal);
    let journal = Journal::<i32>::open(&path, &run()).unwrap();
    let known = journal.get("a", "b").unwrap();
    assert_eq!((known.results, known.failure), (vec![1], None));
}

#[test]
fn what_would_not_read_back_is_not_written() {
    let (_folder, path) = place();
    let mut journal = Journal::open(&path, &run()).unwrap();
    let before = fs::read(&path).unwrap();
    let error = journal
        .append("a", "b", Outcome::Result(f64::NAN))
        .unwrap_err();
    assert!(matches!(error, JournalError::Unwritable { .. }), "{error}");
    assert!(error.to_string().contains("\"a\" under \"b\""), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
    journal.append("a", "b", Outcome::Result(0.5)).unwrap();
}

#[test]
fn a_number_that_would_read_back_as_none_is_not_written() {
    let (_folder, path) = place();
    let mut journal = Journal::open(&path, &run()).unwrap();
    for number in [f64::NAN, f64::INFINITY] {
        let outcome = Outcome::Result(Some(number));
        let error = journal.append("a", "b", outcome).unwrap_err();
        assert!(matches!(error, JournalError::Unwritable { .. }), "{error}");
    }
    for number in [None, Some(0.1)] {
        journal.append("a", "b", Outcome::Result(number)).unwrap();
    }
}

#[test]
fn a_journal_of_another_run_is_refused_with_what_differs() {
    let (_folder, path) = place();
    resume(&path).unwrap();
    let before = fs::read(&path).unwrap();
    let other = json!({"seed": 8, "image": {"beta": 0.1f32, "layer": "block 8"}, "new": true});
    let error = Journal::<f64>::open(&path, &other).unwrap_err().to_string();
    for difference in [
        "seed is 7 there and 8 here",
        "image.layer is \"block 9\" there and \"block 8\" here",
        "new is null there and true here",
    ] {
        assert!(error.contains(difference), "{error}");
    }
    assert!(!error.contains("beta"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[rstest]
#[case("my notes, not a journal")]
#[case("a list\nof lines\n")]
#[case("{\"m2ib_journal\": 2, \"fingerprint\": \"\", \"run\": 0}\n")]
fn another_file_is_left_as_it_is(#[case] content: &str) {
    let (_folder, path) = place();
    fs::write(&path, content).unwrap();
    let error = resume(&path).unwrap_err();
    assert!(matches!(error, JournalError::NotAJournal { .. }), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), content);
}

#[test]
fn only_one_writes_at_a_time() {
    let (_folder, path) = place();
    let journal = Journal::<f64>::open(&path, &run()).unwrap();
    let error = Journal::<f64>::open(&path, &run()).unwrap_err();
    assert!(matches!(error, JournalError::Locked { .. }), "{error}");
    drop(journal);
    Journal::<f64>::open(&path, &run()).unwrap();
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let error = Journal::<f64>::open("/nowhere/run.jsonl", &run()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("cannot open the journal /nowhere/run.jsonl")
    );
}
