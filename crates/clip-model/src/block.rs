//! One pre-norm transformer block: x + attn(norm₁ x), then + mlp(norm₂ x).

use burn::module::Module;
use burn::tensor::Tensor;

use crate::checkpoint::Checkpoint;
use crate::layer_norm::LayerNorm;
use crate::{Activation, Attention, Mlp, Precision};

/// A block of either tower.
#[derive(Module, Debug)]
pub struct Block {
    pub(crate) layer_norm1: LayerNorm,
    pub(crate) self_attn: Attention,
    pub(crate) layer_norm2: LayerNorm,
    pub(crate) mlp: Mlp,
}

/// The dimensions of a tower's blocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlockShape {
    pub(crate) width: usize,
    pub(crate) inner: usize,
    pub(crate) heads: usize,
    pub(crate) activation: Activation,
    pub(crate) epsilon: f64,
}

impl Block {
    pub(crate) fn load(weights: &mut Checkpoint, name: &str, shape: BlockShape) -> Self {
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
        Self {
            layer_norm1: weights.layer_norm(&format!("{name}.layer_norm1"), width, epsilon),
            self_attn,
            layer_norm2: weights.layer_norm(&format!("{name}.layer_norm2"), width, epsilon),
            mlp: Mlp {
                fc1: weights.linear(&format!("{name}.mlp.fc1"), width, inner, true),
                fc2: weights.linear(&format!("{name}.mlp.fc2"), inner, width, true),
                activation,
                on_host: false,
            },
        }
    }

    /// See [`Clip::set_precision`](crate::Clip::set_precision).
    pub(crate) fn set_precision(&mut self, precision: Precision) {
        let Attention {
            q_proj,
            k_proj,
            v_proj,
            out_proj,
            ..
        } = &mut self.self_attn;
        let Mlp { fc1, fc2, .. } = &mut self.mlp;
        for layer in [q_proj, k_proj, v_proj, out_proj, fc1, fc2] {
            layer.set_precision(precision);
        }
    }

    /// See [`Clip::computes_on_host`](crate::Clip::computes_on_host).
    pub(crate) fn computes_on_host(&mut self, yes: bool) {
        self.mlp.on_host = yes;
        self.layer_norm1.on_host = yes;
        self.layer_norm2.on_host = yes;
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
        let x = self
            .self_attn
            .forward(self.layer_norm1.forward(x.clone()), bias, see)
            + x;
        self.mlp.forward(self.layer_norm2.forward(x.clone())) + x
    }

    /// The output at `position` alone, which sees the first `visible` tokens: what remains of a
    /// tower's last block, since only the pooled token leaves it.
    ///
    /// # Shapes
    /// - x: `[batch, tokens, width]`
    /// - output: `[batch, width]`
    pub fn forward_at(&self, x: Tensor<3>, position: usize, visible: usize) -> Tensor<2> {
        let residual = x.clone().narrow(1, position, 1).squeeze_dim::<2>(1);
        let normed = self.layer_norm1.forward(x);
        let x = self.self_attn.forward_at(normed, position, visible) + residual;
        self.mlp.forward(self.layer_norm2.forward(x.clone())) + x
    }
}
