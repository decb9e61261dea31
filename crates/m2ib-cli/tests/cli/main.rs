//! The program as its user meets it: arguments in; files, text and exit status out.

#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

mod asked;
#[cfg(unix)]
mod documents;
mod evaluate;
mod explain;
mod many;
mod masks;
mod methods;
mod others;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

fn scene(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../m2ib-emoji/scenes")
        .join(name)
}

fn m2ib(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_m2ib"))
        .args(arguments)
        .env_remove("M2IB_LOG")
        .output()
        .expect("the program starts")
}

fn stdout(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Standard error of a run that must fail, with one line that says why and no panic.
fn failure(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "it should have failed: {stderr}");
    assert!(
        stderr.contains("error") && !stderr.contains("panicked"),
        "{stderr}"
    );
    stderr
}

fn path(path: &Path) -> &str {
    path.to_str().expect("paths of tests are UTF-8")
}

/// The one result with an ending; the rest of its name holds a digest.
fn result(out: &Path, ending: &str) -> PathBuf {
    let start = "scene0-a-photo-of-a-piano-";
    let files = out.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let mut found = files.filter(|file| {
        let name = file.file_name().unwrap().to_str().unwrap();
        let rest = name
            .strip_prefix(start)
            .and_then(|rest| rest.strip_suffix(ending));
        rest.is_some_and(|digits| {
            digits
                .strip_suffix('.')
                .is_some_and(|digits| !digits.contains('.'))
        })
    });
    let first = found.next().unwrap_or_else(|| panic!("no {ending}"));
    assert!(found.next().is_none(), "several results end in {ending}");
    first
}

/// `m2ib explain` on the first scene into a new folder.
fn explain(extra: &[&str]) -> (TempDir, PathBuf, Output) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("results/today");
    let image = scene("scene0.png");
    let mut arguments = vec![
        "explain",
        "--image",
        path(&image),
        "--text",
        "a photo of a piano",
        "--out",
        path(&out),
    ];
    arguments.extend(extra);
    let output = m2ib(&arguments);
    (folder, out, output)
}
