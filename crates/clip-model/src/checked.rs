//! Numbers and names of configurations, held against what makes a model.

use std::fmt;

use crate::{Activation, Error, Result};

pub(crate) fn invalid(
    file: &str,
    field: &'static str,
    found: impl fmt::Display,
    expected: impl Into<String>,
) -> Error {
    clip_input::Error::Config {
        file: file.into(),
        field,
        found: found.to_string(),
        expected: expected.into(),
    }
    .into()
}

/// Far beyond any published model, and small enough that no product of two sizes overflows.
pub(crate) const MAX_SIZE: usize = 1 << 24;

pub(crate) fn positive(file: &str, field: &'static str, value: usize) -> Result<usize> {
    if (1..=MAX_SIZE).contains(&value) {
        Ok(value)
    } else {
        let expected = format!("a positive number, at most {MAX_SIZE}");
        Err(invalid(file, field, value, expected))
    }
}

/// Far beyond any published tower; a billion blocks would be a billion missing tensors to list.
const MAX_DEPTH: usize = 1000;

pub(crate) fn depth(file: &str, field: &'static str, value: usize) -> Result<usize> {
    if (1..=MAX_DEPTH).contains(&value) {
        Ok(value)
    } else {
        Err(invalid(file, field, value, format!("1 to {MAX_DEPTH}")))
    }
}

pub(crate) fn epsilon(file: &str, field: &'static str, value: f64) -> Result<f64> {
    if value.is_finite() && value > 0.0 {
        Ok(value)
    } else {
        Err(invalid(file, field, value, "a small positive number"))
    }
}

pub(crate) fn check_heads(file: &str, of: &str, width: usize, heads: usize) -> Result<()> {
    if width == 0 || heads == 0 || !width.is_multiple_of(heads) {
        return Err(invalid(
            file,
            "num_attention_heads",
            heads,
            format!("a divisor of {of} {width}"),
        ));
    }
    Ok(())
}

pub(crate) fn activation(file: &str, field: &'static str, name: &str) -> Result<Activation> {
    name.parse().map_err(|_| {
        invalid(
            file,
            field,
            format!("\"{name}\""),
            "\"quick_gelu\", \"gelu\" (exact) or \"gelu_pytorch_tanh\"",
        )
    })
}
