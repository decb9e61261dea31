//! Emoji scenes as examples.

use std::ops::Range;

use clip_input::CaptionTokenizer;
use m2ib_scenes::{Generator, Split};

use crate::{Example, Named, Result, Source};

/// The generator's training split, tokenised.
#[derive(Debug)]
pub struct SceneSource {
    generator: Generator,
    tokenizer: CaptionTokenizer,
}

impl SceneSource {
    /// With a model's tokenizer.
    pub fn new(tokenizer: CaptionTokenizer) -> Self {
        Self {
            generator: Generator::new(),
            tokenizer,
        }
    }

    fn example(&self, number: u64) -> Result<Example> {
        let scene = self.generator.scene(Split::Train, number);
        let [first, second] = scene.training_captions();
        let tokenize = |caption: m2ib_scenes::Caption| -> Result<Named> {
            Ok(Named {
                ids: self.tokenizer.encode(&caption.text)?.ids(),
                classes: caption.classes,
            })
        };
        Ok(Example {
            captions: [tokenize(first)?, tokenize(second)?],
            objects: scene.objects.iter().map(|object| object.class).collect(),
            image: scene.image,
        })
    }
}

impl Source for SceneSource {
    fn examples(&self, numbers: Range<u64>) -> Result<Vec<Example>> {
        numbers.map(|number| self.example(number)).collect()
    }
}
