use m2ib::draw::{Mean, Panel, means};
use m2ib::{Explainer, emoji};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let explainer = Explainer::emoji()?;
    let image = m2ib::decode_image(emoji::SCENES[6].png, "scene6.png")?;
    let image = explainer.encode_image(&image)?;
    let captions = ["a photo of a hedgehog", "a photo of a maple leaf", "a photo of a raccoon", "a photo of a piano"];
    let mut fits = Vec::new();
    for caption in captions {
        fits.push((caption, explainer.similarity(&image, &explainer.encode_text(caption)?)?));
    }
    fits.sort_by(|a, b| b.1.total_cmp(&a.1));
    // And among captions of everything that the model knows:
    if let (Some(rank), _) = explainer.rank(&image, &explainer.encode_text(fits[0].0)?)? {
        println!("{} is number {} of {}", fits[0].0, rank.place(), rank.of());
    }
    let names: Vec<&str> = fits.iter().map(|(caption, _)| *caption).collect();
    let bars = fits.iter().enumerate().map(|(place, (_, fit))| {
        Some(Mean { mean: f64::from(*fit), ends: None, best: place == 0 })
    });
    let panel = Panel { title: "cosine similarity".into(), means: bars.collect() };
    std::fs::write("rank.svg", means(&names, &[panel])?)?;
    Ok(())
}
