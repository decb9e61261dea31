//! Which caption fits a picture? By `clip-model` alone, without attribution:
//!
//! ```sh
//! cargo run --release -p clip-model --example zero_shot -- MODEL_FOLDER IMAGE CAPTION CAPTION…
//! ```

#![allow(clippy::print_stdout)]

use anyhow::bail;
use clip_input::open_image;
use clip_model::DualEncoder;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, picture, captions @ ..] = &arguments[..] else {
        bail!("expected MODEL_FOLDER IMAGE CAPTION…");
    };
    let model = DualEncoder::load(folder, &clip_model::cpu())?;
    let found = &model.zero_shot(&[open_image(picture)?], captions)?[0];
    let numbers = found.probabilities.iter().zip(&found.similarities);
    for (caption, (probability, cosine)) in captions.iter().zip(numbers) {
        println!(
            "{:6.2} %  cosine {cosine:.3}  {caption}",
            100.0 * probability
        );
    }
    Ok(())
}
