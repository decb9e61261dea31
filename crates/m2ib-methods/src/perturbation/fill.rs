//! What masked tokens become, as a setting.

use std::fmt;
use std::str::FromStr;

use crate::Fill;
use crate::Result;
use crate::settings::Given;

impl Fill {
    /// The setting `fill`; zeros if not given.
    pub(super) fn read(given: &mut Given) -> Result<Self> {
        let fill = given.take("fill", "zero, mean or a token's id", |_| true)?;
        Ok(fill.unwrap_or(Self::Zero))
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
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "zero" => Ok(Self::Zero),
            "mean" => Ok(Self::Mean),
            id => id.parse().map(|id: u32| Self::Id(id.into())).map_err(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_is_written() {
        for fill in [Fill::Zero, Fill::Mean, Fill::Id(0), Fill::Id(49407)] {
            assert_eq!(fill.to_string().parse(), Ok(fill));
        }
        for text in ["", "pad", "-1", "0.5"] {
            assert_eq!(text.parse::<Fill>(), Err(()), "{text}");
        }
    }
}
