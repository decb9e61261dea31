//! One share of a step's batch: made from the step's number, run forward, run backward.

use std::ops::Range;

use burn::tensor::{Tensor, TensorData};
use clip_model::{Gradients, Patches, Trainable, TrainingPass};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::augmentation::{Augmentation, choose};
use crate::settings::SCENES_OF_A_SEED;
use crate::{Named, Result, Schedule, Settings, Source};

/// Parts into which a share's captions are put by length, so that little is padded.
const LENGTHS: usize = 3;

/// Images and captions of a share, preprocessed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Share {
    pub(crate) patches: Patches,
    /// What is on each image.
    pub(crate) objects: Vec<Vec<usize>>,
    /// Two of each image, in the images' order.
    pub(crate) captions: Vec<Named>,
}

/// The model's input as far as a share needs to know it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grid {
    pub(crate) image: usize,
    pub(crate) patch: usize,
}

impl Grid {
    pub(crate) fn patches(self) -> usize {
        (self.image / self.patch).pow(2)
    }
}

impl Share {
    /// Examples of a step (counted from 1) at these places of its batch. Depends on seed, step and
    /// places alone.
    pub(crate) fn make(
        source: &impl Source,
        settings: &Settings,
        grid: Grid,
        step: u64,
        places: Range<usize>,
    ) -> Result<Self> {
        let kept = Schedule(settings).kept(step, grid.patches());
        let start = (settings.seed << SCENES_OF_A_SEED) + (step - 1) * settings.batch as u64;
        let numbers = start + places.start as u64..start + places.end as u64;
        let mut share = Self {
            patches: Patches {
                values: Vec::with_capacity(places.len() * kept * grid.patch.pow(2) * 3),
                places: Vec::with_capacity(places.len() * kept),
                images: 0,
            },
            objects: Vec::with_capacity(places.len()),
            captions: Vec::with_capacity(2 * places.len()),
        };
        for (number, example) in numbers.clone().zip(source.examples(numbers)?) {
            let mut rng = ChaCha8Rng::from_seed(*b"augmentation of training scenes ");
            rng.set_stream(number);
            let change = Augmentation::draw(&mut rng);
            let places = choose(grid.patches(), kept, &mut rng);
            change.add_patches(&example.image, grid.patch, &places, &mut share.patches);
            share.objects.push(example.objects);
            share.captions.extend(example.captions);
        }
        Ok(share)
    }

    /// Runs both towers.
    pub(crate) fn forward<'a>(&mut self, model: &'a Trainable) -> Result<Passes<'a>> {
        let patches = std::mem::take(&mut self.patches.values);
        let image = model.image.training_pass(Patches {
            values: patches,
            ..self.patches.clone()
        })?;
        let mut order: Vec<usize> = (0..self.captions.len()).collect();
        order.sort_by_key(|&caption| self.captions[caption].ids.len());
        let texts = order.chunks(order.len().div_ceil(LENGTHS)).map(|chosen| {
            let captions: Vec<_> = chosen
                .iter()
                .map(|&caption| self.captions[caption].ids.clone())
                .collect();
            (chosen.to_vec(), model.text.training_pass(&captions))
        });
        Ok(Passes {
            texts: texts.collect(),
            image,
        })
    }
}

/// A share's embeddings with the way back from them.
pub(crate) struct Passes<'a> {
    image: TrainingPass<'a>,
    /// With the captions each is of.
    texts: Vec<(Vec<usize>, TrainingPass<'a>)>,
}

impl Passes<'_> {
    /// Numbers of an embedding.
    pub(crate) fn width(&self) -> usize {
        self.image.embedding.dims()[1]
    }

    /// `[images, width]`
    pub(crate) fn images(&self) -> Result<Vec<f32>> {
        Ok(self.image.values()?)
    }

    /// `[captions, width]`, in the captions' order.
    pub(crate) fn captions(&self) -> Result<Vec<f32>> {
        let count: usize = self.texts.iter().map(|(chosen, _)| chosen.len()).sum();
        let mut all = Vec::new();
        for (chosen, pass) in &self.texts {
            let [_, width] = pass.embedding.dims();
            all.resize(count * width, 0.0);
            let found = pass.values()?;
            for (&caption, found) in chosen.iter().zip(found.chunks_exact(width)) {
                all[caption * width..(caption + 1) * width].copy_from_slice(found);
            }
        }
        Ok(all)
    }

    /// The weights' gradients, from those of the embeddings.
    ///
    /// # Shapes
    /// - images: `[images, width]`, captions: `[captions, width]`
    pub(crate) fn backward(self, images: &[f32], captions: &[f32]) -> Result<Gradients> {
        let mut into = Gradients::default();
        let like = self.image.embedding.clone();
        let width = like.dims()[1];
        let matrix = |values: Vec<f32>| {
            let shape = [values.len() / width, width];
            Tensor::<2>::from_data(TensorData::new(values, shape), &like.device())
        };
        self.image.pull_back(matrix(images.to_vec()), &mut into)?;
        for (chosen, pass) in self.texts {
            let rows = chosen.iter();
            let rows = rows.flat_map(|&row| &captions[row * width..(row + 1) * width]);
            pass.pull_back(matrix(rows.copied().collect()), &mut into)?;
        }
        Ok(into)
    }
}
