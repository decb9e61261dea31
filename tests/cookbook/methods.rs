use m2ib::{Backend, draw, emoji};
use m2ib_methods::{Registry, Subject};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model = emoji::pretrained(&Backend::preferred()?.device()?)?;
    let image = m2ib::decode_image(emoji::SCENES[6].png, "scene6.png")?;
    let subject = Subject::new(&model, &image, "a photo of a hedgehog")?;
    let mut drawn = Vec::new();
    for name in ["m2ib-fine", "grad-eclip", "chefer", "occlusion:window=2"] {
        let method = Registry::standard().parse(name)?.build(&model, None)?;
        let attribution = method.attribute(&subject)?;
        drawn.push((name, draw::overlay(&attribution, &image).render()?));
    }
    draw::sheet(&drawn, 4).save("methods.png")?;
    Ok(())
}
