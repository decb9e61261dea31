//! What the build says of a libtorch that is not there, or is another.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../build/libtorch.rs"]
mod libtorch;

use std::fs;

use libtorch::{VERSION, check};

/// A folder that states a version in `file`.
fn folder(file: &str, text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("lib")).unwrap();
    fs::write(folder.path().join(file), text).unwrap();
    folder
}

#[test]
fn the_right_one_is_taken_from_an_archive_a_wheel_or_a_distribution() {
    for (file, text) in [
        ("build-version", "2.9.0+cpu\n"),
        (
            "version.py",
            "from typing import Optional\n__version__ = '2.9.0+cu128'\n",
        ),
        ("README", "no version at all"),
    ] {
        let folder = folder(file, text);
        assert_eq!(check(Some(folder.path().as_os_str())), Ok(()), "{file}");
    }
}

#[test]
fn what_is_missing_or_another_version_is_named_with_the_way_out() {
    let empty = tempfile::tempdir().unwrap();
    let old = folder("build-version", "2.4.1+cpu\n");
    for (folder, found) in [
        (None, "LIBTORCH is not set"),
        (Some(empty.path()), "no lib folder"),
        (Some(old.path()), "2.4.1"),
    ] {
        let error = check(folder.map(|folder| folder.as_os_str())).unwrap_err();
        let told = [found, VERSION, "scripts/libtorch.sh"];
        assert!(told.iter().all(|word| error.contains(word)), "{error}");
    }
}
