//! The two towers behind a mask, as the bottleneck sees them.

use burn::tensor::Tensor;
use clip_model::{ImageTower, TextTower};
use m2ib_core::Readout;

/// The image tower from block `start` on.
#[derive(Debug, Clone, Copy)]
pub struct ImageReadout<'a> {
    /// The tower.
    pub tower: &'a ImageTower,
    /// The first block behind the mask.
    pub start: usize,
}

impl Readout for ImageReadout<'_> {
    fn read(&self, latent: Tensor<3>) -> Tensor<2> {
        self.tower.read_out(self.start, latent)
    }
}

/// The text tower from block `start` on.
#[derive(Debug, Clone, Copy)]
pub struct TextReadout<'a> {
    /// The tower.
    pub tower: &'a TextTower,
    /// The first block behind the mask.
    pub start: usize,
    /// Position of the pooled token.
    pub position: usize,
}

impl Readout for TextReadout<'_> {
    fn read(&self, latent: Tensor<3>) -> Tensor<2> {
        self.tower.read_out(self.start, latent, self.position)
    }
}
