//! A question of one's own: what speaks for both of two captions? The bottleneck holds up any number of an
//! embedding that has a gradient, in place of the cosine with a caption.
//!
//! ```sh
//! cargo run --release -p m2ib --example own_fit
//! ```

#![allow(clippy::print_stdout)]

use std::sync::Arc;

use burn::tensor::Tensor;
use m2ib::m2ib_core::{Cosine, Fit, Result as FitResult};
use m2ib::{Explainer, Fits, emoji};

/// The mean of the cosines with two embeddings.
#[derive(Debug)]
struct Both(Cosine, Cosine);

impl Fit for Both {
    fn value(&self, embedding: Tensor<2>) -> FitResult<Tensor<1>> {
        Ok((self.0.value(embedding.clone())? + self.1.value(embedding)?) * 0.5)
    }

    fn describe(&self) -> String {
        "the mean of the cosines with two captions".into()
    }

    fn is_in_cosines(&self) -> bool {
        true
    }
}

fn main() -> anyhow::Result<()> {
    let explainer = Explainer::emoji()?;
    let scene = &emoji::SCENES[6];
    let image = explainer.encode_image(&m2ib::decode_image(scene.png, scene.name)?)?;
    let [this, that] = scene
        .objects
        .map(|object| explainer.encode_text(object.caption));
    let (this, that) = (this?, that?);

    // The caption's own side stays the cosine with the image.
    let cosine = |embedding: &Tensor<2>| Cosine::new(embedding.clone());
    let fits = Fits {
        image: Arc::new(Both(cosine(&this.embedding), cosine(&that.embedding))),
        text: Arc::new(cosine(&image.embedding)),
    };
    let attribution = explainer.attribute_with(&image, &this, &fits, &mut m2ib::unwatched)?;
    println!("{:.2}", attribution.image.saliency());
    Ok(())
}
