use m2ib::segment::{Segmenter, Threshold};
use m2ib::{Explainer, draw, emoji};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let explainer = Explainer::emoji()?;
    let image = m2ib::decode_image(emoji::SCENES[0].png, "scene0.png")?;
    let attribution = explainer.attribute(&image, "a photo of a piano")?;
    let rules = [Threshold::Fixed(0.2), Threshold::Fixed(0.5), Threshold::Otsu, Threshold::Mass(0.5)];
    let mut drawn = Vec::new();
    for rule in rules {
        let segments = Segmenter::new(rule).points(0).cut(&attribution.image);
        let picture = draw::overlay(&attribution, &image).segments(&segments);
        drawn.push((rule.to_string(), picture.render()?));
    }
    draw::sheet(&drawn, 4).save("threshold.png")?;
    Ok(())
}
