use m2ib::{Explainer, Save, emoji};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let explainer = Explainer::emoji()?;
    let picture = m2ib::decode_image(emoji::SCENES[0].png, "scene0.png")?;
    let image = explainer.encode_image(&picture)?;
    let text = explainer.encode_text("a piano and a money bag")?;
    let links = explainer.word_maps(&image, &text)?;

    for (word, sum) in links.words.iter().zip(links.text_sums()) {
        println!("{:>6} adds {sum:.3} to the cosine", word.text);
    }
    let mut attribution = explainer.attribute_encoded(&image, &text)?;
    attribution.asked.interactions = Some(links); // the picture and the page show a map for each word
    attribution.save("links.png", &picture)?;
    Ok(())
}
