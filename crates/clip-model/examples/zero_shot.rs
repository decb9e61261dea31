//! Which caption fits a picture? By `clip-model` and a backend alone, without attribution:
//!
//! ```sh
//! cargo run --release -p clip-model --example zero_shot -- MODEL_FOLDER IMAGE CAPTION CAPTION…
//! ```

#![allow(clippy::print_stdout)]

use std::error::Error;

use burn::tensor::Tensor;
use clip_input::open_image;
use clip_model::DualEncoder;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, picture, captions @ ..] = &arguments[..] else {
        return Err("expected MODEL_FOLDER IMAGE CAPTION…".into());
    };
    let model = DualEncoder::load(folder, &m2ib_cpu::flex())?;

    let pixels = model.processor().process(&open_image(picture)?);
    let image = unit(model.embed_pixels(model.pixels(&pixels)?)?)?;
    let mut logits = Vec::new();
    for caption in captions {
        let text = unit(model.embed_caption(&model.tokenizer().encode(caption)?)?)?;
        let cosine: f32 = image.iter().zip(&text).map(|(a, b)| a * b).sum();
        logits.push(model.scale() * cosine + model.bias().unwrap_or(0.0));
    }

    // A softmax over the captions given.
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|logit| (logit - largest).exp()).sum();
    for (caption, logit) in captions.iter().zip(&logits) {
        println!("{:6.2} %  {caption}", 100.0 * (logit - largest).exp() / sum);
    }
    Ok(())
}

/// An embedding of length 1, from `[1, embedding]`.
fn unit(embedding: Tensor<2>) -> Result<Vec<f32>, Box<dyn Error>> {
    let values = embedding.into_data().try_into_vec_as::<f32>();
    let values = values.map_err(|error| format!("{error:?}"))?;
    let length = values.iter().map(|x| x * x).sum::<f32>().sqrt();
    Ok(values.iter().map(|x| x / length).collect())
}
