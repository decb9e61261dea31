use m2ib::draw::{Mean, Panel, means};
use m2ib::{Backend, emoji};
use m2ib_eval::comparison::{Rescored, covered};
use m2ib_methods::{Registry, Subject};
use m2ib_metrics::{CurveSettings, image_deletion, image_insertion};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model = emoji::pretrained(&Backend::preferred()?.device()?)?;
    let image = m2ib::decode_image(emoji::SCENES[6].png, "scene6.png")?;
    let subject = Subject::new(&model, &image, "a photo of a hedgehog")?;
    let (scorer, pixels) = (Rescored(&subject), covered(&subject));
    let names = ["m2ib-fine", "occlusion", "random"];
    let (mut deletion, mut insertion) = (Vec::new(), Vec::new());
    for name in names {
        let method = Registry::standard().parse(name)?.build(&model, None)?;
        let map = method.attribute(&subject)?.image.saliency().clone();
        let settings = CurveSettings::default();
        // What similarity is left while the hottest goes first, and what is reached while it comes first.
        deletion.push(image_deletion(&scorer, &pixels, &map, &settings)?.area());
        insertion.push(image_insertion(&scorer, &pixels, &map, &settings)?.area());
    }
    assert!(deletion[0] < deletion[2] && insertion[0] > insertion[2]);
    let panel = |title: &str, areas: &[f64]| Panel {
        title: title.into(),
        means: areas.iter().map(|&mean| Some(Mean { mean, ends: None, best: false })).collect(),
    };
    let panels = [panel("deletion ↓", &deletion), panel("insertion ↑", &insertion)];
    std::fs::write("faithful.svg", means(&names, &panels)?)?;
    Ok(())
}
