//! Whether a folder holds the libtorch that burn is written against.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

/// What burn-tch 0.22.1 takes, by way of tch 0.22.
pub(crate) const VERSION: &str = "2.9.0";

/// # Errors
/// What was found instead, and how to get what is needed.
pub(crate) fn check(folder: Option<&OsStr>) -> Result<(), String> {
    problem(folder).map_or(Ok(()), |problem| {
        Err(format!(
            "the feature \"tch\" needs libtorch {VERSION}: {problem}. scripts/libtorch.sh FOLDER \
             fetches it and says what to set"
        ))
    })
}

fn problem(folder: Option<&OsStr>) -> Option<String> {
    let Some(folder) = folder.map(Path::new) else {
        return Some("LIBTORCH is not set".into());
    };
    let shown = folder.display();
    if !folder.join("lib").is_dir() {
        return Some(format!("LIBTORCH is {shown}, which has no lib folder"));
    }
    // libtorch's archives state it in build-version, the Python wheel in version.py. Some
    // distributions state it nowhere; the compiler will tell.
    let archive = fs::read_to_string(folder.join("build-version"));
    let stated = archive.or_else(|_| fs::read_to_string(folder.join("version.py")));
    let stated = stated.ok()?;
    let line = stated
        .lines()
        .find(|line| line.contains(char::is_numeric))?;
    (!line.contains(VERSION)).then(|| format!("{shown} holds {}", line.trim()))
}
