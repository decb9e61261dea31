//! From what was pooled into the space that both towers share: a dense layer, two of them, or nothing.

use burn::module::Module;

use crate::linear::Linear;
use crate::{Activation, Head, Mlp, Weights};

/// The last layers of a tower.
#[derive(Module, Debug)]
pub(crate) struct Output {
    pub(crate) pooler: Option<Linear>,
    pub(crate) projection: Option<Linear>,
    pub(crate) perceptron: Option<Mlp>,
}

/// Which of them there are.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OutputShape {
    /// Whether tanh of a dense layer comes first.
    pub(crate) pooler: bool,
    pub(crate) projection: ProjectionShape,
}

/// What the projection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProjectionShape {
    None,
    Linear {
        output: usize,
        bias: bool,
    },
    /// Two layers with an exact gelu between.
    Mlp {
        inner: usize,
        output: usize,
        /// Of the first, and of the second.
        bias: [bool; 2],
    },
}

impl OutputShape {
    /// A projection alone.
    pub(crate) fn projection(projection: ProjectionShape) -> Self {
        Self {
            pooler: false,
            projection,
        }
    }
}

impl Output {
    /// Under the names `name.weight`, or `name.0.weight` and `name.1.weight` of two layers, and
    /// `name.pooler.weight`.
    pub(crate) fn load(
        weights: &mut Weights,
        name: &str,
        width: usize,
        shape: &OutputShape,
    ) -> Self {
        let mut layer = |part: &str, input, output, bias| {
            weights.linear(&format!("{name}{part}"), input, output, bias)
        };
        let pooler = shape.pooler.then(|| layer(".pooler", width, width, true));
        let (mut projection, mut perceptron) = (None, None);
        match shape.projection {
            ProjectionShape::None => {}
            ProjectionShape::Linear { output, bias } => {
                projection = Some(layer("", width, output, bias));
            }
            ProjectionShape::Mlp {
                inner,
                output,
                bias,
            } => {
                perceptron = Some(Mlp {
                    fc1: layer(".0", width, inner, bias[0]),
                    fc2: layer(".1", inner, output, bias[1]),
                    activation: Activation::Gelu,
                    on_host: false,
                });
            }
        }
        Self {
            pooler,
            projection,
            perceptron,
        }
    }

    pub(crate) fn head(&self) -> Head<'_> {
        Head {
            pooler: self.pooler.as_ref(),
            projection: self.projection.as_ref(),
            perceptron: self.perceptron.as_ref(),
            ..Head::default()
        }
    }

    /// All its dense layers.
    pub(crate) fn dense(&mut self) -> Vec<&mut Linear> {
        let Self {
            pooler,
            projection,
            perceptron,
        } = self;
        let perceptron = perceptron.iter_mut();
        let two = perceptron.flat_map(|Mlp { fc1, fc2, .. }| [fc1, fc2]);
        let layers = pooler.iter_mut().chain(projection.iter_mut());
        layers.chain(two).collect()
    }
}
