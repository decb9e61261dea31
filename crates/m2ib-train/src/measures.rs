//! What a model is worth: naming single objects, and matching pictures with captions.

use std::collections::BTreeMap;

use burn::tensor::Tensor;
use clip_input::{Caption, Layout};
use clip_model::DualEncoder;
use image::{DynamicImage, RgbImage};
use m2ib_core::Lanes;
use m2ib_scenes::{Generator, Split, classes};
use serde::{Deserialize, Serialize};

use crate::Result;

/// Scenes of one object: each class twice.
const SINGLE: u64 = 442;
/// Scenes among which captions are told apart.
const GROUP: usize = 32;
/// Such groups.
const GROUPS: usize = 16;
/// Images that pass the tower together.
const TOGETHER: usize = 16;

/// Shares of right answers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// The named class of a scene with one object is the likeliest of all ("a photo of a piano").
    pub top_1: f64,
    /// It is among the likeliest five.
    pub top_5: f64,
    /// A scene's caption is the likeliest of its group's 32.
    pub image_to_text: f64,
    /// A caption's scene is the likeliest of its group's 32.
    pub text_to_image: f64,
}

/// The scenes and captions that models are measured with.
///
/// For matching, scenes of two and three objects in turn form groups of 32. A scene's caption
/// names, of its objects, the first that is in no other scene of the group, so each caption is
/// true of one scene alone and there is one right answer both ways. The few scenes without such
/// an object are left out of their group. Chance is 1 in 32, or 3 %.
#[derive(Debug)]
pub struct Examination {
    single: Vec<(RgbImage, usize)>,
    /// Groups of scenes, each with the class its caption names.
    groups: Vec<Vec<(RgbImage, usize)>>,
}

impl Examination {
    /// Makes the scenes of a split.
    ///
    /// # Errors
    /// None in practice: the numbers of objects are possible.
    pub fn new(split: Split) -> Result<Self> {
        let generator = Generator::new();
        let single = (0..SINGLE).map(|number| {
            let scene = generator.scene_with(split, number, 1)?;
            Ok((scene.image, scene.objects[0].class))
        });
        let groups = (0..GROUPS).map(|group| {
            let scenes = (0..GROUP).map(|place| {
                let number = (group * GROUP + place) as u64;
                let scene = generator.scene_with(split, number, 2 + place % 2)?;
                let objects = scene.objects.iter().map(|object| object.class);
                Ok((scene.image, objects.collect::<Vec<usize>>()))
            });
            Ok(with_captions(scenes.collect::<Result<_>>()?))
        });
        Ok(Self {
            single: single.collect::<Result<_>>()?,
            groups: groups.collect::<Result<_>>()?,
        })
    }

    /// Measures a model.
    ///
    /// # Errors
    /// If the model's input is not what its preprocessing gives.
    pub fn measure(&self, model: &DualEncoder, lanes: &Lanes) -> Result<Measures> {
        let names = embed_names(model)?;
        let images: Vec<&RgbImage> = self.single.iter().map(|(image, _)| image).collect();
        let images = embed_images(model, &images, lanes)?;
        let ranks = images.iter().zip(&self.single).map(|(image, (_, class))| {
            let own = dot(image, &names[*class]);
            names.iter().filter(|name| dot(image, name) > own).count()
        });
        let ranks: Vec<usize> = ranks.collect();
        let (mut to_text, mut to_image, mut all) = (0, 0, 0);
        for group in &self.groups {
            let images: Vec<&RgbImage> = group.iter().map(|(image, _)| image).collect();
            let images = embed_images(model, &images, lanes)?;
            let captions: Vec<&Vec<f32>> = group.iter().map(|(_, class)| &names[*class]).collect();
            for (place, (image, caption)) in images.iter().zip(&captions).enumerate() {
                let likeliest = |count: usize, score: &dyn Fn(usize) -> f32| {
                    (0..count).max_by(|&a, &b| score(a).total_cmp(&score(b))) == Some(place)
                };
                to_text += usize::from(likeliest(captions.len(), &|j| dot(image, captions[j])));
                to_image += usize::from(likeliest(images.len(), &|i| dot(&images[i], caption)));
                all += 1;
            }
        }
        let share = |count: usize, of: usize| count as f64 / of as f64;
        let within = |best: usize| ranks.iter().filter(|&&rank| rank < best).count();
        Ok(Measures {
            top_1: share(within(1), ranks.len()),
            top_5: share(within(5), ranks.len()),
            image_to_text: share(to_text, all),
            text_to_image: share(to_image, all),
        })
    }
}

/// Pairs the scenes of a group with an object that no other scene has.
fn with_captions(scenes: Vec<(RgbImage, Vec<usize>)>) -> Vec<(RgbImage, usize)> {
    let mut seen: BTreeMap<usize, usize> = BTreeMap::new();
    for class in scenes.iter().flat_map(|(_, objects)| objects) {
        *seen.entry(*class).or_default() += 1;
    }
    let named = scenes.into_iter().filter_map(|(image, objects)| {
        let own = objects.into_iter().find(|class| seen[class] == 1)?;
        Some((image, own))
    });
    named.collect()
}

/// Unit embeddings of "a photo of a piano", of every class.
fn embed_names(model: &DualEncoder) -> Result<Vec<Vec<f32>>> {
    let captions = classes().iter().map(|class| {
        let text = format!("a photo of {}", class.phrase());
        Ok(model.tokenizer().encode(&text)?)
    });
    let captions: Vec<Caption> = captions.collect::<Result<_>>()?;
    let tower = model.text();
    // Those of one layout go through the tower together.
    let mut layouts: BTreeMap<Layout, Vec<usize>> = BTreeMap::new();
    for (class, caption) in captions.iter().enumerate() {
        layouts
            .entry(tower.layout(caption)?)
            .or_default()
            .push(class);
    }
    let mut embeddings = vec![Vec::new(); captions.len()];
    for (layout, chosen) in layouts {
        let rows = chosen
            .iter()
            .map(|&class| tower.ids(&captions[class].ids()));
        let rows = Tensor::cat(rows.collect::<Result<Vec<_>, _>>()?, 0);
        let found = units(tower.read_out(0, tower.embed(rows), &layout))?;
        for (class, found) in chosen.into_iter().zip(found) {
            embeddings[class] = found;
        }
    }
    Ok(embeddings)
}

fn embed_images(model: &DualEncoder, images: &[&RgbImage], lanes: &Lanes) -> Result<Vec<Vec<f32>>> {
    let found = lanes.map(
        images.chunks(TOGETHER).collect(),
        |images: &[&RgbImage]| {
            let pixels = images.iter().map(|&image| {
                let image = DynamicImage::ImageRgb8(image.clone());
                model.pixels(&model.processor().process(&image))
            });
            let pixels = Tensor::cat(pixels.collect::<clip_model::Result<_>>()?, 0);
            units(model.embed_pixels(pixels)?)
        },
    );
    let found: Vec<Vec<Vec<f32>>> = found.into_iter().collect::<Result<_>>()?;
    Ok(found.into_iter().flatten().collect())
}

/// Rows at length 1.
fn units(rows: Tensor<2>) -> Result<Vec<Vec<f32>>> {
    let width = rows.dims()[1];
    let values = rows.try_into_vec_as::<f32>();
    let values = values.map_err(m2ib_core::Error::from_device)?;
    let rows = values.chunks_exact(width).map(|row| {
        let norm = dot(row, row).sqrt().max(1e-12);
        row.iter().map(|x| x / norm).collect()
    });
    Ok(rows.collect())
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caption_names_what_no_other_scene_of_the_group_has() {
        let image = RgbImage::new(1, 1);
        let scenes = [vec![1, 2], vec![2, 3], vec![3, 1, 4], vec![2, 1]];
        let scenes = scenes.map(|objects| (image.clone(), objects));
        let found = with_captions(scenes.into());
        let classes: Vec<usize> = found.into_iter().map(|(_, class)| class).collect();
        // 1 and 2 are everywhere, 3 is twice; the first, second and last scene have nothing else.
        assert_eq!(classes, [4]);
    }
}
