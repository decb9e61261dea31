//! LeGrad.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use burn::tensor::Tensor;
use m2ib::clip_input::{Layout, Read};
use m2ib::clip_model::{Block, Head, MapHead, Projections, Tower, attention_bias};
use m2ib::{Calibration, DualEncoder, Modality};
use ndarray::Array2;

use super::{heads, mean};
use crate::host::traced;
use crate::places::{Named, depths};
use crate::{Error, Method, MethodFactory, Result, Settings, Subject};

/// Mean over blocks l of the mean over heads of relu(∂y_l/∂A_l), where y_l is the similarity of what is read
/// out behind block l, as if the tower ended there, and A_l that block's attention (Bousselham et al.,
/// *LeGrad: An Explainability Method for Vision Transformers via Feature Formation Sensitivity*, ICCV 2025).
///
/// Of A_l, the rows count that are read out; of these, the tokens that they see. Where an attention reads the
/// tower out (MAP pooling), its own A takes the place of the blocks': y_l is what it reads behind block l.
/// The authors have images alone; a caption has the same of its own tower, at the token that it is read at.
#[derive(Debug, Clone, Copy, Default)]
pub struct LeGrad {
    /// The first block that counts; 0 if not given, so that all do.
    pub start: Option<usize>,
    /// What is read out behind each block.
    pub pool: Pool,
}

/// What is read out behind a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pool {
    /// What the tower itself reads.
    #[default]
    Own,
    /// The mean of all tokens, as in the authors' program, which starts at the last but one block.
    Mean,
}

/// A pass through a part of a tower whose attention has a gradient: what is read out behind it, and where
/// the gradient is caught.
struct Pass {
    embedding: Tensor<2>,
    leaf: Tensor<4>,
}

impl LeGrad {
    /// The first block that counts.
    fn start(&self, modality: Modality, depth: usize) -> Result<usize> {
        let named = Named {
            method: self.name(),
            setting: "start",
        };
        named.block(self.start.unwrap_or(0), modality, depth)
    }

    /// # Errors
    /// [`Error::Setting`] where an attention pools, which pools nothing else.
    fn pools(&self, tower: &dyn Tower, modality: Modality) -> Result<()> {
        if self.pool == Pool::Own || tower.head().attention.is_none() {
            return Ok(());
        }
        let named = Named {
            method: self.name(),
            setting: "pool",
        };
        let expected =
            format!("own, since an attention of its own reads the model's {modality} tower out");
        Err(named.wrong(self.pool, expected))
    }

    /// # Shapes
    /// - x: `[1, tokens, width]`, the input of block `start`
    /// - output: `[tokens]`
    fn map(
        &self,
        tower: &dyn Tower,
        start: usize,
        mut x: Tensor<3>,
        layout: &Layout,
        value: impl Fn(Tensor<2>) -> Result<Tensor<1>>,
    ) -> Result<Vec<f32>> {
        let bias = attention_bias(layout, &x.device());
        let read = match (self.pool, &layout.read) {
            (Pool::Own, read) => read.clone(),
            (Pool::Mean, _) => Read::Mean((0..layout.unpadded()).collect()),
        };
        let layout = &Layout {
            read,
            ..layout.clone()
        };
        let mut sum = vec![0.0; layout.tokens.len()];
        let blocks = &tower.encoder().blocks()[start..];
        for block in blocks {
            let pass = match (&layout.read, tower.head().attention) {
                (Read::Attention(_), Some(attention)) => {
                    x = block.forward(x, bias.as_ref(), |attention| attention);
                    through_head(tower.head(), attention, x.clone(), layout)
                }
                _ => {
                    let (behind, pass) = through_block(tower, block, x, bias.as_ref(), layout);
                    x = behind;
                    pass
                }
            };
            let mut gradients = value(pass.embedding)?.sum().backward();
            let gradient = pass.leaf.grad_remove(&mut gradients);
            let gradient = traced(gradient, "LeGrad's gradient")?.clamp_min(0.0);
            let of_block = mean(&heads(gradient, "LeGrad's gradient")?);
            add(&mut sum, &of_block, layout);
        }
        let count = blocks.len() as f32;
        Ok(sum.into_iter().map(|value| value / count).collect())
    }
}

/// The block with a gradient at its attention: its output, and what is read out behind it.
fn through_block(
    tower: &dyn Tower,
    block: &Block,
    x: Tensor<3>,
    bias: Option<&Tensor<4>>,
    layout: &Layout,
) -> (Tensor<3>, Pass) {
    let (attended, leaf) = attend(block.projections(x.clone()), bias);
    let behind = block.finish(x, attended);
    let embedding = tower.read_out(tower.depth(), behind.clone(), layout);
    (behind.inner(), Pass { embedding, leaf })
}

/// What an attention reads out of a block's output, with a gradient at that attention.
fn through_head(head: Head<'_>, attention: &MapHead, x: Tensor<3>, layout: &Layout) -> Pass {
    let projections = attention.projections(head.attended_to(x, layout));
    let (attended, leaf) = attend(projections, None);
    let pooled = attention.finish(attended.squeeze_dim::<2>(1));
    Pass {
        embedding: head.embedding(pooled),
        leaf,
    }
}

/// What attention gives on, and the point where its gradient is caught.
fn attend(projections: Projections, bias: Option<&Tensor<4>>) -> (Tensor<3>, Tensor<4>) {
    let mut leaf = None;
    let attended = projections.attend_seen(bias, |attention| {
        // Gradients are handed out of leaves: ∂y/∂(A + 0) = ∂y/∂A.
        let zeros = attention.zeros_like().autodiff().require_grad();
        leaf = Some(zeros.clone());
        attention.autodiff() + zeros
    });
    (attended, leaf.expect("attention is always seen"))
}

/// Adds the mean over the rows that are read, as far as they see.
fn add(sum: &mut [f32], of_block: &Array2<f32>, layout: &Layout) {
    let read = layout.read.rows();
    if let Read::Attention(_) = layout.read {
        // One query, which sees the tokens that are read.
        for (&token, value) in read.iter().zip(of_block.row(0)) {
            sum[token] += value;
        }
        return;
    }
    for &row in read {
        let seen = of_block.row(row);
        let seen = sum.iter_mut().zip(seen).take(layout.visible(row));
        seen.for_each(|(sum, value)| *sum += value / read.len() as f32);
    }
}

impl MethodFactory for LeGrad {
    fn name(&self) -> &str {
        "legrad"
    }

    fn description(&self) -> &str {
        "The gradient of each block's attention for what is read out behind that block (Bousselham et al. 2025)"
    }

    fn configure(&self, settings: &mut Settings) -> Arc<dyn MethodFactory> {
        let takes = "a block's number, or auto for the first";
        let pool = Pool::default();
        Arc::new(Self {
            start: settings.optional("start", takes, |_| true, self.start, "auto"),
            pool: settings.value("pool", "own or mean", |_| true, self.pool, pool),
        })
    }

    fn fits(&self, model: &DualEncoder, _: Option<&Calibration>) -> Result<()> {
        for (modality, depth) in depths(model) {
            self.start(modality, depth)?;
        }
        self.pools(model.image(), Modality::Image)?;
        self.pools(model.text(), Modality::Text)
    }

    fn make(&self, _: &DualEncoder, _: Option<&Calibration>) -> Result<Box<dyn Method>> {
        Ok(Box::new(*self))
    }
}

impl Method for LeGrad {
    fn factory(&self) -> &dyn MethodFactory {
        self
    }

    fn patches(&self, subject: &Subject<'_>) -> Result<Array2<f32>> {
        let tower = subject.model().image();
        let start = self.start(Modality::Image, tower.depth())?;
        let (x, layout) = (subject.image_latent(start)?, subject.image_layout());
        let value = |embedding| subject.image_value(embedding);
        Ok(subject.on_grid(&self.map(tower, start, x, layout, value)?))
    }

    fn tokens(&self, subject: &Subject<'_>) -> Result<Vec<f32>> {
        let tower = subject.model().text();
        let start = self.start(Modality::Text, tower.depth())?;
        let (x, layout) = (subject.text_latent(start)?, subject.text_layout());
        let value = |embedding| subject.text_value(embedding);
        self.map(tower, start, x, layout, value)
    }
}

impl fmt::Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Own => "own",
            Self::Mean => "mean",
        })
    }
}

impl FromStr for Pool {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "own" => Ok(Self::Own),
            "mean" => Ok(Self::Mean),
            _ => Err(Error::Value {
                what: "pooling",
                found: text.into(),
                expected: "own or mean",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use m2ib::clip_input::{Role, Sight};
    use ndarray::array;

    use super::*;

    /// Attention that is hidden has a gradient too, with which it would say something; of two rows that are
    /// read, each counts half.
    #[test]
    fn what_a_row_does_not_see_counts_nothing() {
        let of_block = array![[1.0, 9.0, 9.0], [2.0, 3.0, 9.0], [4.0, 5.0, 6.0]];
        let layout = |read, sight| Layout {
            tokens: vec![Role::Piece; 3],
            grid: None,
            read,
            sight,
        };
        let added = |layout: Layout| {
            let mut sum = vec![10.0; 3];
            add(&mut sum, &of_block, &layout);
            sum
        };
        let row = added(layout(Read::Row(1), Sight::Causal));
        assert_eq!(row, [12.0, 13.0, 10.0]);
        let mean = added(layout(Read::Mean(vec![0, 1]), Sight::Causal));
        assert_eq!(mean, [11.5, 11.5, 10.0]);
        let attention = added(layout(Read::Attention(vec![2, 0]), Sight::All));
        assert_eq!(attention, [19.0, 10.0, 11.0]);
    }
}
