//! Many pictures with their captions, some at a time, one picture of each explanation written:
//!
//! ```sh
//! cargo run --release -p m2ib --example batch -- pairs.tsv OUT   # a line a pair: picture, tab, caption
//! ```
//!
//! For data sets of thousands of pairs there is `m2ib run`, which goes on where it was stopped.

#![allow(clippy::print_stderr)]

use std::error::Error;
use std::path::Path;

use m2ib::{Explainer, Save, open_image};

/// Results that are in memory at once.
const CHUNK: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [table, out] = &arguments[..] else {
        return Err("expected PAIRS.TSV OUT".into());
    };
    std::fs::create_dir_all(out)?;
    // Or a folder, or an id on the hub.
    let explainer = Explainer::builder("emoji").build()?;
    let text = std::fs::read_to_string(table)?;
    let lines = text.lines().filter_map(|line| line.split_once('\t'));
    let pairs: Vec<(&str, &str)> = lines.collect();

    for (chunk, pairs) in pairs.chunks(CHUNK).enumerate() {
        // All threads of a CPU, batches on a GPU; a pair that fails costs no other its result.
        let results = explainer.attribute_paths(pairs);
        for (place, ((picture, _), found)) in pairs.iter().zip(results).enumerate() {
            match found {
                Ok(attribution) => {
                    let name = format!("{:06}.png", chunk * CHUNK + place);
                    attribution.save(Path::new(out).join(name), &open_image(picture)?)?;
                }
                Err(error) => eprintln!("{picture}: {error}"),
            }
        }
    }
    Ok(())
}
