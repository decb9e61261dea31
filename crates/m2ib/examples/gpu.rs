//! On a device that is chosen by its name; what is not compiled in or not there says so.
//!
//! ```sh
//! cargo run --release -p m2ib --features wgpu,autotune,fusion --example gpu -- wgpu
//! ```

#![allow(clippy::print_stdout)]

use std::time::Instant;

use m2ib::{Backend, DeviceChoice, Explainer, emoji};

fn main() -> anyhow::Result<()> {
    for backend in Backend::compiled() {
        for device in backend.devices() {
            println!("found {}: {}", device.choice, device.name);
        }
    }
    let name = std::env::args().nth(1).unwrap_or("cpu".into());
    let choice: DeviceChoice = name.parse()?;
    // Or a folder, or an id on the hub.
    let explainer = Explainer::builder("emoji")
        .device(choice.device()?)
        .build()?;

    let scenes = &emoji::SCENES;
    let decoded = scenes
        .iter()
        .map(|scene| m2ib::decode_image(scene.png, scene.name));
    let pictures = decoded.collect::<Result<Vec<_>, _>>()?;
    let images = explainer
        .encode_images(&pictures)
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    let texts = scenes
        .iter()
        .map(|scene| explainer.encode_text(scene.objects[0].caption));
    let texts = texts.collect::<Result<Vec<_>, _>>()?;
    let pairs: Vec<_> = images.iter().zip(&texts).collect();
    // A device other than the CPU has them in batches. Its first batch compiles what it runs.
    for round in ["first", "second"] {
        let start = Instant::now();
        let failed = explainer
            .attribute_many(&pairs)
            .into_iter()
            .filter(Result::is_err);
        println!(
            "{choice}, {round} time: {} pairs, {} failed, {:.1?}",
            pairs.len(),
            failed.count(),
            start.elapsed()
        );
    }
    Ok(())
}
