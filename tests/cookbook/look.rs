use m2ib::{Explainer, Save, emoji};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let explainer = Explainer::emoji()?; // or Explainer::from_folder("path/to/clip-vit-base-patch32")?
    let image = m2ib::decode_image(emoji::SCENES[6].png, "scene6.png")?; // or m2ib::open_image("dog.jpg")?
    let attribution = explainer.attribute(&image, "a photo of a hedgehog")?;
    attribution.save("look.png", &image)?; // or .html, .json, .npy, .npz
    Ok(())
}
