//! A method of one's own, found by name beside the others and drawn like them.
//!
//! ```sh
//! cargo run --release -p m2ib-methods --example own_method
//! ```
//!
//! `m2ib_eval::comparison` takes the same registry, and holds the method against all others.

#![allow(clippy::print_stdout)]

use std::sync::Arc;

use m2ib::{Backend, Calibration, DualEncoder, draw, emoji};
use m2ib_methods::{Fill, Method, MethodFactory, Registry, Result, Settings, Subject};
use ndarray::Array2;

/// How far a patch's colour is from grey, and what the caption loses without a token.
#[derive(Debug, Clone, Copy)]
struct Colourful {
    power: f64,
}

impl MethodFactory for Colourful {
    fn name(&self) -> &str {
        "colourful"
    }

    fn description(&self) -> &str {
        "How far a patch is from grey"
    }

    fn configure(&self, settings: &mut Settings) -> Arc<dyn MethodFactory> {
        let power = settings.value("power", "a number above 0", |&x| x > 0.0, self.power, 1.0);
        Arc::new(Self { power })
    }

    fn fits(&self, _: &DualEncoder, _: Option<&Calibration>) -> Result<()> {
        Ok(()) // Any model will do.
    }

    fn make(&self, _: &DualEncoder, _: Option<&Calibration>) -> Result<Box<dyn Method>> {
        Ok(Box::new(*self))
    }
}

impl Method for Colourful {
    fn factory(&self) -> &dyn MethodFactory {
        self
    }

    fn patches(&self, subject: &Subject<'_>) -> Result<Array2<f32>> {
        let ([down, across], [height, width]) = (subject.patch(), subject.input_size());
        let value = |channel: usize, y: usize, x: usize| {
            subject.pixels().values[(channel * height + y) * width + x]
        };
        let colour = |y, x| {
            let [red, green, blue] = [0, 1, 2].map(|channel| value(channel, y, x));
            red.max(green).max(blue) - red.min(green).min(blue)
        };
        Ok(Array2::from_shape_fn(subject.grid(), |(row, column)| {
            let pixels = (0..down * across)
                .map(|at| (row * down + at / across, column * across + at % across));
            let mean = pixels.map(|(y, x)| colour(y, x)).sum::<f32>() / (down * across) as f32;
            mean.powf(self.power as f32)
        }))
    }

    fn tokens(&self, subject: &Subject<'_>) -> Result<Vec<f32>> {
        let count = subject.caption().tokens.len();
        let without = (0..count).map(|masked| (0..count).map(|token| token != masked).collect());
        let kept: Vec<Vec<bool>> = without.collect();
        let scores = subject.score_tokens(kept.iter().map(|kept| &kept[..]), Fill::Mean)?;
        Ok(scores
            .iter()
            .map(|score| subject.similarity() - score)
            .collect())
    }
}

fn main() -> anyhow::Result<()> {
    let mut registry = Registry::standard();
    registry.add(Colourful { power: 1.0 })?;

    let model = emoji::pretrained(&Backend::preferred()?.device()?)?;
    let image = m2ib::decode_image(emoji::SCENES[6].png, "scene6.png")?;
    let subject = Subject::new(&model, &image, "a photo of a hedgehog")?;
    let method = registry.parse("colourful:power=2")?.build(&model, None)?;
    let attribution = method.attribute(&subject)?;
    draw::overlay(&attribution, &image)
        .render_with_caption()?
        .save("colourful.png")?;
    // The caption's similarity, its top words, the hottest patch, and what is to be known.
    println!("colourful.png: {attribution}");
    Ok(())
}
