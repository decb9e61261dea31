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

/// Pairs that are in memory at once.
const CHUNK: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [table, out] = &arguments[..] else {
        return Err("expected PAIRS.TSV OUT".into());
    };
    std::fs::create_dir_all(out)?;
    let explainer = Explainer::emoji()?; // or Explainer::from_folder("path/to/clip-vit-base-patch32")?
    let text = std::fs::read_to_string(table)?;
    let rows: Vec<(&str, &str)> = text
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .collect();

    for (chunk, rows) in rows.chunks(CHUNK).enumerate() {
        let mut pictures = Vec::new();
        let mut texts = Vec::new();
        for (path, caption) in rows {
            pictures.push(open_image(path)?);
            texts.push(explainer.encode_text(caption)?);
        }
        let images = explainer
            .encode_images(&pictures)
            .into_iter()
            .collect::<Result<Vec<_>, _>>()?;
        let pairs: Vec<_> = images.iter().zip(&texts).collect();
        for (place, found) in explainer.attribute_many(&pairs).into_iter().enumerate() {
            match found {
                Ok(attribution) => {
                    let name = format!("{:06}.png", chunk * CHUNK + place);
                    attribution.save(Path::new(out).join(name), &pictures[place])?;
                }
                Err(error) => eprintln!("{}: {error}", rows[place].0),
            }
        }
    }
    Ok(())
}
