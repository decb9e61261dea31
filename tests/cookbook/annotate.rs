use m2ib::segment::{Coco, SamPrompts, Segmenter};
use m2ib::{Explainer, draw, emoji};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let explainer = Explainer::emoji()?;
    let segmenter = Segmenter::default().regions(1).points(5).background(5);
    let (mut coco, mut prompts, mut drawn) = (Coco::new(), Vec::new(), Vec::new());
    for scene in &emoji::SCENES[..4] {
        let (file, caption) = (format!("{}.png", scene.name), scene.objects[0].caption);
        let image = m2ib::decode_image(scene.png, &file)?;
        let attribution = explainer.attribute(&image, caption)?;
        let segments = segmenter.cut(&attribution.image);
        coco.add(&file, caption, &segments);
        prompts.push(SamPrompts::of(&file, caption, &segments));
        let picture = draw::overlay(&attribution, &image).opacity(0.2).segments(&segments);
        drawn.push((scene.objects[0].name, picture.render()?));
    }
    std::fs::write("scenes.coco.json", serde_json::to_vec_pretty(&coco)?)?; // pycocotools reads it
    std::fs::write("scenes.sam.json", serde_json::to_vec_pretty(&prompts)?)?; // SAM's predictor takes them
    draw::sheet(&drawn, 4).save("annotate.png")?;
    Ok(())
}
