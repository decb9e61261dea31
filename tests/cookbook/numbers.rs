use m2ib::draw::{ColorMap, heat_picture};
use m2ib::{Attribution, Explainer, Save, emoji};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let explainer = Explainer::emoji()?;
    let image = m2ib::decode_image(emoji::SCENES[6].png, "scene6.png")?;
    let attribution = explainer.attribute(&image, "a photo of a hedgehog")?;
    attribution.save("numbers.npz", None)?; // np.load("numbers.npz")["heat_map"]
    attribution.save("numbers.json", None)?;
    let again: Attribution = serde_json::from_str(&std::fs::read_to_string("numbers.json")?)?;
    assert_eq!(again, attribution); // to the bit
    // Of the picture's own size; in grey a level is a number, for programs that read maps from pictures.
    heat_picture(&again.image, ColorMap::Gray).save("numbers.png")?;
    Ok(())
}
