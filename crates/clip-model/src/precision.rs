//! The number format of weights, in files and in use.

use std::fmt;
use std::str::FromStr;

use burn::tensor::{DType, Device};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A number format of weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32 bits, 24 of them for digits: what everything else is computed in.
    #[default]
    F32,
    /// 16 bits, 11 of them for digits; the largest number is 65,504.
    F16,
    /// 16 bits, 8 of them for digits, with the range of 32 bits.
    Bf16,
}

impl Precision {
    /// All there are, the most exact first.
    pub const ALL: [Self; 3] = [Self::F32, Self::F16, Self::Bf16];

    pub(crate) fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::F16 => DType::F16,
            Self::Bf16 => DType::BF16,
        }
    }

    /// Those in which a device can store matrices and multiply them.
    pub fn supported_by(device: &Device) -> impl Iterator<Item = Self> {
        let has = |precision: &Self| device.supports_dtype(precision.dtype());
        Self::ALL.into_iter().filter(has)
    }

    /// # Errors
    /// [`Error::Precision`] with the formats that the device has.
    pub(crate) fn check(self, device: &Device) -> Result<()> {
        if Self::supported_by(device).any(|precision| precision == self) {
            return Ok(());
        }
        let has: Vec<_> = Self::supported_by(device)
            .map(|precision| precision.to_string())
            .collect();
        Err(Error::Precision {
            found: self,
            device: format!("{:?}", device.as_dispatch()),
            expected: has.join(" or "),
        })
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        })
    }
}

impl FromStr for Precision {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let named = |precision: &Self| precision.to_string() == text;
        let found = Self::ALL.into_iter().find(named);
        found.ok_or_else(|| Error::PrecisionName { found: text.into() })
    }
}
