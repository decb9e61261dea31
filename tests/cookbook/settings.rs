use m2ib::{Explainer, Modality, Overrides, Preset, draw, emoji};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let image = m2ib::decode_image(emoji::SCENES[6].png, "scene6.png")?;
    let mut drawn = Vec::new();
    for (name, preset, beta) in [
        ("fine", Preset::Fine, None),
        ("fine, β 10", Preset::Fine, Some(10.0.into())),
        ("fast", Preset::Fast, None),
        ("matched", Preset::Matched, None),
    ] {
        let changed = Overrides { beta, ..Overrides::default() };
        let explainer = Explainer::builder("emoji")
            .preset(preset)
            .overrides(Modality::Image, changed)
            .build()?;
        let attribution = explainer.attribute(&image, "a photo of a hedgehog")?;
        drawn.push((name, draw::overlay(&attribution, &image).render()?));
    }
    draw::sheet(&drawn, 4).save("settings.png")?;
    Ok(())
}
