//! How similar captions are to an image that have nothing to do with it.
//!
//! A cosine means nothing by itself: models differ in where theirs lie, and so do images within a
//! model. What an image has in common with captions of other things is what chance gives.

use std::collections::{BTreeMap, BTreeSet};

use burn::tensor::Tensor;
use clip_input::Layout;

use crate::{DualEncoder, Error, Result};

/// The embeddings of captions of all kinds of things.
#[derive(Debug, Clone, PartialEq)]
pub struct CaptionBank {
    captions: Vec<String>,
    /// Of length 1 each.
    embeddings: Vec<Vec<f32>>,
}

impl CaptionBank {
    /// Embeds captions; those with text that the model's vocabulary does not know are left out, and so
    /// are those that it cannot tell from others.
    ///
    /// # Errors
    /// What the text tower says; [`Error::Device`] from a device that is lost or full.
    pub fn of<T: AsRef<str>>(
        model: &DualEncoder,
        captions: impl IntoIterator<Item = T>,
    ) -> Result<Self> {
        let tower = model.text();
        let mut alike: BTreeMap<Layout, Vec<(String, Vec<i64>)>> = BTreeMap::new();
        let mut known = BTreeSet::new();
        for caption in captions {
            let text = caption.as_ref();
            let Ok(caption) = model.tokenizer().encode(text) else {
                continue;
            };
            let ids = caption.ids();
            // Where a token stands for all that is unknown, captions may differ in nothing else.
            if known.insert(ids.clone()) {
                let layout = tower.layout(&caption)?;
                alike
                    .entry(layout)
                    .or_default()
                    .push((text.to_owned(), ids));
            }
        }
        let mut bank = Self {
            captions: Vec::new(),
            embeddings: Vec::new(),
        };
        // Captions of one length go through the tower together: read one by one, its weights would
        // take most of the time.
        for (layout, captions) in alike {
            let (captions, ids): (Vec<_>, Vec<_>) = captions.into_iter().unzip();
            let ids = ids.iter().map(|ids| tower.ids(ids));
            let ids = Tensor::cat(ids.collect::<Result<Vec<_>>>()?, 0);
            let embedded = tower.read_out(0, tower.embed(ids), &layout);
            let [_, width] = embedded.dims();
            let values = embedded.try_into_vec_as::<f32>();
            let values = values.map_err(|error| Error::Device {
                reason: error.to_string(),
            })?;
            bank.captions.extend(captions);
            bank.embeddings
                .extend(values.chunks_exact(width.max(1)).map(normalized));
        }
        Ok(bank)
    }

    /// The captions that the model can tell apart, those of one length together.
    pub fn captions(&self) -> impl Iterator<Item = &str> {
        self.captions.iter().map(String::as_str)
    }

    /// How many captions there are.
    pub fn len(&self) -> usize {
        self.captions.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.captions.is_empty()
    }

    /// The captions and their cosines with an image's embedding, the most similar first.
    pub fn similarities(&self, image: &[f32]) -> Vec<(&str, f32)> {
        let image = normalized(image);
        let cosine = |text: &Vec<f32>| text.iter().zip(&image).map(|(a, b)| a * b).sum();
        let cosines = self.embeddings.iter().map(cosine);
        let captions = self.captions.iter().map(String::as_str);
        let mut all: Vec<(&str, f32)> = captions.zip(cosines).collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1));
        all
    }
}

fn normalized(values: &[f32]) -> Vec<f32> {
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    let length = length.max(f32::MIN_POSITIVE);
    values.iter().map(|value| value / length).collect()
}
