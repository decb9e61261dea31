//! What masked tokens become, as a setting.

use std::fmt;
use std::str::FromStr;

use m2ib::DualEncoder;

use crate::places::Named;
use crate::{Error, Fill, Result, Settings};

impl Fill {
    /// The setting `fill`, usually zeros.
    pub(super) fn configure(self, settings: &mut Settings) -> Self {
        let takes = "zero, mean or a token's id";
        settings.value("fill", takes, |_| true, self, Self::Zero)
    }

    /// Whether a model has the token.
    pub(super) fn check(self, method: &str, model: &DualEncoder) -> Result<()> {
        let setting = "fill";
        Named { method, setting }.fill(self, model)
    }
}

impl fmt::Display for Fill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zero => f.write_str("zero"),
            Self::Mean => f.write_str("mean"),
            Self::Id(id) => id.fmt(f),
        }
    }
}

impl FromStr for Fill {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "zero" => Ok(Self::Zero),
            "mean" => Ok(Self::Mean),
            id => match id.parse::<u32>() {
                Ok(id) => Ok(Self::Id(id.into())),
                Err(_) => Err(Error::Value {
                    what: "filling of tokens",
                    found: text.into(),
                    expected: "zero, mean or a token's id",
                }),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_is_written() {
        for fill in [Fill::Zero, Fill::Mean, Fill::Id(0), Fill::Id(49407)] {
            assert_eq!(fill.to_string().parse::<Fill>().unwrap(), fill);
        }
        for text in ["", "pad", "-1", "0.5"] {
            let error = text.parse::<Fill>().unwrap_err().to_string();
            assert!(error.contains(&format!("\"{text}\"")), "{error}");
        }
    }
}
