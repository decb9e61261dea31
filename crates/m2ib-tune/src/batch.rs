//! Shares of a batch: brought into the model's layout, run forward, run backward.

use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};
use clip_model::{Gradients, ImageTower, Patches, TextTower, Tower, Trainable, TrainingPass};
use m2ib_core::Lanes;

use crate::prefix::{Entered, Prefix};
use crate::{Error, Example, Examples, Result};

/// Colours of a pixel.
const CHANNELS: usize = 3;

/// Examples that pass the towers together when nothing is trained.
const TOGETHER: usize = 16;

/// Embeddings of pictures and their captions, not normalised.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Embeddings {
    /// `[examples, width]`
    pub images: Vec<f32>,
    /// `[examples, width]`
    pub captions: Vec<f32>,
    /// What each example means (see [`Example::meaning`]).
    pub meanings: Vec<u64>,
    /// What else is true of each picture (see [`Example::also`]).
    pub also: Vec<Vec<u64>>,
    /// Length of a row.
    pub width: usize,
}

impl Embeddings {
    pub(crate) fn extend(&mut self, other: Self) {
        self.images.extend(other.images);
        self.captions.extend(other.captions);
        self.meanings.extend(other.meanings);
        self.also.extend(other.also);
        self.width = other.width;
    }

    /// Whether the caption of one example is true of the image of another.
    pub fn holds(&self, image: usize, caption: usize) -> bool {
        let meaning = self.meanings[caption];
        self.meanings[image] == meaning || self.also[image].contains(&meaning)
    }

    /// Whether each caption is true of each image: `[images, captions]`.
    pub fn is_true(&self) -> Vec<bool> {
        let all = 0..self.meanings.len();
        let of_image = |image| all.clone().map(move |caption| self.holds(image, caption));
        all.clone().flat_map(of_image).collect()
    }
}

/// Embeds examples, in their order.
///
/// # Errors
/// [`Error::Source`], [`Error::Example`].
pub fn embed(model: &Trainable, examples: &dyn Examples, lanes: &Lanes) -> Result<Embeddings> {
    let indices: Vec<usize> = (0..examples.count()).collect();
    let shares = indices.chunks(TOGETHER).collect();
    let found = lanes.map(shares, |indices: &[usize]| -> Result<Embeddings> {
        let share = Share::load(model, examples, None, indices)?;
        share.forward(model)?.embeddings()
    });
    let mut all = Embeddings::default();
    for share in found {
        all.extend(share?);
    }
    Ok(all)
}

/// Part of a batch.
pub(crate) enum Share<'a> {
    /// As it enters the towers.
    Whole(Vec<Example>),
    /// As it enters the trained part of them, with the number of tokens of each caption.
    Entered(&'a Prefix, Vec<Arc<Entered>>, Vec<usize>),
}

impl<'a> Share<'a> {
    /// Loads examples, and runs what is not trained.
    pub(crate) fn load(
        model: &Trainable,
        examples: &dyn Examples,
        prefix: Option<&'a Prefix>,
        indices: &[usize],
    ) -> Result<Self> {
        let load = |index: usize| -> Result<Example> {
            let example = examples.example(index);
            let example = example.map_err(|source| Error::Source { index, source })?;
            check(model, index, &example)?;
            Ok(example)
        };
        let Some(prefix) = prefix else {
            let loaded = indices.iter().map(|&index| load(index));
            return Ok(Self::Whole(loaded.collect::<Result<_>>()?));
        };
        let entered = indices.iter().map(|&index| match prefix.kept(index) {
            Some(kept) => Ok(kept),
            None => prefix.enter(model, index, &load(index)?),
        });
        let entered = entered.collect::<Result<Vec<_>>>()?;
        let width = model.text.width();
        let lengths = entered.iter().map(|x| x.text.len() / width).collect();
        Ok(Self::Entered(prefix, entered, lengths))
    }

    /// Runs both towers.
    pub(crate) fn forward(self, model: &Trainable) -> Result<Passes<'_>> {
        Ok(match self {
            Self::Whole(examples) => Passes {
                meanings: examples.iter().map(|example| example.meaning).collect(),
                also: examples
                    .iter()
                    .map(|example| example.also.clone())
                    .collect(),
                text: {
                    let captions: Vec<_> = examples.iter().map(|e| e.ids.clone()).collect();
                    model.text.training_pass(&captions)
                },
                image: model.image.training_pass(patches(model, &examples))?,
            },
            Self::Entered(prefix, entered, lengths) => {
                let (image, text) = prefix.starts;
                let images = entered.iter().map(|x| &x.image[..]);
                let captions = entered.iter().map(|x| &x.text[..]);
                let images = padded(images, model.image.width(), model);
                let captions = padded(captions, model.text.width(), model);
                Passes {
                    meanings: entered.iter().map(|x| x.meaning).collect(),
                    also: entered.iter().map(|x| x.also.clone()).collect(),
                    image: model.image.training_pass_from(image, images),
                    text: model.text.training_pass_from(text, captions, &lengths),
                }
            }
        })
    }
}

/// A share's embeddings with the way back from them.
pub(crate) struct Passes<'a> {
    image: TrainingPass<'a>,
    text: TrainingPass<'a>,
    meanings: Vec<u64>,
    also: Vec<Vec<u64>>,
}

impl Passes<'_> {
    pub(crate) fn embeddings(&self) -> Result<Embeddings> {
        Ok(Embeddings {
            images: self.image.values()?,
            captions: self.text.values()?,
            meanings: self.meanings.clone(),
            also: self.also.clone(),
            width: self.image.embedding.dims()[1],
        })
    }

    /// The weights' gradients, from those of the embeddings.
    ///
    /// # Shapes
    /// - images, captions: `[examples, width]`
    pub(crate) fn backward(self, images: &[f32], captions: &[f32]) -> Result<Gradients> {
        let mut into = Gradients::default();
        for (pass, gradient) in [(self.image, images), (self.text, captions)] {
            let data = TensorData::new(gradient.to_vec(), pass.embedding.dims());
            let gradient = Tensor::from_data(data, &pass.embedding.device());
            pass.pull_back(gradient, &mut into)?;
        }
        Ok(into)
    }
}

/// That an example is what the towers take, and finite.
fn check(model: &Trainable, index: usize, example: &Example) -> Result<()> {
    let [height, width] = model.image.image_size();
    let expected = CHANNELS * height * width;
    let unfit = |reason| Err(Error::Example { index, reason });
    if example.pixels.len() != expected {
        return unfit(format!(
            "it has {} numbers of pixels, expected {CHANNELS} × {height} × {width} = {expected}",
            example.pixels.len()
        ));
    }
    if let Some(pixel) = example.pixels.iter().find(|pixel| !pixel.is_finite()) {
        return unfit(format!("a pixel is {pixel}, expected finite numbers"));
    }
    let ids = model.text.ids(&example.ids);
    // How many there must be, too, where captions are read with their padding.
    let read = ids.and_then(|_| match model.text.reads_padding() {
        true => model.text.layout_of_ids(&example.ids).map(drop),
        false => Ok(()),
    });
    read.or_else(|error| unfit(error.to_string()))
}

/// Every patch of some images.
fn patches(model: &Trainable, examples: &[Example]) -> Patches {
    let [height, width] = model.image.image_size();
    let [side, _] = model.image.patch();
    let [rows, columns] = model.image.grid();
    let places = rows * columns;
    let mut values = Vec::with_capacity(examples.len() * places * CHANNELS * side * side);
    for example in examples {
        for place in 0..places {
            let (top, left) = (place / columns * side, place % columns * side);
            for row in (0..CHANNELS).flat_map(|c| (0..side).map(move |y| (c, y))) {
                let (channel, y) = row;
                let start = (channel * height + top + y) * width + left;
                values.extend_from_slice(&example.pixels[start..start + side]);
            }
        }
    }
    Patches {
        values,
        places: (0..examples.len()).flat_map(|_| 0..places).collect(),
        images: examples.len(),
    }
}

/// Latents of a batch, with zeros behind the shorter ones.
///
/// # Shapes
/// - rows: `[tokens, width]` each
/// - output: `[batch, most tokens, width]`
fn padded<'a>(
    rows: impl ExactSizeIterator<Item = &'a [f32]> + Clone,
    width: usize,
    model: &Trainable,
) -> Tensor<3> {
    let batch = rows.len();
    let longest = rows.clone().map(<[f32]>::len).max().unwrap_or(0);
    let mut values = Vec::with_capacity(batch * longest);
    for (place, row) in rows.enumerate() {
        values.extend_from_slice(row);
        values.resize((place + 1) * longest, 0.0);
    }
    let data = TensorData::new(values, [batch, longest / width, width]);
    Tensor::from_data(data, &model.device())
}
