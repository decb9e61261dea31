use m2ib::{Ask, Explainer, Save, emoji, unwatched};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let explainer = Explainer::emoji()?;
    let picture = m2ib::decode_image(emoji::SCENES[7].png, "scene7.png")?;
    let image = explainer.encode_image(&picture)?;
    let text = explainer.encode_text("a scooter and a shopping cart")?;
    let eight = Ask { seeds: Some(8), ..Ask::default() };
    let mean = explainer.ask(&image, &text, &eight, &mut unwatched)?;

    let spread = mean.asked.spread.as_ref().ok_or("there was one seed")?;
    println!("{:.0} % of the hottest tenth is shared by two seeds", 100.0 * spread.image.hottest);
    for (word, (deviation, strongest)) in
        mean.text.words().iter().zip(spread.text.words.iter().zip(&spread.text.strongest))
    {
        let share = 100.0 * strongest;
        println!("{:>10} {:>6.2} ± {deviation:.2}, strongest by {share:.0} %", word.text, word.saliency);
    }
    mean.save("sure.png", &picture)?;
    Ok(())
}
