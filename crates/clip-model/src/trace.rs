//! Hidden states and attention maps of a forward pass, kept when asked for, with the gradients
//! with respect to them.

use burn::tensor::{Gradients, Tensor};

/// What a trace keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TraceOptions {
    /// The input of every block and the output of the last.
    pub hidden: bool,
    /// Every block's attention after the softmax.
    pub attention: bool,
    /// Track everything kept, so that a scalar made from the [`output`](Trace::output) can be
    /// differentiated with respect to it.
    pub gradients: bool,
}

/// A kept tensor, and the point where its gradient is caught.
///
/// burn hands out gradients of leaves only, so a zero leaf is added: ∂y/∂(x + 0) = ∂y/∂x.
#[derive(Debug, Clone)]
struct Kept<const D: usize> {
    value: Tensor<D>,
    leaf: Option<Tensor<D>>,
}

impl<const D: usize> Kept<D> {
    fn new(value: Tensor<D>, gradients: bool) -> Self {
        if !gradients {
            return Self { value, leaf: None };
        }
        let plain = if value.is_autodiff() {
            value.clone().inner()
        } else {
            value.clone()
        };
        let leaf = plain.zeros_like().autodiff().require_grad();
        let tracked = if value.is_autodiff() {
            value
        } else {
            value.autodiff()
        };
        Self {
            value: tracked + leaf.clone(),
            leaf: Some(leaf),
        }
    }

    fn gradient(&self, gradients: &Gradients) -> Option<Tensor<D>> {
        self.leaf.as_ref()?.grad(gradients)
    }
}

/// What a forward pass left behind.
#[derive(Debug, Clone)]
pub struct Trace {
    options: TraceOptions,
    hidden: Vec<Kept<3>>,
    attention: Vec<Kept<4>>,
    /// Of the head that reads the tower out, if it is one.
    pooling: Option<Kept<4>>,
    output: Option<Tensor<3>>,
}

impl Trace {
    pub(crate) fn new(options: TraceOptions) -> Self {
        Self {
            options,
            hidden: Vec::new(),
            attention: Vec::new(),
            pooling: None,
            output: None,
        }
    }

    pub(crate) fn hidden(&mut self, x: Tensor<3>) -> Tensor<3> {
        if !self.options.hidden {
            return x;
        }
        keep(&mut self.hidden, x, self.options.gradients)
    }

    pub(crate) fn attention(&mut self, x: Tensor<4>) -> Tensor<4> {
        if !self.options.attention {
            return x;
        }
        keep(&mut self.attention, x, self.options.gradients)
    }

    pub(crate) fn pooling(&mut self, x: Tensor<4>) -> Tensor<4> {
        if !self.options.attention {
            return x;
        }
        let kept = Kept::new(x, self.options.gradients);
        self.pooling.insert(kept).value.clone()
    }

    pub(crate) fn finish(mut self, output: Tensor<3>) -> Self {
        self.output = Some(output);
        self
    }

    /// Hidden state `index`: 0 is the input of block 0, `i` the output of block `i − 1`, as in
    /// transformers' `hidden_states`. `[batch, tokens, width]`
    pub fn hidden_state(&self, index: usize) -> Option<Tensor<3>> {
        self.hidden.get(index).map(|kept| kept.value.clone())
    }

    /// Number of hidden states kept.
    pub fn hidden_states(&self) -> usize {
        self.hidden.len()
    }

    /// Attention of block `index` after the softmax. `[batch, heads, tokens, tokens]`
    pub fn attention_map(&self, index: usize) -> Option<Tensor<4>> {
        self.attention.get(index).map(|kept| kept.value.clone())
    }

    /// The attention that [reads the tower out](crate::Tower::read_trace), where an attention does.
    /// `[batch, heads, 1, rows]`, over the rows that are read
    pub fn pooling_map(&self) -> Option<Tensor<4>> {
        self.pooling.as_ref().map(|kept| kept.value.clone())
    }

    /// Gradient with respect to [`pooling_map`](Self::pooling_map), as for hidden states.
    pub fn pooling_gradient(&self, gradients: &Gradients) -> Option<Tensor<4>> {
        self.pooling.as_ref()?.gradient(gradients)
    }

    /// Gradient with respect to hidden state `index`, if gradients were asked for and the
    /// differentiated scalar depends on it.
    pub fn hidden_gradient(&self, index: usize, gradients: &Gradients) -> Option<Tensor<3>> {
        self.hidden.get(index)?.gradient(gradients)
    }

    /// Gradient with respect to the attention of block `index`, as for hidden states.
    pub fn attention_gradient(&self, index: usize, gradients: &Gradients) -> Option<Tensor<4>> {
        self.attention.get(index)?.gradient(gradients)
    }

    /// The last block's output, to pool and project. `[batch, tokens, width]`
    pub fn output(&self) -> Tensor<3> {
        self.output
            .clone()
            .expect("a trace is handed out only when it is finished")
    }
}

fn keep<const D: usize>(kept: &mut Vec<Kept<D>>, x: Tensor<D>, gradients: bool) -> Tensor<D> {
    let entry = Kept::new(x, gradients);
    let value = entry.value.clone();
    kept.push(entry);
    value
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;

    use super::*;
    use crate::clip::{ClipConfig, random_clip};
    use crate::{ImageTower, Tower, Trainable};

    fn tiny() -> Trainable {
        let json = br#"{"projection_dim": 6, "vision_config": {"hidden_size": 8,
            "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
            "image_size": 4, "patch_size": 2}, "text_config": {"vocab_size": 5, "hidden_size": 4,
            "num_attention_heads": 1, "num_hidden_layers": 1, "intermediate_size": 4}}"#;
        let config = ClipConfig::from_json(json, "config.json").unwrap();
        random_clip(config, 3, &m2ib_cpu::flex())
    }

    /// Values that follow no pattern.
    fn scattered<const D: usize>(shape: [usize; D]) -> Tensor<D> {
        let count = shape.iter().product::<usize>();
        let values: Vec<f32> = (0..count).map(|i| (i as f32 * 2.7).sin()).collect();
        Tensor::from_data(TensorData::new(values, shape), &m2ib_cpu::flex())
    }

    #[test]
    fn gradients_of_attention_are_slopes() {
        let clip = tiny();
        let tower = &clip.image;
        let x = tower.embed(scattered([1, 3, 4, 4])).unwrap();
        let layout = tower.layout([4, 4]).unwrap();
        let layout = &layout;
        let score = |x: Tensor<3>| tower.read_out(tower.depth(), x, layout).sum();
        let options = TraceOptions {
            attention: true,
            gradients: true,
            hidden: false,
        };
        let trace = tower.trace(x.clone(), layout, options);
        let gradients = score(trace.output()).backward();
        for index in 0..2 {
            let gradient = trace.attention_gradient(index, &gradients).unwrap();
            let direction = scattered(gradient.dims());
            let at = |step: f64| {
                let change = direction.clone() * step;
                let blocks = tower.encoder().layers.iter().enumerate();
                let x = blocks.fold(x.clone(), |x, (block, layer)| {
                    let see = |a| {
                        if block == index {
                            a + change.clone()
                        } else {
                            a
                        }
                    };
                    layer.forward(x, None, see)
                });
                f64::from(score(x).into_scalar::<f32>())
            };
            let slope = (at(1e-2) - at(-1e-2)) / 2e-2;
            let product = f64::from((gradient * direction).sum().into_scalar::<f32>());
            assert!(
                (slope - product).abs() < 1e-3 * slope.abs().max(0.1),
                "block {index}: {slope} {product}"
            );
        }
    }
}
