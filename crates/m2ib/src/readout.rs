//! The two towers behind a mask, as the bottleneck sees them.

use burn::tensor::Tensor;
use clip_model::{ImageTower, ReadOut, TextTower};
use m2ib_core::{ReadBack, Readout};

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

    fn read_back(&self, latent: Tensor<3>) -> ReadBack<'_> {
        by_hand(self.tower.read_out_with_pullback(self.start, latent))
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

    fn read_back(&self, latent: Tensor<3>) -> ReadBack<'_> {
        let (start, position) = (self.start, self.position);
        by_hand(self.tower.read_out_with_pullback(start, latent, position))
    }
}

/// The towers derive their way back by hand.
fn by_hand(read_out: ReadOut<'_>) -> ReadBack<'_> {
    ReadBack::new(read_out.embedding.clone(), |gradient| {
        Ok(read_out.pull_back(gradient))
    })
}
