//! The nonlinearities of blocks.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};
use std::fmt;

use burn::tensor::{Tensor, activation};
use serde::{Deserialize, Serialize};

/// The MLP's nonlinearity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// x · sigmoid(1.702 x), of the OpenAI weights. Swapping it for [`Gelu`](Self::Gelu) loads
    /// and runs, and quietly gives other embeddings.
    QuickGelu,
    /// x · Φ(x) with the exact error function.
    Gelu,
}

impl Activation {
    /// Applies it element by element.
    pub fn forward<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::QuickGelu => activation::sigmoid(x.clone() * 1.702) * x,
            // Spelt out, since burn's `gelu` has the derivative of the tanh approximation on every
            // backend that does not override it (parity's capacities move by 1e-3).
            Self::Gelu => ((x.clone() * FRAC_1_SQRT_2).erf() + 1.0) * x * 0.5,
        }
    }

    /// Applies it, and gives its derivative beside: for x s with s = sigmoid(1.702 x) that is
    /// s + 1.702 x s (1 − s), for x Φ(x) it is Φ(x) + x φ(x) with the normal density φ.
    pub(crate) fn with_slope<const D: usize>(self, x: Tensor<D>) -> (Tensor<D>, Tensor<D>) {
        match self {
            Self::QuickGelu => {
                let gate = activation::sigmoid(x.clone() * 1.702);
                let output = x * gate.clone();
                let slope = output.clone() * (gate.clone() * -1.702 + 1.702) + gate;
                (output, slope)
            }
            Self::Gelu => {
                let share = ((x.clone() * FRAC_1_SQRT_2).erf() + 1.0) * 0.5;
                let density =
                    (x.clone().square() * -0.5).exp() * (FRAC_2_SQRT_PI * FRAC_1_SQRT_2 * 0.5);
                (x.clone() * share.clone(), share + x * density)
            }
        }
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::QuickGelu => "quick_gelu",
            Self::Gelu => "gelu",
        })
    }
}
