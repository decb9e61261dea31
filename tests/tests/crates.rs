//! Which crate may know of which, as cargo itself sees them.

#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use rstest::rstest;

/// What a crate is built on, directly or not.
fn built_on(name: &str) -> BTreeSet<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
    let output = Command::new(cargo)
        .args(["tree", "--package", name, "--edges", "normal"])
        .args(["--prefix", "none", "--format", "{lib}"])
        .args(["--offline", "--locked"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    // What is listed a second time is marked.
    let names = text
        .lines()
        .map(|line| line.trim_end_matches(" (*)").to_owned());
    names
        .filter(|line| line != &name.replace('-', "_"))
        .collect()
}

#[rstest]
#[case("clip-input")]
#[case("m2ib-attribution")]
#[case("m2ib-data")]
#[case("m2ib-draw")]
#[case("m2ib-files")]
#[case("m2ib-metrics")]
#[case("m2ib-scenes")]
#[case("m2ib-segment")]
#[case("m2ib-settings")]
fn plain_data_is_had_without_tensors(#[case] name: &str) {
    let found = built_on(name);
    assert!(!found.is_empty());
    let tensors = ["burn", "clip_model", "m2ib_core", "m2ib"];
    for with_tensors in tensors {
        assert!(!found.contains(with_tensors), "{name}: {with_tensors}");
    }
}

#[test]
fn method_and_model_do_not_know_each_other() {
    let (method, model) = (built_on("m2ib-core"), built_on("clip-model"));
    assert!(method.contains("burn") && model.contains("burn"));
    assert!(!method.contains("clip_model") && !method.contains("clip_input"));
    // What knows bytes alone is everybody's, and so is what knows burn alone.
    let everybodys = ["m2ib_files", "m2ib_cpu", "m2ib_wgpu"];
    let mut known = model
        .iter()
        .filter(|name| !everybodys.contains(&name.as_str()));
    assert!(!known.any(|name| name.starts_with("m2ib")));
}
