//! A tower behind a mask, as the bottleneck sees it.

use burn::tensor::Tensor;
use clip_input::Layout;
use clip_model::Tower;
use m2ib_core::{ReadBack, Readout};

/// A tower from block `start` on.
#[derive(Debug, Clone, Copy)]
pub struct TowerReadout<'a> {
    /// The tower.
    pub tower: &'a dyn Tower,
    /// The first block behind the mask.
    pub start: usize,
    /// The tokens of what is masked.
    pub layout: &'a Layout,
}

impl Readout for TowerReadout<'_> {
    fn read(&self, latent: Tensor<3>) -> Tensor<2> {
        self.tower.read_out(self.start, latent, self.layout)
    }

    fn read_back(&self, latent: Tensor<3>) -> ReadBack<'_> {
        let (start, layout) = (self.start, self.layout);
        // The towers derive their way back by hand.
        let read_out = self.tower.read_out_with_pullback(start, latent, layout);
        ReadBack::new(read_out.embedding.clone(), |gradient| {
            Ok(read_out.pull_back(gradient))
        })
    }
}
