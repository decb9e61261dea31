use m2ib::draw::Overview;
use m2ib::{Explainer, emoji};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let explainer = Explainer::emoji()?;
    let scenes = &emoji::SCENES[..4];
    let decoded = scenes.iter().map(|scene| m2ib::decode_image(scene.png, scene.name));
    let pictures = decoded.collect::<Result<Vec<_>, _>>()?;
    let images = explainer.encode_images(&pictures).into_iter().collect::<Result<Vec<_>, _>>()?;
    let captions = scenes.iter().map(|scene| explainer.encode_text(scene.objects[0].caption));
    let texts = captions.collect::<Result<Vec<_>, _>>()?;
    let pairs: Vec<_> = images.iter().zip(&texts).collect();
    // All threads of a CPU, batches on a GPU; a pair that fails costs no other its result.
    let mut page = Overview::new();
    for (place, attribution) in explainer.attribute_many(&pairs).into_iter().enumerate() {
        page.add(scenes[place].name, &attribution?, &pictures[place])?;
    }
    std::fs::write("many.html", page.to_html())?;
    Ok(())
}
