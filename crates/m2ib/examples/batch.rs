//! Many pictures with their captions, some at a time, one picture of each explanation written:
//!
//! ```sh
//! cargo run --release -p m2ib --example batch -- PAIRS.tsv OUT
//! ```
//!
//! The table has a pair a line, as `m2ib run` takes it: the caption, a tab, and the picture's path as seen from
//! the table's folder. For data sets of thousands of pairs there is that command, which goes on where it was
//! stopped.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use m2ib::{Explainer, Save, open_image};

/// Results that are in memory at once.
const CHUNK: usize = 64;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [table, out] = &arguments[..] else {
        bail!(
            "expected PAIRS.tsv OUT: a table of captions, tabs and pictures, and a folder to write to"
        );
    };
    let (table, out) = (Path::new(table), Path::new(out));
    let text = std::fs::read_to_string(table);
    let text = text.with_context(|| format!("cannot read {}", table.display()))?;
    let folder = table.parent().unwrap_or(Path::new(""));
    let mut pairs: Vec<(PathBuf, &str)> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        match line.split_once('\t') {
            Some((caption, picture)) => pairs.push((folder.join(picture), caption)),
            None => eprintln!("line {number}: expected a caption, a tab and a picture"),
        }
    }
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    // Or a folder, or an id on the hub.
    let explainer = Explainer::builder("emoji").build()?;

    let mut written = 0;
    for (chunk, pairs) in pairs.chunks(CHUNK).enumerate() {
        // All threads of a CPU, batches on a GPU; a pair that fails costs no other its result.
        let results = explainer.attribute_paths(pairs);
        for (place, ((picture, _), found)) in pairs.iter().zip(results).enumerate() {
            match found {
                Ok(attribution) => {
                    let name = format!("{:06}.png", chunk * CHUNK + place);
                    attribution.save(out.join(name), &open_image(picture)?)?;
                    written += 1;
                }
                Err(error) => eprintln!("{}: {error}", picture.display()),
            }
        }
    }
    let lines = text.lines().count();
    ensure!(
        written > 0,
        "{}: none of {lines} lines could be explained",
        table.display()
    );
    println!("{written} of {lines} lines explained, in {}", out.display());
    Ok(())
}
