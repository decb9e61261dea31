//! Multi-head attention pooling (MAP): one learned query attends to the tokens, y = attention(q, x),
//! and an MLP follows, y + mlp(norm y).

use burn::module::{Module, Param};
use burn::tensor::{DType, Tensor, activation::softmax};

use crate::layer_norm::LayerNorm;
use crate::linear::Linear;
use crate::pooling::pick;
use crate::{Attention, BlockShape, Mlp, Projections, Weights};

/// What reads a SigLIP tower out.
#[derive(Module, Debug)]
pub struct MapHead {
    pub(crate) probe: Param<Tensor<2>>,
    pub(crate) attention: Attention,
    pub(crate) layer_norm: LayerNorm,
    pub(crate) mlp: Mlp,
}

impl MapHead {
    /// Under the names `name.probe`, `name.attention.q_proj…`, `name.layernorm`, `name.mlp`.
    pub(crate) fn load(weights: &mut Weights, name: &str, shape: BlockShape) -> Self {
        let BlockShape {
            width,
            inner,
            heads,
            activation,
            epsilon,
        } = shape;
        let probe = weights.tensor(&format!("{name}.probe"), [1, width]);
        let mut layer = |part: &str, input, output| {
            weights.linear(&format!("{name}.{part}"), input, output, true)
        };
        let attention = Attention {
            q_proj: layer("attention.q_proj", width, width),
            k_proj: layer("attention.k_proj", width, width),
            v_proj: layer("attention.v_proj", width, width),
            out_proj: layer("attention.out_proj", width, width),
            heads,
        };
        let mlp = Mlp {
            fc1: layer("mlp.fc1", width, inner),
            fc2: layer("mlp.fc2", inner, width),
            activation,
            on_host: false,
        };
        Self {
            probe: Param::from_tensor(probe),
            attention,
            layer_norm: weights.layer_norm(&format!("{name}.layernorm"), width, epsilon),
            mlp,
        }
    }

    /// `see` is handed the attention after the softmax, `[batch, heads, 1, rows]`, and returns what
    /// to go on with.
    ///
    /// # Shapes
    /// - x: `[batch, tokens, width]`, of which `rows` are attended to
    /// - output: `[batch, width]`
    pub(crate) fn forward(
        &self,
        x: Tensor<3>,
        rows: &[usize],
        see: impl FnOnce(Tensor<4>) -> Tensor<4>,
    ) -> Tensor<2> {
        let x = pick(x, rows);
        let weights = self.weights(self.folded(x.dims()[0], x.dtype()), x.clone());
        let weights: Tensor<3> = see(weights.unsqueeze_dim(2)).squeeze_dim(2);
        // They add up to 1, whatever they are; their gradients hold what would be if they did not, as in
        // every program that adds the bias to each value.
        let beyond = weights.clone().sum_dim(2) - 1.0;
        let [batch, heads, _] = beyond.dims();
        let value = self.value(weights, x);
        let value = match self.attention.v_proj.bias() {
            Some(bias) => {
                let [width] = bias.dims();
                let bias = bias.reshape([1, heads, width / heads]).cast(value.dtype());
                value + (beyond * bias).reshape([batch, width])
            }
            None => value,
        };
        self.finish(value)
    }

    /// What its attention works with: one query, and a key and a value for each of the rows.
    ///
    /// # Shapes
    /// - x: `[batch, rows, width]`
    pub fn projections(&self, x: Tensor<3>) -> Projections {
        let [batch, _, width] = x.dims();
        let query = self.attention.q_proj.forward(self.probe.val());
        Projections {
            query: query.unsqueeze::<3>().expand([batch, 1, width]),
            key: self.attention.k_proj.forward(x.clone()),
            value: self.attention.v_proj.forward(x),
            heads: self.attention.heads,
        }
    }

    /// What is pooled of rows that are attended to one by one: each has all the attention then.
    ///
    /// # Shapes
    /// - x and output: `[rows, width]`
    pub(crate) fn forward_alone(&self, x: Tensor<2>) -> Tensor<2> {
        self.finish(self.attention.v_proj.forward(x))
    }

    /// What follows the attention.
    ///
    /// # Shapes
    /// - attended and output: `[batch, width]`, the heads' sums of values side by side
    pub fn finish(&self, attended: Tensor<2>) -> Tensor<2> {
        let x = self.attention.out_proj.forward(attended);
        self.mlp.forward(self.layer_norm.forward(x.clone())) + x
    }

    /// The query with the key projection moved to its side, as in
    /// [`Attention::forward_at`](crate::Attention::forward_at).
    ///
    /// # Shapes
    /// - output: `[batch, heads, width]`
    pub(crate) fn folded(&self, batch: usize, dtype: DType) -> Tensor<3> {
        let [_, width] = self.probe.val().dims();
        let (heads, depth) = (self.attention.heads, width / self.attention.heads);
        let query = self.attention.q_proj.forward(self.probe.val()) / (depth as f64).sqrt();
        let query = query.reshape([heads, 1, depth]);
        let folded = query.matmul(self.by_output(&self.attention.k_proj, dtype));
        folded.swap_dims(0, 1).expand([batch, heads, width])
    }

    /// # Shapes
    /// - folded: `[batch, heads, width]`
    /// - x: `[batch, rows, width]`
    /// - output: `[batch, heads, rows]`
    pub(crate) fn weights(&self, folded: Tensor<3>, x: Tensor<3>) -> Tensor<3> {
        softmax(folded.matmul(x.swap_dims(1, 2)), 2)
    }

    /// # Shapes
    /// - weights: `[batch, heads, rows]`
    /// - x: `[batch, rows, width]`
    /// - output: `[batch, width]`
    pub(crate) fn value(&self, weights: Tensor<3>, x: Tensor<3>) -> Tensor<2> {
        let [batch, _, width] = x.dims();
        let w_value = self.value_by_head(x.dtype()).swap_dims(1, 2);
        let mean = weights.matmul(x).swap_dims(0, 1); // [heads, batch, width]
        let value = mean.matmul(w_value).swap_dims(0, 1);
        let value = value.reshape([batch, width]);
        self.attention.v_proj.add_bias(value)
    }

    /// The value projection of each head, `[heads, depth, width]`.
    pub(crate) fn value_by_head(&self, dtype: DType) -> Tensor<3> {
        self.by_output(&self.attention.v_proj, dtype)
    }

    /// `[batch, width]` as `[heads, batch, depth]`.
    pub(crate) fn by_head(&self, x: Tensor<2>) -> Tensor<3> {
        let [batch, width] = x.dims();
        let heads = self.attention.heads;
        x.reshape([batch, heads, width / heads]).swap_dims(0, 1)
    }

    fn by_output(&self, layer: &Linear, dtype: DType) -> Tensor<3> {
        let [_, width] = self.probe.val().dims();
        let heads = self.attention.heads;
        let weight = layer.by_output();
        weight.reshape([heads, width / heads, width]).cast(dtype)
    }

    /// All its dense layers.
    pub(crate) fn dense(&mut self) -> [&mut Linear; 6] {
        let Attention {
            q_proj,
            k_proj,
            v_proj,
            out_proj,
            ..
        } = &mut self.attention;
        let Mlp { fc1, fc2, .. } = &mut self.mlp;
        [q_proj, k_proj, v_proj, out_proj, fc1, fc2]
    }
}
