//! Patches compared with the caption one by one: MaskCLIP and SCLIP.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use burn::tensor::Tensor;
use m2ib::clip_input::{Layout, Read};
use m2ib::clip_model::{Projections, Tower, attention_bias};
use m2ib::{Calibration, DualEncoder, Modality, Unit};
use ndarray::Array2;

use crate::host::host;
use crate::places::Named;
use crate::{Error, Method, MethodFactory, Result, Settings, Subject};

/// y(project(row_i)) of every token i, signed: how similar a patch is by itself, when the last block's attention
/// no longer mixes it with what is elsewhere.
///
/// In place of attending, a token keeps its own value v_i
/// ([`Values`](LastAttention::Values); Zhou, Loy and Dai, *Extract Free Dense Labels from CLIP*, ECCV 2022, whose
/// method is known as MaskCLIP), or attends to tokens like itself, by softmax(q qᵀ/√d) + softmax(k kᵀ/√d)
/// ([`Alike`](LastAttention::Alike); Wang, Mei and Yuille, *SCLIP: Rethinking Self-Attention for Dense
/// Vision-Language Inference*, ECCV 2024). The block's MLP is left out.
///
/// Where an attention reads the tower out (MAP pooling), each row is read as if it was the only one. That
/// attention is the last one then: `maskclip` leaves the blocks as they are and takes its values. The authors
/// have images alone; the tokens of a caption are compared with the image in the same way.
#[derive(Debug, Clone, Copy)]
pub struct PatchText {
    /// What takes the last attention's place; it is a part of the method's name.
    pub attention: LastAttention,
    /// What else of the last block is kept, if not the usual.
    pub rest: Option<Rest>,
}

/// What takes the place of the last attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastAttention {
    /// Each token's own value.
    Values,
    /// The values of tokens with like queries and like keys.
    Alike,
}

/// What is kept of the last block beside its attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// Nothing: MaskCLIP's formula.
    None,
    /// What came into the block.
    Residual,
    /// That, and its MLP: the authors' programs.
    All,
}

impl PatchText {
    /// `maskclip` or `sclip`, with nothing changed.
    pub fn new(attention: LastAttention) -> Self {
        Self {
            attention,
            rest: None,
        }
    }

    fn usual(&self) -> Rest {
        match self.attention {
            LastAttention::Values => Rest::None,
            LastAttention::Alike => Rest::Residual,
        }
    }

    fn rest(&self) -> Rest {
        self.rest.unwrap_or(self.usual())
    }

    /// Whether the last attention is that of the tower's pooling.
    fn is_of_pooling(&self, tower: &dyn Tower) -> bool {
        self.attention == LastAttention::Values && tower.head().attention.is_some()
    }

    /// # Errors
    /// [`Error::Setting`] for what a pooling's attention does not have.
    fn keeps(&self, tower: &dyn Tower, modality: Modality) -> Result<()> {
        if !self.is_of_pooling(tower) || self.rest() == Rest::None {
            return Ok(());
        }
        let named = Named {
            method: self.name(),
            setting: "rest",
        };
        let expected = format!(
            "none, since the last attention of the model's {modality} tower is the one that reads it out, and nothing lies beside it"
        );
        Err(named.wrong(self.rest(), expected))
    }

    /// Every token's own embedding.
    ///
    /// # Shapes
    /// - x: `[1, tokens, width]`, the last block's input
    /// - output: `[tokens, projection]`
    fn rows(&self, tower: &dyn Tower, x: Tensor<3>, layout: &Layout) -> Tensor<2> {
        let bias = attention_bias(layout, &x.device());
        let block = tower.encoder().blocks().last();
        let block = block.expect("a tower has blocks");
        let head = tower.head();
        if self.is_of_pooling(tower) && matches!(layout.read, Read::Attention(_)) {
            return head.each(block.forward(x, bias.as_ref(), |attention| attention));
        }
        let projections = block.projections(x.clone());
        let attended = match self.attention {
            LastAttention::Values => projections.value,
            LastAttention::Alike => attend_alike(&projections, bias.as_ref()),
        };
        head.each(match self.rest() {
            Rest::None => block.finish_without_mlp(None, attended),
            Rest::Residual => block.finish_without_mlp(Some(x), attended),
            Rest::All => block.finish(x, attended),
        })
    }
}

/// (softmax(q qᵀ/√d) + softmax(k kᵀ/√d)) v, head by head.
///
/// # Shapes
/// - bias: `[1, 1, tokens, tokens]`, output: `[1, tokens, width]`
fn attend_alike(projections: &Projections, bias: Option<&Tensor<4>>) -> Tensor<3> {
    let to = |alike: &Tensor<3>| {
        let projections = Projections {
            query: alike.clone(),
            key: alike.clone(),
            ..projections.clone()
        };
        projections.attend(bias)
    };
    to(&projections.query) + to(&projections.key)
}

impl MethodFactory for PatchText {
    fn name(&self) -> &str {
        match self.attention {
            LastAttention::Values => "maskclip",
            LastAttention::Alike => "sclip",
        }
    }

    fn description(&self) -> &str {
        match self.attention {
            LastAttention::Values => {
                "Each patch's own value at the last attention, compared with the caption, signed (Zhou, Loy and Dai 2022)"
            }
            LastAttention::Alike => {
                "Each patch, attending last to patches like itself, compared with the caption, signed (Wang, Mei and Yuille 2024)"
            }
        }
    }

    fn configure(&self, settings: &mut Settings) -> Arc<dyn MethodFactory> {
        let takes = "none, residual or all: what is kept of the last block beside its attention";
        let rest = settings.value("rest", takes, |_| true, self.rest(), self.usual());
        Arc::new(Self {
            rest: Some(rest),
            ..*self
        })
    }

    fn fits(&self, model: &DualEncoder, _: Option<&Calibration>) -> Result<()> {
        self.keeps(model.image(), Modality::Image)?;
        self.keeps(model.text(), Modality::Text)
    }

    fn make(&self, _: &DualEncoder, _: Option<&Calibration>) -> Result<Box<dyn Method>> {
        Ok(Box::new(*self))
    }
}

impl Method for PatchText {
    fn factory(&self) -> &dyn MethodFactory {
        self
    }

    fn unit(&self) -> Unit {
        Unit::Cosine
    }

    fn patches(&self, subject: &Subject<'_>) -> Result<Array2<f32>> {
        let tower = subject.model().image();
        let x = subject.image_latent(tower.depth() - 1)?;
        let rows = self.rows(tower, x, subject.image_layout());
        let values = host(subject.image_value(rows)?, "a patch's score")?;
        Ok(subject.on_grid(&values))
    }

    fn tokens(&self, subject: &Subject<'_>) -> Result<Vec<f32>> {
        let tower = subject.model().text();
        let x = subject.text_latent(tower.depth() - 1)?;
        let rows = self.rows(tower, x, subject.text_layout());
        host(subject.text_value(rows)?, "a token's score")
    }
}

impl fmt::Display for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Residual => "residual",
            Self::All => "all",
        })
    }
}

impl FromStr for Rest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "none" => Ok(Self::None),
            "residual" => Ok(Self::Residual),
            "all" => Ok(Self::All),
            _ => Err(Error::Value {
                what: "part of a block",
                found: text.into(),
                expected: "none, residual or all",
            }),
        }
    }
}
