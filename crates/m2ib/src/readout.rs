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

/// The same where the last tokens are no part of what is masked: padding that holds nothing of the
/// caption yet, and is read all the same.
#[derive(Debug, Clone)]
pub struct PaddedReadout<'a> {
    /// The tower, with all tokens in its layout.
    pub readout: TowerReadout<'a>,
    /// What follows each problem's latents, `[problems, tokens left out, width]`.
    pub padding: Tensor<3>,
}

impl PaddedReadout<'_> {
    /// # Shapes
    /// - latent: `[problems · samples, tokens, width]`, a problem's samples in a row
    fn completed(&self, latent: Tensor<3>) -> Tensor<3> {
        let [batch, _, _] = latent.dims();
        let [problems, tokens, width] = self.padding.dims();
        let padding = self.padding.clone().unsqueeze_dim::<4>(1);
        let padding = padding.expand([problems, batch / problems, tokens, width]);
        Tensor::cat(vec![latent, padding.reshape([batch, tokens, width])], 1)
    }
}

impl Readout for PaddedReadout<'_> {
    fn read(&self, latent: Tensor<3>) -> Tensor<2> {
        self.readout.read(self.completed(latent))
    }

    fn read_back(&self, latent: Tensor<3>) -> ReadBack<'_> {
        let [_, tokens, _] = latent.dims();
        let read = self.readout.read_back(self.completed(latent));
        ReadBack::new(read.embedding.clone(), move |gradient| {
            Ok(read.pull_back(gradient)?.narrow(1, 0, tokens))
        })
    }
}
