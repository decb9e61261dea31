//! Whether a model has the places that settings name.

use std::fmt::Display;

use m2ib::{DualEncoder, Layer, Modality};

use crate::{Error, Fill, Result};

/// A method's setting, for what is said of its value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'a> {
    pub(crate) method: &'a str,
    pub(crate) setting: &'a str,
}

impl Named<'_> {
    /// An error of this setting's value.
    pub(crate) fn wrong(self, found: impl Display, expected: impl Into<String>) -> Error {
        Error::setting(self.method, self.setting, found, expected)
    }

    /// The first block behind a layer of a tower of `depth` blocks; one must lie behind it.
    pub(crate) fn layer(self, layer: Layer, modality: Modality, depth: usize) -> Result<usize> {
        let expected: String = match depth.saturating_sub(2) {
            0 if depth < 2 => "embedding".into(),
            last => format!(
                "embedding, or a block of the {modality} tower behind which another lies, 0 to {last}"
            ),
        };
        match layer.check(modality, depth) {
            Ok(()) => Ok(layer.next_block()),
            Err(_) => Err(self.wrong(layer, expected)),
        }
    }

    /// A block of a tower of `depth` blocks.
    pub(crate) fn block(self, block: usize, modality: Modality, depth: usize) -> Result<usize> {
        let last = depth.saturating_sub(1);
        match block < depth {
            true => Ok(block),
            false => Err(self.wrong(
                block,
                format!("a block of the {modality} tower, 0 to {last}"),
            )),
        }
    }

    /// A number of patches along a side of an image that has `side` of them.
    pub(crate) fn patches(self, patches: usize, side: usize) -> Result<usize> {
        match (1..=side).contains(&patches) {
            true => Ok(patches),
            false => {
                let expected = format!("1 to {side}, the patches along the image's side");
                Err(self.wrong(patches, expected))
            }
        }
    }

    /// What masked tokens become.
    pub(crate) fn fill(self, fill: Fill, model: &DualEncoder) -> Result<()> {
        match fill {
            Fill::Id(id) => self.token(id, "zero, mean", model),
            Fill::Zero | Fill::Mean => Ok(()),
        }
    }

    /// A token's id, or what may be said instead.
    pub(crate) fn token(self, id: i64, or: &str, model: &DualEncoder) -> Result<()> {
        let vocabulary = model.text().vocabulary();
        match usize::try_from(id) {
            Ok(known) if known < vocabulary => Ok(()),
            _ => {
                let last = vocabulary.saturating_sub(1);
                Err(self.wrong(id, format!("{or} or an id of the vocabulary, 0 to {last}")))
            }
        }
    }
}

/// Both towers with their depths.
pub(crate) fn depths(model: &DualEncoder) -> [(Modality, usize); 2] {
    [
        (Modality::Image, model.image().depth()),
        (Modality::Text, model.text().depth()),
    ]
}
