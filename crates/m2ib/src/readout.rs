//! The two towers behind a mask, as the bottleneck sees them.

use burn::tensor::Tensor;
use clip_model::{ImageTower, ReadOut, TextTower};
use m2ib_core::{Fit, Readout, Result, cosine_with_gradient};

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

    fn fit(&self, latent: Tensor<3>, target: &Tensor<2>) -> Result<Fit> {
        Ok(fit(
            self.tower.read_out_with_pullback(self.start, latent),
            target,
        ))
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

    fn fit(&self, latent: Tensor<3>, target: &Tensor<2>) -> Result<Fit> {
        Ok(fit(
            self.tower
                .read_out_with_pullback(self.start, latent, self.position),
            target,
        ))
    }
}

fn fit(read_out: ReadOut<'_>, target: &Tensor<2>) -> Fit {
    let (cosine, gradient) = cosine_with_gradient(read_out.embedding.clone(), target.clone());
    Fit {
        cosine,
        gradient: read_out.pull_back(gradient),
    }
}
