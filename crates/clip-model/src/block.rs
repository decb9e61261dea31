//! One transformer block: x + attn(norm₁ x), then + mlp(norm₂ x), or with its norms behind the
//! sums: norm₁(x + attn x), then norm₂(x + mlp x).

use burn::module::Module;
use burn::tensor::{Tensor, activation::softmax};

use crate::layer_norm::LayerNorm;
use crate::linear::Linear;
use crate::{Activation, Attention, Mlp, Precision, Weights};

/// A block of either tower.
#[derive(Module, Debug)]
pub struct Block {
    pub(crate) layer_norm1: LayerNorm,
    pub(crate) self_attn: Attention,
    pub(crate) layer_norm2: LayerNorm,
    pub(crate) mlp: Mlp,
    #[module(skip)]
    pub(crate) norms: Norms,
}

/// Where a block's norms are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Norms {
    /// Of what attention and MLP take in.
    #[default]
    Before,
    /// Of the sums that they are added to: BERT's.
    After,
}

/// What blocks have beyond their [dimensions](BlockShape).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct BlockForm {
    pub(crate) norms: Norms,
    /// Whether the files hold factors for what attention and MLP add (LayerScale). They are
    /// multiplied into the layers before them once, when those are loaded.
    pub(crate) layer_scale: bool,
}

/// Queries, keys and values of a block.
#[derive(Debug, Clone)]
pub struct Projections {
    /// `[batch, queries, width]`, a query a token or one that is learned, not yet scaled.
    pub query: Tensor<3>,
    /// `[batch, tokens, width]`
    pub key: Tensor<3>,
    /// `[batch, tokens, width]`
    pub value: Tensor<3>,
    /// Heads that the width is split into.
    pub heads: usize,
}

impl Projections {
    /// softmax(Q Kᵀ / √d) V for so many heads: what [`Block::finish`] takes.
    ///
    /// # Shapes
    /// - bias: `[1, 1, tokens, tokens]`, added to the logits
    /// - output: `[batch, queries, width]`
    pub fn attend(self, bias: Option<&Tensor<4>>) -> Tensor<3> {
        self.attend_seen(bias, |attention| attention)
    }

    /// As [`attend`](Self::attend); `see` is handed the attention after the softmax,
    /// `[batch, heads, queries, tokens]`, and returns what to go on with.
    ///
    /// # Shapes
    /// - bias: `[1, 1, tokens, tokens]`, added to the logits
    /// - output: `[batch, queries, width]`
    pub fn attend_seen(
        self,
        bias: Option<&Tensor<4>>,
        see: impl FnOnce(Tensor<4>) -> Tensor<4>,
    ) -> Tensor<3> {
        let [batch, queries, width] = self.query.dims();
        let (heads, depth) = (self.heads, width / self.heads);
        let split = |x: Tensor<3>| {
            let [_, tokens, _] = x.dims();
            x.reshape([batch, tokens, heads, depth]).swap_dims(1, 2)
        };
        let query = split(self.query) / (depth as f64).sqrt();
        let logits = query.matmul(split(self.key).swap_dims(2, 3));
        let logits = match bias {
            Some(bias) => logits + bias.clone(),
            None => logits,
        };
        let attended = see(softmax(logits, 3)).matmul(split(self.value));
        attended.swap_dims(1, 2).reshape([batch, queries, width])
    }
}

/// The dimensions of a tower's blocks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BlockShape {
    /// Width of the residual stream.
    pub width: usize,
    /// Width of the MLP's inner layer.
    pub inner: usize,
    /// Attention heads.
    pub heads: usize,
    /// The MLP's nonlinearity.
    pub activation: Activation,
    /// ε of the layer norms.
    pub epsilon: f64,
}

impl Block {
    pub(crate) fn load(
        weights: &mut Weights,
        name: &str,
        shape: BlockShape,
        form: BlockForm,
    ) -> Self {
        let BlockShape {
            width,
            inner,
            heads,
            activation,
            epsilon,
        } = shape;
        let mut projection = |which| {
            weights.linear(
                &format!("{name}.self_attn.{which}_proj"),
                width,
                width,
                true,
            )
        };
        let self_attn = Attention {
            q_proj: projection("q"),
            k_proj: projection("k"),
            v_proj: projection("v"),
            out_proj: projection("out"),
            heads,
        };
        let mut block = Self {
            layer_norm1: weights.layer_norm(&format!("{name}.layer_norm1"), width, epsilon),
            self_attn,
            layer_norm2: weights.layer_norm(&format!("{name}.layer_norm2"), width, epsilon),
            mlp: Mlp {
                fc1: weights.linear(&format!("{name}.mlp.fc1"), width, inner, true),
                fc2: weights.linear(&format!("{name}.mlp.fc2"), inner, width, true),
                activation,
                on_host: false,
            },
            norms: form.norms,
        };
        if form.layer_scale {
            let mut factors = |part| weights.tensor(&format!("{name}.layer_scale{part}"), [width]);
            let (out_proj, fc2) = (&mut block.self_attn.out_proj, &mut block.mlp.fc2);
            *out_proj = out_proj.times(factors(1));
            *fc2 = fc2.times(factors(2));
        }
        block
    }

    /// What is left of its form once it is loaded.
    pub(crate) fn form(&self) -> BlockForm {
        BlockForm {
            norms: self.norms,
            layer_scale: false,
        }
    }

    pub(crate) fn shape(&self) -> BlockShape {
        let [width] = self.layer_norm1.weight.val().dims();
        BlockShape {
            width,
            inner: self.mlp.fc1.outputs(),
            heads: self.self_attn.heads,
            activation: self.mlp.activation,
            epsilon: self.layer_norm1.epsilon,
        }
    }

    /// See [`DualEncoder::set_precision`](crate::DualEncoder::set_precision).
    pub(crate) fn set_precision(&mut self, precision: Precision) {
        for layer in self.dense() {
            layer.set_precision(precision);
        }
    }

    /// All its dense layers.
    pub(crate) fn dense(&mut self) -> [&mut Linear; 6] {
        let Attention {
            q_proj,
            k_proj,
            v_proj,
            out_proj,
            ..
        } = &mut self.self_attn;
        let Mlp { fc1, fc2, .. } = &mut self.mlp;
        [q_proj, k_proj, v_proj, out_proj, fc1, fc2]
    }

    /// See [`DualEncoder::computes_on_host`](crate::DualEncoder::computes_on_host).
    pub(crate) fn computes_on_host(&mut self, yes: bool) {
        self.mlp.on_host = yes;
        self.layer_norm1.on_host = yes;
        self.layer_norm2.on_host = yes;
    }

    /// What the block's attention works with.
    ///
    /// # Shapes
    /// - x: `[batch, tokens, width]`
    pub fn projections(&self, x: Tensor<3>) -> Projections {
        let x = self.attention_input(x);
        let attention = &self.self_attn;
        Projections {
            query: attention.q_proj.forward(x.clone()),
            key: attention.k_proj.forward(x.clone()),
            value: attention.v_proj.forward(x),
            heads: attention.heads,
        }
    }

    /// The rest of the block behind the attention.
    ///
    /// # Shapes
    /// - x and output: `[batch, tokens, width]`, x being the block's input
    /// - attended: `[batch, tokens, width]`, the heads' sums of values side by side
    pub fn finish(&self, x: Tensor<3>, attended: Tensor<3>) -> Tensor<3> {
        self.rest(x, self.self_attn.out_proj.forward(attended))
    }

    /// What leaves the block without its MLP, and without what came in unless that is given. Norms
    /// behind the sums stay: what reads the tower out expects them.
    ///
    /// # Shapes
    /// - x and output: `[batch, tokens, width]`, x being the block's input
    /// - attended: `[batch, tokens, width]`, the heads' sums of values side by side
    pub fn finish_without_mlp(&self, x: Option<Tensor<3>>, attended: Tensor<3>) -> Tensor<3> {
        let added = self.self_attn.out_proj.forward(attended);
        let sum = match x {
            Some(x) => x + added,
            None => added,
        };
        match self.norms {
            Norms::Before => sum,
            Norms::After => self.layer_norm2.forward(self.layer_norm1.forward(sum)),
        }
    }

    /// What attention works on.
    fn attention_input(&self, x: Tensor<3>) -> Tensor<3> {
        match self.norms {
            Norms::Before => self.layer_norm1.forward(x),
            Norms::After => x,
        }
    }

    /// What follows the attention, from the block's input and what attention adds to it.
    fn rest<const D: usize>(&self, x: Tensor<D>, added: Tensor<D>) -> Tensor<D> {
        let x = x + added;
        match self.norms {
            Norms::Before => self.mlp.forward(self.layer_norm2.forward(x.clone())) + x,
            Norms::After => {
                let x = self.layer_norm1.forward(x);
                self.layer_norm2.forward(self.mlp.forward(x.clone()) + x)
            }
        }
    }

    /// # Shapes
    /// - x and output: `[batch, tokens, width]`
    /// - bias: `[1, 1, tokens, tokens]`, added to the attention's logits
    /// - see: given and giving `[batch, heads, tokens, tokens]`
    pub fn forward(
        &self,
        x: Tensor<3>,
        bias: Option<&Tensor<4>>,
        see: impl FnOnce(Tensor<4>) -> Tensor<4>,
    ) -> Tensor<3> {
        let input = self.attention_input(x.clone());
        let added = self.self_attn.forward(input, bias, see);
        self.rest(x, added)
    }

    /// The output at `position` alone, which sees the first `visible` tokens: what remains of a
    /// tower's last block, since only the pooled token leaves it.
    ///
    /// # Shapes
    /// - x: `[batch, tokens, width]`
    /// - output: `[batch, width]`
    pub fn forward_at(&self, x: Tensor<3>, position: usize, visible: usize) -> Tensor<2> {
        let residual = x.clone().narrow(1, position, 1).squeeze_dim::<2>(1);
        let input = self.attention_input(x);
        let added = self.self_attn.forward_at(input, position, visible);
        self.rest(residual, added)
    }
}
