//! Grad-ECLIP.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use burn::tensor::{Int, Tensor, TensorData};
use m2ib::clip_input::{Layout, Read, Role, Sight};
use m2ib::clip_model::{Head, MapHead, Projections, Tower, attention_bias};
use m2ib::{Calibration, DualEncoder};
use ndarray::Array2;

use crate::host::{host, traced};
use crate::places::Named;
use crate::{Error, Method, MethodFactory, Result, Settings, Subject};

/// relu(Σ_l Σ_d g_d v_{i,d} w_i) over some of the last blocks l (Zhao et al., *Gradient-based Visual
/// Explanation for Transformer-based CLIP*, ICML 2024).
///
/// o is the output of a block's attention at the pooled token before the output projection, g =
/// ∂y/∂o, v_i token i's values, and w_i the cosine of the pooled token's query with token i's key,
/// scaled to 0..1. The image takes the last block and scales over the patches; the text takes its
/// last eight and scales over all tokens, start and end included. Where an attention reads the image out
/// (MAP pooling), that is the last one: its learned query stands for the pooled token's.
///
/// With `heads: One` and `pad: Some(0)` it is the authors' program. The usual settings depart from it
/// in two things. Attention keeps the heads that the model has, each with cosines of its own. And
/// tokens behind a caption's end, which no embedding depends on, have no part in the scale: with
/// them, the same caption's map would depend on what it is filled up with.
#[derive(Debug, Clone, Copy, Default)]
pub struct GradEclip {
    /// The heads that attention has.
    pub heads: Heads,
    /// The token that fills captions up to the model's positions, for the scale alone; none if not
    /// given. The authors' tokenizer fills up with 0. Where tokens see what comes behind them,
    /// nothing is filled up.
    pub pad: Option<u32>,
}

/// Whether attention is split into heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Heads {
    /// As in the model: w is each head's own.
    #[default]
    Real,
    /// As the authors compute it: in all blocks that are summed over, attention is done again with
    /// one head, which is not what the model does; y is what comes of that.
    One,
}

/// Blocks of the text tower that are summed over.
const TEXT_BLOCKS: usize = 8;

impl GradEclip {
    /// Saliency of all tokens, by the blocks `first..`.
    ///
    /// # Shapes
    /// - x: `[1, tokens, width]`, the input of block `first`
    /// - scale: the tokens that cosines are scaled over
    fn map(
        &self,
        tower: &dyn Tower,
        first: usize,
        mut x: Tensor<3>,
        layout: &Layout,
        scale: &[usize],
        value: impl FnOnce(Tensor<2>) -> Result<Tensor<1>>,
    ) -> Result<Vec<f32>> {
        let bias = attention_bias(layout, &x.device());
        x = x.autodiff();
        let mut seen = Vec::new();
        for block in &tower.encoder().blocks()[first..] {
            let (projections, attended, leaf) =
                self.attend(block.projections(x.clone()), bias.as_ref());
            x = block.finish(x, attended);
            seen.push((projections, leaf));
        }
        let embedding = tower.read_out(tower.depth(), x, layout);
        let mut gradients = value(embedding)?.sum().backward();
        let mut sum = vec![0.0; layout.tokens.len()];
        for (projections, leaf) in seen {
            let gradient = leaf.grad_remove(&mut gradients);
            let gradient = traced(gradient, "Grad-ECLIP's gradient")?;
            let map = weigh(&projections, &gradient, layout, scale)?;
            sum.iter_mut().zip(map).for_each(|(sum, x)| *sum += x);
        }
        Ok(sum.into_iter().map(|x| x.max(0.0)).collect())
    }

    /// Saliency of all tokens where an attention reads the tower out, which then is the last.
    ///
    /// # Shapes
    /// - x: `[1, tokens, width]`, the last block's output
    fn map_of_head(
        &self,
        head: Head<'_>,
        attention: &MapHead,
        x: Tensor<3>,
        layout: &Layout,
        value: impl FnOnce(Tensor<2>) -> Result<Tensor<1>>,
    ) -> Result<Vec<f32>> {
        let x = head.attended_to(x.autodiff(), layout);
        let (projections, attended, leaf) = self.attend(attention.projections(x), None);
        let pooled = attention.finish(attended.squeeze_dim::<2>(1));
        let mut gradients = value(head.embedding(pooled))?.sum().backward();
        let gradient = traced(leaf.grad_remove(&mut gradients), "Grad-ECLIP's gradient")?;
        let read = layout.read.rows();
        let scale: Vec<usize> = (0..read.len()).collect();
        let found = through(&projections, &gradient, 0, &scale)?;
        let mut map = vec![0.0; layout.tokens.len()];
        for (&row, value) in read.iter().zip(found) {
            map[row] = value.max(0.0);
        }
        Ok(map)
    }

    /// What attention looks at, what it gives on, and the point where its gradient is caught.
    fn attend(
        &self,
        mut projections: Projections,
        bias: Option<&Tensor<4>>,
    ) -> (Projections, Tensor<3>, Tensor<3>) {
        if self.heads == Heads::One {
            projections.heads = 1;
        }
        let attended = projections.clone().attend(bias);
        // Gradients are handed out of leaves: ∂y/∂(o + 0) = ∂y/∂o.
        let leaf = attended.clone().inner().zeros_like();
        let leaf = leaf.autodiff().require_grad();
        (plain(projections), attended + leaf.clone(), leaf)
    }

    /// A caption's token embeddings, filled up if that is asked for.
    fn filled(&self, subject: &Subject<'_>) -> Result<(Tensor<3>, Layout)> {
        let tower = subject.model().text();
        let (tokens, mut layout) = (subject.token_embeddings(), subject.text_layout().clone());
        let missing = tower.positions().saturating_sub(layout.tokens.len());
        match self.pad {
            Some(id) if missing > 0 && layout.sight != Sight::All => {
                let padding = tower.look_up(tower.ids(&vec![id.into(); missing])?);
                layout.tokens.resize(tower.positions(), Role::Padding);
                Ok((Tensor::cat(vec![tokens, padding], 1), layout))
            }
            _ => Ok((tokens, layout)),
        }
    }
}

/// Without the operations that led there.
fn plain(projections: Projections) -> Projections {
    let Projections {
        query,
        key,
        value,
        heads,
    } = projections;
    Projections {
        // A learned query has none.
        query: match query.is_autodiff() {
            true => query.inner(),
            false => query,
        },
        key: key.inner(),
        value: value.inner(),
        heads,
    }
}

/// Σ_d g_d v_{i,d} w_i of every token i, summed over the rows that are read out; 0 where none of them
/// sees the token.
fn weigh(
    projections: &Projections,
    gradient: &Tensor<3>,
    layout: &Layout,
    scale: &[usize],
) -> Result<Vec<f32>> {
    let mut sum = vec![0.0; layout.tokens.len()];
    for &row in layout.read.rows() {
        let through = through(projections, gradient, row, scale)?;
        let seen = sum.iter_mut().zip(through).take(layout.visible(row));
        seen.for_each(|(sum, x)| *sum += x);
    }
    Ok(sum)
}

/// Σ_d g_d v_{i,d} w_i of all tokens, for one row that is read out.
fn through(
    projections: &Projections,
    gradient: &Tensor<3>,
    row: usize,
    scale: &[usize],
) -> Result<Vec<f32>> {
    let Projections {
        query,
        key,
        value,
        heads,
    } = projections.clone();
    let [_, tokens, width] = key.dims();
    let depth = width / heads;
    let at = |x: Tensor<3>| x.narrow(1, row, 1).reshape([1, heads, depth]);
    let all = |x: Tensor<3>| x.reshape([tokens, heads, depth]);
    let (query, key) = (at(query), all(key));
    let norm = |x: Tensor<3>| x.square().sum_dim(2).sqrt().clamp_min(1e-12);
    let product = (query.clone() * key.clone()).sum_dim(2);
    let cosine = product / (norm(query) * norm(key)); // [tokens, heads, 1]
    let scale: Vec<i64> = scale.iter().map(|&token| token as i64).collect();
    let scale = Tensor::<1, Int>::from_data(TensorData::from(&scale[..]), &cosine.device());
    let scale = cosine.clone().select(0, scale);
    let (low, high) = (scale.clone().min_dim(0), scale.max_dim(0));
    let weight = (cosine - low.clone()) / (high - low).clamp_min(1e-12);
    let through = (at(gradient.clone()) * all(value)).sum_dim(2);
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
        let pad = "the id of a token that fills captions up (the authors' is 0), or none";
        Arc::new(Self {
            heads: settings.value("heads", "real or one", |_| true, self.heads, usual),
            pad: settings.optional("pad", pad, |_| true, self.pad, "none"),
        })
    }

    fn fits(&self, model: &DualEncoder, _: Option<&Calibration>) -> Result<()> {
        let (method, setting) = (self.name(), "pad");
        match self.pad {
            Some(id) => Named { method, setting }.token(id.into(), "none", model),
            None => Ok(()),
        }
    }

    fn make(&self, _: &DualEncoder, _: Option<&Calibration>) -> Result<Box<dyn Method>> {
        Ok(Box::new(*self))
    }
}

impl Method for GradEclip {
    fn factory(&self) -> &dyn MethodFactory {
        self
    }

    fn patches(&self, subject: &Subject<'_>) -> Result<Array2<f32>> {
        let tower = subject.model().image();
        let layout = subject.image_layout();
        let value = |embedding| subject.image_value(embedding);
        if let (Read::Attention(_), Some(attention)) = (&layout.read, tower.head().attention) {
            let x = subject.image_latent(tower.depth())?;
            let map = self.map_of_head(tower.head(), attention, x, layout, value)?;
            return Ok(subject.on_grid(&map));
        }
        let last = tower.depth() - 1;
        let x = subject.image_latent(last)?;
        Ok(subject.on_grid(&self.map(tower, last, x, layout, &layout.inputs(), value)?))
    }

    fn tokens(&self, subject: &Subject<'_>) -> Result<Vec<f32>> {
        let tower = subject.model().text();
        let first = tower.depth().saturating_sub(TEXT_BLOCKS);
        let (tokens, layout) = self.filled(subject)?;
        let x = tower.blocks(0..first, tower.place(tokens), &layout);
        let scale: Vec<usize> = (0..layout.tokens.len()).collect();
        let value = |embedding| subject.text_value(embedding);
        let mut map = self.map(tower, first, x, &layout, &scale, value)?;
        map.truncate(subject.caption().tokens.len());
        Ok(map)
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
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "real" => Ok(Self::Real),
            "one" => Ok(Self::One),
            _ => Err(Error::Value {
                what: "way to take heads",
                found: text.into(),
                expected: "real or one",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::fixture;

    fn rows<const N: usize>(rows: [[f32; 2]; N]) -> Tensor<3> {
        let device = m2ib::Backend::Cpu.device().unwrap();
        Tensor::<3>::from_floats([rows], &device)
    }

    /// Three tokens, one head of width 2, by hand: q = (1, 0), keys (−1, 0), (0, 1) and (1, 0), whose
    /// cosines are −1, 0 and 1. Over all tokens w = 0, ½ and 1, over the last two −1, 0 and 1.
    /// g = (2, −1) meets values (1, 1), (5, 5) and (3, 1): 1, 5 and 5.
    #[test]
    fn three_tokens_by_hand() {
        let projections = Projections {
            query: rows([[1.0, 0.0], [9.0, 9.0], [9.0, 9.0]]),
            key: rows([[-1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]),
            value: rows([[1.0, 1.0], [5.0, 5.0], [3.0, 1.0]]),
            heads: 1,
        };
        let gradient = rows([[2.0, -1.0], [9.0, 9.0], [9.0, 9.0]]);
        let layout = Layout {
            tokens: vec![Role::Piece; 3],
            grid: None,
            read: Read::Row(0),
            sight: Sight::All,
        };
        let found = |scale: &[usize]| weigh(&projections, &gradient, &layout, scale).unwrap();
        assert_eq!(found(&[0, 1, 2]), [0.0, 2.5, 5.0]);
        assert_eq!(found(&[1, 2]), [-1.0, 0.0, 5.0]);
    }

    #[test]
    fn one_head_is_another_model_than_the_real_ones() {
        let model = fixture::model();
        let subject = fixture::subject(&model);
        let [real, one] = [Heads::Real, Heads::One].map(|heads| {
            let method = GradEclip { heads, pad: None };
            method.patches(&subject).unwrap()
        });
        assert!(real.iter().any(|&value| value > 0.0));
        assert_ne!(real, one);
    }
}
