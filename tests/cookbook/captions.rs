use m2ib::{Explainer, draw, emoji};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let explainer = Explainer::emoji()?;
    let picture = m2ib::decode_image(emoji::SCENES[5].png, "scene5.png")?;
    // Encoded once, however many captions there are.
    let image = explainer.encode_image(&picture)?;
    let mut drawn = Vec::new();
    for caption in ["a photo of a piano", "a photo of a tractor"] {
        let attribution = explainer.attribute_encoded(&image, &explainer.encode_text(caption)?)?;
        drawn.push((caption, draw::overlay(&attribution, &picture).render()?));
    }
    draw::sheet(&drawn, 2).save("captions.png")?;
    Ok(())
}
