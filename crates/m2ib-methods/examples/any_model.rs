//! A model that is not of this project, explained by its embeddings alone: anything that makes a vector of a
//! picture and one of a caption will do, be it run by candle, by ONNX Runtime or by a service.
//!
//! ```sh
//! cargo run --release -p m2ib-methods --example any_model
//! ```

use std::error::Error;

use m2ib::draw::ColorMap;
use m2ib::image::RgbImage;
use m2ib::{Explainer, Unit, draw, emoji};
use m2ib_methods::{Rise, Scored, cosines};

fn main() -> Result<(), Box<dyn Error>> {
    // The model: put yours here. All that is used of it are these two functions.
    let explainer = Explainer::emoji()?;
    let embed_image = |image: &RgbImage| -> m2ib::Result<Vec<f32>> {
        let image = m2ib::image::DynamicImage::ImageRgb8(image.clone());
        explainer.encode_image(&image)?.embedding_values()
    };
    let embed_text = |text: &str| -> Result<Vec<f32>, Box<dyn Error>> {
        let values = explainer
            .encode_text(text)?
            .embedding
            .try_into_vec_as::<f32>();
        values.map_err(|error| format!("{error:?}").into())
    };

    // Of the size that the model sees, so that no pixel is masked in vain.
    let picture = m2ib::decode_image(emoji::SCENES[6].png, "scene6.png")?.to_rgb8();
    let caption = embed_text("a photo of a hedgehog")?;
    let mut scored = Scored::new(picture, 12, cosines(embed_image, caption))?;
    let masks = Rise {
        masks: 500,
        ..Rise::default()
    };
    let map = scored.rise(&masks)?;

    // With it come masks, boxes, points and everything else that a map is good for.
    let map = scored.attribution(map, Unit::Arbitrary);
    draw::heat_picture(&map, ColorMap::Turbo).save("any_model.png")?;
    Ok(())
}
