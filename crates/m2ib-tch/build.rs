//! Says what is missing before a page of linker errors does.

use std::path::Path;
use std::{env, fs};

/// What burn-tch 0.22.1 is written against, by way of tch 0.22.
const VERSION: &str = "2.9.0";

fn main() {
    for name in [
        "LIBTORCH",
        "LIBTORCH_USE_PYTORCH",
        "LIBTORCH_BYPASS_VERSION_CHECK",
    ] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    let asked_for = env::var_os("CARGO_FEATURE_TCH").is_some();
    let left_to_others = ["LIBTORCH_USE_PYTORCH", "LIBTORCH_BYPASS_VERSION_CHECK"]
        .iter()
        .any(|name| env::var_os(name).is_some());
    if !asked_for || left_to_others {
        return;
    }
    if let Err(reason) = check() {
        println!(
            "cargo::error=the feature \"tch\" needs libtorch {VERSION}: {reason}. \
             scripts/libtorch.sh FOLDER fetches it and says what to set"
        );
    }
}

fn check() -> Result<(), String> {
    let folder = env::var("LIBTORCH").map_err(|_| "LIBTORCH is not set".to_owned())?;
    let folder = Path::new(&folder);
    if !folder.join("lib").is_dir() {
        return Err(format!(
            "LIBTORCH is {}, which has no lib folder",
            folder.display()
        ));
    }
    // libtorch's archives state it in build-version, the Python wheel in version.py.
    let archive = fs::read_to_string(folder.join("build-version"));
    let found = archive.or_else(|_| fs::read_to_string(folder.join("version.py")));
    let Ok(found) = found else {
        // Some distributions state it nowhere; the compiler will tell.
        return Ok(());
    };
    let line = found.lines().find(|line| line.contains(char::is_numeric));
    match line {
        Some(line) if line.contains(VERSION) => Ok(()),
        Some(line) => Err(format!("{} holds {}", folder.display(), line.trim())),
        None => Ok(()),
    }
}
