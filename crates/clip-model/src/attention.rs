//! Multi-head self-attention: softmax(Q Kᵀ / √d) V, heads side by side.

use burn::module::Module;
use burn::tensor::{Tensor, activation::softmax};

use crate::linear::Linear;

/// Attention of one block.
#[derive(Module, Debug)]
pub struct Attention {
    pub(crate) q_proj: Linear,
    pub(crate) k_proj: Linear,
    pub(crate) v_proj: Linear,
    pub(crate) out_proj: Linear,
    pub(crate) heads: usize,
}

impl Attention {
    /// Attends from every token to every token that `bias` leaves open.
    ///
    /// `see` is handed the attention after the softmax, `[batch, heads, tokens, tokens]`, and
    /// returns what to go on with (the same tensor, unless a method needs its own there).
    ///
    /// # Shapes
    /// - x: `[batch, tokens, width]`
    /// - bias: `[1, 1, tokens, tokens]`, added to the logits
    /// - output: `[batch, tokens, width]`
    pub fn forward(
        &self,
        x: Tensor<3>,
        bias: Option<&Tensor<4>>,
        see: impl FnOnce(Tensor<4>) -> Tensor<4>,
    ) -> Tensor<3> {
        let [batch, tokens, width] = x.dims();
        let (heads, depth) = (self.heads, width / self.heads);
        let split = |x: Tensor<3>| x.reshape([batch, tokens, heads, depth]).swap_dims(1, 2);
        let query = split(self.q_proj.forward(x.clone())) / (depth as f64).sqrt();
        let key = split(self.k_proj.forward(x.clone()));
        let value = split(self.v_proj.forward(x));
        let logits = query.matmul(key.swap_dims(2, 3));
        let logits = match bias {
            Some(bias) => logits + bias.clone(),
            None => logits,
        };
        let attended = see(softmax(logits, 3)).matmul(value);
        self.out_proj
            .forward(attended.swap_dims(1, 2).reshape([batch, tokens, width]))
    }

    /// Attends from the token at `position` alone, to the first `visible` tokens.
    ///
    /// With one query a head, the key and value projections move out of the sum over tokens:
    /// q·(W_K x + b_K) = (W_Kᵀ q)·x + const, and Σ a (W_V x + b_V) = W_V (Σ a x) + b_V since the
    /// attention a sums to one. No token but the pooled one passes through a projection.
    ///
    /// # Shapes
    /// - x: `[batch, tokens, width]`
    /// - output: `[batch, width]`
    pub fn forward_at(&self, x: Tensor<3>, position: usize, visible: usize) -> Tensor<2> {
        let [batch, tokens, width] = x.dims();
        let (heads, depth) = (self.heads, width / self.heads);
        let query = self
            .q_proj
            .forward(x.clone().narrow(1, position, 1).squeeze_dim::<2>(1));
        let x = if visible < tokens {
            x.narrow(1, 0, visible)
        } else {
            x
        };
        let dtype = x.dtype();
        let heads_first =
            |layer: &Linear| layer.by_output().reshape([heads, depth, width]).cast(dtype);
        let w_key = heads_first(&self.k_proj);
        let query = query.reshape([batch, heads, depth]).swap_dims(0, 1) / (depth as f64).sqrt();
        let folded = query.matmul(w_key).swap_dims(0, 1); // [batch, heads, width]
        let attention = softmax(folded.matmul(x.clone().swap_dims(1, 2)), 2);
        let mean = attention.matmul(x).swap_dims(0, 1); // [heads, batch, width]
        let w_value = heads_first(&self.v_proj).swap_dims(1, 2); // [heads, width, depth]
        let value = mean.matmul(w_value).swap_dims(0, 1).reshape([batch, width]);
        self.out_proj.forward(self.v_proj.add_bias(value))
    }
}
