use m2ib::{Explainer, Save, emoji};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let explainer = Explainer::emoji()?;
    let image = m2ib::decode_image(emoji::SCENES[6].png, "scene6.png")?;
    // The picture shows no piano.
    let attribution = explainer.attribute(&image, "a photo of a hedgehog next to a piano")?;
    for word in attribution.text.top_words(3) {
        println!("{:>8.3} {}  {}", word.saliency, attribution.text.unit, word.text);
    }
    assert_eq!(attribution.text.top_words(1)[0].text, "hedgehog");
    attribution.save("words.png", &image)?;
    Ok(())
}
