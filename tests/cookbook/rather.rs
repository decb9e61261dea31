use m2ib::{Explainer, Save, emoji};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let explainer = Explainer::emoji()?;
    let image = m2ib::decode_image(emoji::SCENES[3].png, "scene3.png")?;
    let found = explainer.attribute_against(&image, "a photo of a monkey", &["a photo of a raccoon"])?;

    let contrast = found.asked.contrast.as_ref().ok_or("nothing was held against it")?;
    println!("it fits better by {:.3}", contrast.difference);
    println!("the word for it: {}", found.text.top_words(1)[0].text);
    // Above 0 what speaks for the monkey, below 0 what speaks for the raccoon: [rows, columns].
    let map = contrast.signed(&found.image);
    assert!(map.iter().any(|&patch| patch > 0.1) && map.iter().any(|&patch| patch < -0.1));
    found.save("rather.png", &image)?;
    Ok(())
}
