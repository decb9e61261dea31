//! How similar captions are to an image that have nothing to do with it.
//!
//! A cosine means nothing by itself: models differ in where theirs lie, and so do images within a
//! model. What an image has in common with captions of other things is what chance gives.

use std::collections::{BTreeMap, BTreeSet};

use clip_input::{Caption, Layout};

use crate::embedding::{normalized, unit_rows};
use crate::{DualEncoder, Result};

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
    /// What the text tower says; [`Error::Device`](crate::Error::Device) from a device that is lost or full.
    pub fn of<T: AsRef<str>>(
        model: &DualEncoder,
        captions: impl IntoIterator<Item = T>,
    ) -> Result<Self> {
        let tower = model.text();
        let mut known = BTreeSet::new();
        // Those of one length together, as the tower takes them: the order never changes with the device.
        let mut alike: BTreeMap<Layout, Vec<(String, Caption)>> = BTreeMap::new();
        for caption in captions {
            let text = caption.as_ref();
            let Ok(caption) = model.tokenizer().encode(text) else {
                continue;
            };
            // Where a token stands for all that is unknown, captions may differ in nothing else.
            if known.insert(caption.ids()) {
                let layout = tower.layout(&caption)?;
                let alike = alike.entry(layout).or_default();
                alike.push((text.to_owned(), caption));
            }
        }
        let (captions, encoded): (Vec<_>, Vec<_>) = alike.into_values().flatten().unzip();
        let embeddings = match encoded.as_slice() {
            [] => Vec::new(),
            encoded => unit_rows(model.embed_captions(encoded)?)?,
        };
        Ok(Self {
            captions,
            embeddings,
        })
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
