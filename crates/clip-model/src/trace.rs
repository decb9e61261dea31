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
    output: Option<Tensor<3>>,
}

impl Trace {
    pub(crate) fn new(options: TraceOptions) -> Self {
        Self {
            options,
            hidden: Vec::new(),
            attention: Vec::new(),
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
