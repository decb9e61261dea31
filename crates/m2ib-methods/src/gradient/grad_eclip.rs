//! Grad-ECLIP.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use burn::tensor::Tensor;
use m2ib::clip_input::Layout;
use m2ib::clip_model::{Block, Projections, attention_bias};
use m2ib::{Calibration, DualEncoder};
use ndarray::Array2;

use crate::host::{host, traced};
use crate::{Method, MethodFactory, Result, Settings, Subject};

/// relu(Σ_d g_d v_{i,d} w_i) (Zhao et al., *Gradient-based Visual Explanation for Transformer-based
/// CLIP*, ICML 2024).
///
/// o is the output of a block's attention at the pooled token before the output projection, g =
/// ∂y/∂o, v_i token i's values, and w_i the cosine of the pooled token's query with token i's key,
/// scaled to 0..1 over the tokens. The image takes the last block, the text the sum over its last
/// eight.
#[derive(Debug, Clone, Copy, Default)]
pub struct GradEclip {
    /// The heads that attention has.
    pub heads: Heads,
}

/// Whether attention is split into heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Heads {
    /// As in the model: w is each head's own.
    #[default]
    Real,
    /// As the authors compute it: in the blocks looked at, attention is done again with one head,
    /// which is not what the model does.
    One,
}

/// Blocks of the text tower that are summed over.
const TEXT_BLOCKS: usize = 8;

impl GradEclip {
    /// Saliency of all tokens, by one block.
    ///
    /// `gradient` is handed the block's output and gives ∂y with respect to it.
    fn map(
        &self,
        block: &Block,
        x: Tensor<3>,
        layout: &Layout,
        gradient: impl FnOnce(Tensor<3>) -> Result<Tensor<3>>,
    ) -> Result<Vec<f32>> {
        let bias = attention_bias(layout, &x.device());
        let mut projections = block.projections(x.clone());
        if self.heads == Heads::One {
            projections.heads = 1;
        }
        let attended = projections.clone().attend(bias.as_ref());
        let leaf = attended.autodiff().require_grad();
        let output = block.finish(x, leaf.clone());
        let behind = gradient(output.clone().inner())?;
        let mut gradients = (output * Tensor::from_inner(behind)).sum().backward();
        let gradient = traced(leaf.grad_remove(&mut gradients), "Grad-ECLIP's gradient")?;
        weigh(projections, gradient, layout)
    }
}

/// relu(Σ_d g_d v_{i,d} w_i) of every token i, summed over the rows that are read out before the
/// relu; 0 where none of them sees the token.
fn weigh(projections: Projections, gradient: Tensor<3>, layout: &Layout) -> Result<Vec<f32>> {
    let mut sum = vec![0.0; layout.tokens.len()];
    for &row in layout.read.rows() {
        let seen = through(&projections, &gradient, row, layout.visible(row))?;
        sum.iter_mut().zip(seen).for_each(|(sum, x)| *sum += x);
    }
    Ok(sum.into_iter().map(|x| x.max(0.0)).collect())
}

/// Σ_d g_d v_{i,d} w_i of the tokens `0..visible`, for one row that is read out.
fn through(
    projections: &Projections,
    gradient: &Tensor<3>,
    row: usize,
    visible: usize,
) -> Result<Vec<f32>> {
    let Projections {
        query,
        key,
        value,
        heads,
    } = projections.clone();
    let depth = query.dims()[2] / heads;
    let at = |x: Tensor<3>| x.narrow(1, row, 1).reshape([1, heads, depth]);
    let seen = |x: Tensor<3>| x.narrow(1, 0, visible).reshape([visible, heads, depth]);
    let (query, key) = (at(query), seen(key));
    let norm = |x: Tensor<3>| x.square().sum_dim(2).sqrt().clamp_min(1e-12);
    let product = (query.clone() * key.clone()).sum_dim(2);
    let cosine = product / (norm(query) * norm(key)); // [visible, heads, 1]
    let low = cosine.clone().min_dim(0);
    let high = cosine.clone().max_dim(0);
    let weight = (cosine - low.clone()) / (high - low).clamp_min(1e-12);
    let through = (at(gradient.clone()) * seen(value)).sum_dim(2);
    host((through * weight).sum_dim(1), "Grad-ECLIP")
}

impl MethodFactory for GradEclip {
    fn name(&self) -> &str {
        "grad-eclip"
    }

    fn description(&self) -> &str {
        "Values that the pooled token attends to, weighed by gradient and by how alike keys are to its query (Zhao et al. 2024)"
    }

    fn configure(&self, settings: &mut Settings) -> Arc<dyn MethodFactory> {
        let usual = Heads::default();
        Arc::new(Self {
            heads: settings.value("heads", "real or one", |_| true, self.heads, usual),
        })
    }

    fn build(&self, _: &DualEncoder, _: Option<&Calibration>) -> Result<Box<dyn Method>> {
        Ok(Box::new(*self))
    }
}

impl Method for GradEclip {
    fn factory(&self) -> &dyn MethodFactory {
        self
    }

    fn patches(&self, subject: &Subject<'_>) -> Result<Array2<f32>> {
        let tower = subject.model().image();
        let last = tower.depth() - 1;
        let (x, layout) = (subject.image_latent(last)?, subject.image_layout());
        let block = &tower.encoder().blocks()[last];
        let behind = |output| Ok(subject.image_fit(last + 1, output)?.gradient);
        Ok(subject.on_grid(&self.map(block, x, layout, behind)?))
    }

    fn tokens(&self, subject: &Subject<'_>) -> Result<Vec<f32>> {
        let tower = subject.model().text();
        let (depth, layout) = (tower.depth(), subject.text_layout());
        let mut sum = vec![0.0; layout.tokens.len()];
        for index in depth.saturating_sub(TEXT_BLOCKS)..depth {
            let block = &tower.encoder().blocks()[index];
            let behind = |output| Ok(subject.text_fit(index + 1, output)?.gradient);
            let map = self.map(block, subject.text_latent(index)?, layout, behind)?;
            sum.iter_mut()
                .zip(map)
                .for_each(|(sum, value)| *sum += value);
        }
        Ok(sum)
    }
}

impl fmt::Display for Heads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Real => "real",
            Self::One => "one",
        })
    }
}

impl FromStr for Heads {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "real" => Ok(Self::Real),
            "one" => Ok(Self::One),
            _ => Err(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::fixture;
    use m2ib::clip_input::{Read, Role, Sight};

    /// Two tokens, one head of width 2, by hand: q = (1, 0), keys (1, 0) and (0, 1), so w = 1 and
    /// 0; g = (2, −1), values (3, 1) and (5, 5): 2·3 − 1·1 = 5 and nothing.
    #[test]
    fn two_tokens_by_hand() {
        let device = m2ib::Backend::Cpu.device().unwrap();
        let rows = |rows: [[f32; 2]; 2]| Tensor::<3>::from_floats([rows], &device);
        let projections = Projections {
            query: rows([[1.0, 0.0], [9.0, 9.0]]),
            key: rows([[1.0, 0.0], [0.0, 1.0]]),
            value: rows([[3.0, 1.0], [5.0, 5.0]]),
            heads: 1,
        };
        let gradient = rows([[2.0, -1.0], [9.0, 9.0]]);
        let layout = Layout {
            tokens: vec![Role::Piece; 2],
            grid: None,
            read: Read::Row(0),
            sight: Sight::All,
        };
        assert_eq!(weigh(projections, gradient, &layout).unwrap(), [5.0, 0.0]);
    }

    #[test]
    fn the_block_taken_apart_is_the_block() {
        let model = fixture::model();
        let subject = fixture::subject(&model);
        let tower = model.image();
        let last = tower.depth() - 1;
        let block = &tower.encoder().blocks()[last];
        let x = subject.image_latent(last).unwrap();
        let whole = block.forward(x.clone(), None, |a| a);
        let parts = block.finish(x.clone(), block.projections(x).attend(None));
        let difference = (whole - parts).abs().max().into_scalar::<f32>();
        assert!(difference < 1e-5, "{difference}");
    }

    #[test]
    fn one_head_is_another_model_than_the_real_ones() {
        let model = fixture::model();
        let subject = fixture::subject(&model);
        let [real, one] =
            [Heads::Real, Heads::One].map(|heads| GradEclip { heads }.patches(&subject).unwrap());
        assert!(real.iter().any(|&value| value > 0.0));
        assert_ne!(real, one);
    }
}
