//! A model that is not of this project, explained by its embeddings alone: anything that makes a vector of a
//! picture and one of a caption will do, be it run by candle, by ONNX Runtime or by a service.
//!
//! ```sh
//! cargo run --release -p m2ib-methods --example any_model
//! ```
//!
//! So that it runs as it is, the embedded model plays the foreign one, in the two functions that are marked.

#![allow(clippy::print_stdout)]

use anyhow::Result;
use m2ib::draw::ColorMap;
use m2ib::image::{DynamicImage, RgbImage};
use m2ib::{Explainer, Unit, draw, emoji};
use m2ib_methods::{Rise, Scored, cosines};

/// Pixels along a side of a patch: the map has a number for each square of that size. The model's own patches
/// are a good choice, since it sees the picture by them: this one's have 12 pixels, a ViT-B/32's 32.
const PATCH: usize = 12;

fn main() -> Result<()> {
    // YOUR MODEL STANDS HERE. Load it, and put its calls into the two functions; any error type will do.
    //
    // A picture goes in as the model was trained. Where a file says how, this project can do it:
    //
    //     use m2ib::clip_input::ImageProcessor;
    //     let json = std::fs::read("preprocessor_config.json")?;
    //     let processor = ImageProcessor::from_json(&json, "preprocessor_config.json")?;
    //     …
    //     let pixels = processor.process(&DynamicImage::from(image.clone())).values; // [3, height, width]
    //
    // ONNX Runtime (ort 2.0), with a `session` of an image tower that was exported with its projection:
    //
    //     let pixels = TensorRef::from_array_view(([1_usize, 3, 224, 224], &pixels[..]))?;
    //     let outputs = session.run(ort::inputs!["pixel_values" => pixels])?;
    //     Ok(outputs["image_embeds"].try_extract_tensor::<f32>()?.1.to_vec())
    //
    // candle, with a `model` of candle_transformers::models::clip::ClipModel:
    //
    //     let pixels = Tensor::from_vec(pixels, (1, 3, 224, 224), &device)?;
    //     model.get_image_features(&pixels)?.flatten_all()?.to_vec1::<f32>()
    //
    // Captions go the same way, by their tokens' ids: "input_ids" to "text_embeds", `get_text_features`.
    let explainer = Explainer::emoji()?;
    let embed_image = |image: &RgbImage| -> m2ib::Result<Vec<f32>> {
        let image = DynamicImage::from(image.clone());
        explainer.encode_image(&image)?.embedding_values()
    };
    let embed_text = |text: &str| -> Result<Vec<f32>> {
        let text = explainer.encode_text(text)?;
        Ok(text.embedding.try_into_vec_as::<f32>()?)
    };

    // Of the size that the model sees, so that no pixel is masked in vain.
    let picture = m2ib::decode_image(emoji::SCENES[6].png, "scene6.png")?.to_rgb8();
    let caption = embed_text("a photo of a hedgehog")?;
    // The cosine needs no embeddings of length 1.
    let mut scored = Scored::new(picture, PATCH, cosines(embed_image, caption))?;
    let masks = Rise {
        masks: 500,
        ..Rise::default()
    };
    let map = scored.rise(&masks)?;

    // With it come masks, boxes, points and everything else that a map is good for.
    let map = scored.attribution(map, Unit::Arbitrary);
    draw::heat_picture(&map, ColorMap::Turbo).save("any_model.png")?;
    println!("any_model.png: {map}");
    Ok(())
}
