//! Prints the embeddings of an image and a caption as JSON, to hold against another implementation:
//!
//! ```sh
//! cargo run --release -p m2ib --example embeddings -- MODEL_FOLDER IMAGE CAPTION
//! ```

use anyhow::bail;
use m2ib::Explainer;

#[allow(clippy::print_stdout)]
fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, image, caption] = &arguments[..] else {
        bail!("expected MODEL_FOLDER IMAGE CAPTION");
    };
    let explainer = Explainer::from_folder(folder)?;
    let image = explainer.encode_image(&m2ib::open_image(image)?)?;
    let text = explainer.encode_text(caption)?;
    let similarity = explainer.similarity(&image, &text)?;
    let [image, text] =
        [image.embedding, text.embedding].map(|embedding| embedding.try_into_vec_as::<f32>());
    let found = serde_json::json!({
        "image": image?,
        "text": text?,
        "similarity": similarity,
    });
    println!("{found}");
    Ok(())
}
