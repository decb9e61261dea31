//! Scenes from numbers.

use image::RgbImage;
use ndarray::Array2;
use rand::seq::SliceRandom;
use rand::{Rng, RngExt};

use crate::background::Backgrounds;
use crate::layout::place;
use crate::scene::{BoundingBox, Object, Scene};
use crate::sprites::{Layer, Sprite};
use crate::streams::{Purpose, Split, Streams};
use crate::{Error, MAX_OBJECTS, Placement, Result, SIZE, classes};

/// Shares of scenes with at most one and at most two objects; the rest has three.
const AT_MOST: [f32; 2] = [0.25, 0.70];
/// The least share of an object that must be in sight, else the scene is laid out anew. The rule of
/// distances alone left 88 % or more in 20,000 scenes; this makes sure of it.
const IN_SIGHT: f32 = 0.6;
/// Alpha above which a pixel belongs to an object.
const OPAQUE: f32 = 0.5;

/// Makes scenes; holds the sprites, 19 MB. Threads can share it.
#[derive(Debug)]
pub struct Generator {
    sprites: Vec<Sprite>,
    backgrounds: Backgrounds,
}

/// What is drawn, the first at the back.
struct Composition {
    layers: Vec<(Placement, Layer)>,
    masks: Vec<Array2<bool>>,
}

impl Generator {
    /// Decodes the sprites.
    pub fn new() -> Self {
        Self {
            sprites: classes().iter().map(Sprite::load).collect(),
            backgrounds: Backgrounds::new(),
        }
    }

    /// Scene `number` of a split: one, two or three objects with probabilities .25, .45, .30.
    ///
    /// The first objects of scenes `n·221` to `n·221 + 220` are of all 221 classes, each once.
    pub fn scene(&self, split: Split, number: u64) -> Scene {
        self.make(split, number, None, None)
    }

    /// As [`scene`](Self::scene) with this many objects, from another stream.
    ///
    /// # Errors
    /// [`Error::ObjectCount`] unless `objects` is 1, 2 or 3.
    pub fn scene_with(&self, split: Split, number: u64, objects: usize) -> Result<Scene> {
        if !(1..=MAX_OBJECTS).contains(&objects) {
            return Err(Error::ObjectCount { found: objects });
        }
        Ok(self.make(split, number, Some(objects as u8), None))
    }

    /// A scene of objects of these classes, in their order, whatever its number would show.
    ///
    /// # Errors
    /// [`Error::ObjectCount`] unless there are 1, 2 or 3, [`Error::Classes`] for one that is twice
    /// there or is no class.
    pub fn scene_of(&self, split: Split, number: u64, shown: &[usize]) -> Result<Scene> {
        let objects = shown.len();
        if !(1..=MAX_OBJECTS).contains(&objects) {
            return Err(Error::ObjectCount { found: objects });
        }
        let twice = |place: usize| shown[..place].contains(&shown[place]);
        let known = |place: usize| shown[place] < self.sprites.len();
        if (0..objects).any(|place| twice(place) || !known(place)) {
            return Err(Error::Classes {
                found: shown.to_vec(),
                classes: self.sprites.len(),
            });
        }
        Ok(self.make(split, number, Some(objects as u8), Some(shown)))
    }

    fn make(
        &self,
        split: Split,
        number: u64,
        objects: Option<u8>,
        shown: Option<&[usize]>,
    ) -> Scene {
        let streams = Streams {
            split,
            number,
            objects,
        };
        let mut rng = streams.rng(Purpose::Picture);
        let draw: f32 = rng.random();
        let drawn = 1 + AT_MOST.iter().filter(|&&share| draw >= share).count();
        let count = objects.map_or(drawn, usize::from);
        let classes = match shown {
            Some(shown) => shown.to_vec(),
            None => self.choose(&streams, count, &mut rng),
        };
        let mut canvas = self.backgrounds.draw(&mut rng);

        // Objects lie on each other in random order, and are listed first class first.
        let mut order: Vec<usize> = (0..count).collect();
        order.shuffle(&mut rng);
        let stack: Vec<usize> = order.iter().map(|&i| classes[i]).collect();
        let composition = self.compose(&stack, &mut rng);
        for (_, layer) in &composition.layers {
            paint(&mut canvas, layer);
        }

        let parts = composition.layers.into_iter().zip(composition.masks);
        let mut objects: Vec<_> = order.into_iter().zip(parts).collect();
        objects.sort_by_key(|&(i, _)| i);
        let objects = objects
            .into_iter()
            .map(|(i, ((placement, _), mask))| Object {
                class: classes[i],
                bounding_box: BoundingBox::of(&mask).expect("every object is in sight"),
                mask,
                placement,
            });
        Scene {
            image: to_image(&canvas),
            objects: objects.collect(),
            streams,
        }
    }

    /// Distinct classes.
    fn choose(&self, streams: &Streams, count: usize, rng: &mut impl Rng) -> Vec<usize> {
        let all = self.sprites.len() as u32;
        let mut chosen = vec![streams.first_class(all)];
        while chosen.len() < count {
            let class = rng.random_range(0..all) as usize;
            if !chosen.contains(&class) {
                chosen.push(class);
            }
        }
        chosen
    }

    /// Lays out and draws objects of these classes, the first at the back, until enough of each
    /// is in sight.
    fn compose(&self, stack: &[usize], rng: &mut impl Rng) -> Composition {
        loop {
            let places = place(stack.len(), rng).into_iter().zip(stack);
            let layers: Vec<_> = places
                .map(|(place, &class)| (place, self.sprites[class].draw(&place)))
                .collect();
            let mut masks: Vec<Array2<bool>> = Vec::with_capacity(stack.len());
            let mut areas = Vec::with_capacity(stack.len());
            for (_, layer) in &layers {
                let mut mask = Array2::from_elem((SIZE, SIZE), false);
                let mut area = 0;
                for (at, [.., alpha]) in layer.iter() {
                    if alpha > OPAQUE {
                        area += 1;
                        mask[at] = true;
                        masks.iter_mut().for_each(|below| below[at] = false);
                    }
                }
                masks.push(mask);
                areas.push(area);
            }
            let in_sight = |(mask, &area): (&Array2<bool>, &usize)| {
                let seen = mask.iter().filter(|&&on| on).count();
                seen > 0 && seen as f32 >= IN_SIGHT * area as f32
            };
            if masks.iter().zip(&areas).all(in_sight) {
                return Composition { layers, masks };
            }
        }
    }
}

impl Default for Generator {
    fn default() -> Self {
        Self::new()
    }
}

fn paint(canvas: &mut [[f32; 3]], layer: &Layer) {
    for ((row, column), [r, g, b, alpha]) in layer.iter() {
        let under = &mut canvas[row * SIZE + column];
        for (value, over) in under.iter_mut().zip([r, g, b]) {
            *value = *value * (1.0 - alpha) + over;
        }
    }
}

/// Rounded to bytes; the cast saturates where a bright object goes beyond 1.
fn to_image(canvas: &[[f32; 3]]) -> RgbImage {
    let bytes = canvas
        .as_flattened()
        .iter()
        .map(|value| (value * 255.0 + 0.5) as u8);
    RgbImage::from_raw(SIZE as u32, SIZE as u32, bytes.collect()).expect("as many as pixels")
}

#[cfg(test)]
mod tests;
