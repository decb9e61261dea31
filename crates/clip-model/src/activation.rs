//! The nonlinearities of blocks.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};
use std::fmt;
use std::str::FromStr;

use burn::tensor::{Tensor, activation};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The MLP's nonlinearity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// x · sigmoid(1.702 x), of the OpenAI weights. Swapping it for [`Gelu`](Self::Gelu) loads
    /// and runs, and quietly gives other embeddings.
    QuickGelu,
    /// x · Φ(x) with the exact error function.
    Gelu,
    /// x · Φ(x) with Φ(x) ≈ ½ (1 + tanh u) = sigmoid(2u), u = √(2/π) (x + 0.044715 x³): SigLIP's.
    /// Embeddings with the exact one differ in the fifth digit.
    #[serde(rename = "gelu_pytorch_tanh")]
    GeluTanh,
}

/// 2 √(2/π): what the tanh approximation's sigmoid has before its polynomial.
const TWICE_SQRT_2_OVER_PI: f64 = FRAC_2_SQRT_PI * FRAC_1_SQRT_2 * 2.0;
/// The cubic term of that polynomial.
const CUBIC: f64 = 0.044_715;

impl Activation {
    /// Applies it element by element.
    pub fn forward<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::QuickGelu => activation::sigmoid(x.clone() * 1.702) * x,
            // Spelt out, since burn's `gelu` has the derivative of the tanh approximation on every
            // backend that does not override it (parity's capacities move by 1e-3).
            Self::Gelu => ((x.clone() * FRAC_1_SQRT_2).erf() + 1.0) * x * 0.5,
            Self::GeluTanh => tanh_gate(x.clone()) * x,
        }
    }

    /// Applies it, and gives its derivative beside: for x s with s = sigmoid(1.702 x) that is
    /// s + 1.702 x s (1 − s), for x Φ(x) it is Φ(x) + x φ(x) with the normal density φ, and for
    /// its approximation with s = sigmoid(2u) s + x s (1 − s) 2u′.
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
            Self::GeluTanh => {
                let gate = tanh_gate(x.clone());
                let inner = (x.clone().square() * (3.0 * CUBIC) + 1.0) * TWICE_SQRT_2_OVER_PI;
                let output = x * gate.clone();
                let slope = output.clone() * (gate.clone().neg() + 1.0) * inner + gate;
                (output, slope)
            }
        }
    }
}

/// sigmoid(2u) of the tanh approximation.
fn tanh_gate<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let inner = (x.clone().square() * CUBIC + 1.0) * x;
    activation::sigmoid(inner * TWICE_SQRT_2_OVER_PI)
}

/// By the names that configurations give them.
impl FromStr for Activation {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "quick_gelu" => Ok(Self::QuickGelu),
            "gelu" => Ok(Self::Gelu),
            "gelu_pytorch_tanh" | "gelu_new" | "gelu_tanh" => Ok(Self::GeluTanh),
            _ => Err(Error::Unsupported {
                file: "an activation".into(),
                found: format!("\"{name}\""),
                expected: "quick_gelu, gelu or gelu_pytorch_tanh",
            }),
        }
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::QuickGelu => "quick_gelu",
            Self::Gelu => "gelu",
            Self::GeluTanh => "gelu_pytorch_tanh",
        })
    }
}
