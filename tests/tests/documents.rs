//! What the documents link to and show is there, and the guide has all of its pages.

#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap()
}

/// Every Markdown file of the repository's root, the guide, the crates and what lies beside them.
fn documents() -> BTreeMap<PathBuf, String> {
    let root = repository();
    let mut folders = vec![
        root.clone(),
        root.join("docs"),
        root.join("fuzz"),
        root.join("tests/data"),
    ];
    folders.extend(
        root.join("crates")
            .read_dir()
            .unwrap()
            .map(|entry| entry.unwrap().path()),
    );
    let mut found = BTreeMap::new();
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        for entry in folder.read_dir().unwrap() {
            let file = entry.unwrap().path();
            if file.extension().is_some_and(|ending| ending == "md") {
                let text = std::fs::read_to_string(&file).unwrap();
                found.insert(file, text);
            }
        }
    }
    found
}

/// A document without its blocks and spans of code.
fn prose(text: &str) -> String {
    let blocks = text.split("```").step_by(2);
    let spans = blocks.map(|block| block.split('`').step_by(2).collect::<String>());
    spans.collect()
}

/// Where `](…)` leads, pictures among them.
fn links(text: &str) -> Vec<String> {
    let ends = text.split("](").skip(1);
    ends.filter_map(|rest| rest.split(')').next().map(str::to_owned))
        .collect()
}

/// The names of headings, as GitHub and mdBook make them.
fn anchors(text: &str) -> Vec<String> {
    let outside = text.split("```").step_by(2);
    let lines = outside
        .flat_map(str::lines)
        .filter(|line| line.starts_with('#'));
    let name = |line: &str| {
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let kept = heading
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    lines.map(name).collect()
}

/// What is wrong with a document's links, a line each.
fn broken(file: &Path, text: &str, all: &BTreeMap<PathBuf, String>) -> Vec<String> {
    let mut wrong = Vec::new();
    for link in links(&prose(text)) {
        if link.starts_with("https://") || link.starts_with("http://") {
            continue;
        }
        let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
        let target = match path {
            "" => Ok(file.to_owned()),
            path => file.parent().unwrap().join(path).canonicalize(),
        };
        let Ok(target) = target else {
            wrong.push(format!("{}: no file {path}", file.display()));
            continue;
        };
        let there = || {
            all.get(&target)
                .is_some_and(|text| anchors(text).iter().any(|name| name == anchor))
        };
        if !anchor.is_empty() && !there() {
            wrong.push(format!("{}: no heading {link}", file.display()));
        }
    }
    wrong
}

#[test]
fn links_and_pictures_are_there() {
    let all = documents();
    assert!(all.len() > 25, "{}", all.len());
    let wrong: Vec<String> = all
        .iter()
        .flat_map(|(file, text)| broken(file, text, &all))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let file = repository().join("docs/made-up.md");
    let text = "# Made up\n[a](start.md) [b](no.md) [c](start.md#install) [d](#made-up) ![e](start.md#nowhere) `[f](g)`";
    let all = BTreeMap::from([
        (file.clone(), text.to_owned()),
        (
            file.with_file_name("start.md"),
            "# Start\n## Install\n".to_owned(),
        ),
    ]);
    let wrong = broken(&file, text, &all);
    assert_eq!(wrong.len(), 2, "{wrong:?}");
    assert!(
        wrong[0].ends_with("no file no.md") && wrong[1].ends_with("no heading start.md#nowhere")
    );
}

#[test]
fn the_guide_has_every_page_once() {
    let docs = repository().join("docs");
    let summary = std::fs::read_to_string(docs.join("SUMMARY.md")).unwrap();
    let mut listed = links(&summary);
    listed.sort();
    let files = docs
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut pages: Vec<String> = files
        .filter(|name| name.ends_with(".md") && name != "SUMMARY.md")
        .collect();
    pages.sort();
    assert_eq!(listed, pages);
}

/// Rust in a document is compiled and run, by the library of these tests or by a test of its own.
#[test]
fn rust_in_the_documents_is_tested() {
    let root = repository();
    let tested = std::fs::read_to_string(root.join("tests/src/lib.rs")).unwrap();
    for (file, text) in documents() {
        let path = file
            .strip_prefix(&root)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let inside = file.with_file_name("src/lib.rs");
        let by_its_crate = std::fs::read_to_string(inside)
            .is_ok_and(|lib| lib.contains("include_str!(\"../README.md\")"));
        let by_a_test = path == "docs/cookbook.md"
            || tested.contains(&format!("include_str!(\"../../{path}\")"));
        assert!(
            !text.contains("```rust") || by_its_crate || by_a_test,
            "nothing compiles the Rust in {path}"
        );
    }
}
