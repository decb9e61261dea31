use m2ib::segment::{Segmenter, Threshold};
use m2ib::{Explainer, draw, emoji};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let explainer = Explainer::emoji()?;
    let image = m2ib::decode_image(emoji::SCENES[6].png, "scene6.png")?;
    let attribution = explainer.attribute(&image, "a photo of a hedgehog")?;

    let segmenter = Segmenter::new(Threshold::Otsu).regions(1).points(3).background(2);
    let segments = segmenter.cut(&attribution.image);
    let hedgehog = &segments.regions()[0];
    println!("{} pixels in {:?}, from {:?} on", hedgehog.area, hedgehog.xywh(), hedgehog.points[0]);
    segments.to_picture().save("mask.png")?; // white on black
    draw::overlay(&attribution, &image)
        .segments(&segments)
        .render_with_caption()?
        .save("outline.png")?;
    Ok(())
}
