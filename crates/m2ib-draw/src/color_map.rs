//! Colours for numbers from 0 to 1.

use std::fmt;
use std::str::FromStr;

use colorgrad::Gradient;

use crate::{Error, Result};

/// A colour map for heat maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ColorMap {
    /// Blue, green, yellow, red: the strongest contrast over photographs, but not for colour-blind readers.
    Turbo,
    /// Purple, green, yellow; perceptually uniform, readable with colour-blindness.
    #[default]
    Viridis,
    /// Black, red, yellow, white; perceptually uniform.
    Inferno,
    /// Black, purple, orange, white; perceptually uniform.
    Magma,
    /// Blue, purple, yellow; perceptually uniform.
    Plasma,
    /// Black to white, a level each: what other programs read numbers from.
    Gray,
}

impl ColorMap {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Turbo,
        Self::Viridis,
        Self::Inferno,
        Self::Magma,
        Self::Plasma,
        Self::Gray,
    ];

    /// The name that [`FromStr`] reads.
    pub fn name(self) -> &'static str {
        match self {
            Self::Turbo => "turbo",
            Self::Viridis => "viridis",
            Self::Inferno => "inferno",
            Self::Magma => "magma",
            Self::Plasma => "plasma",
            Self::Gray => "gray",
        }
    }

    /// The map's colours as 8-bit RGB at 256 even steps from 0 to 1.
    pub fn table(self) -> [[u8; 3]; 256] {
        let gradient: Box<dyn Gradient> = match self {
            Self::Turbo => Box::new(colorgrad::preset::turbo()),
            Self::Viridis => Box::new(colorgrad::preset::viridis()),
            Self::Inferno => Box::new(colorgrad::preset::inferno()),
            Self::Magma => Box::new(colorgrad::preset::magma()),
            Self::Plasma => Box::new(colorgrad::preset::plasma()),
            Self::Gray => return std::array::from_fn(|step| [step as u8; 3]),
        };
        std::array::from_fn(|step| {
            let [r, g, b, _] = gradient.at(step as f32 / 255.0).to_rgba8();
            [r, g, b]
        })
    }
}

impl fmt::Display for ColorMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ColorMap {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|map| map.name() == name || (*map == Self::Gray && name == "grey"))
            .ok_or_else(|| Error::Option {
                name: "color map",
                found: format!("\"{name}\""),
                expected: "turbo, viridis, inferno, magma, plasma or gray",
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_others_are_refused() {
        for map in ColorMap::ALL {
            assert_eq!(map.to_string().parse::<ColorMap>().unwrap(), map);
        }
        let error = "jet".parse::<ColorMap>().unwrap_err().to_string();
        assert!(
            error.contains("\"jet\"") && error.contains("viridis"),
            "{error}"
        );
    }

    #[test]
    fn uniform_maps_grow_lighter() {
        let luma = |[r, g, b]: [u8; 3]| {
            0.2126 * f32::from(r) + 0.7152 * f32::from(g) + 0.0722 * f32::from(b)
        };
        for map in [
            ColorMap::Viridis,
            ColorMap::Inferno,
            ColorMap::Magma,
            ColorMap::Plasma,
        ] {
            let table = map.table();
            let steps: Vec<f32> = table.iter().step_by(51).map(|&color| luma(color)).collect();
            assert!(steps.is_sorted(), "{map}: {steps:?}");
        }
        let [first, .., last] = ColorMap::Turbo.table();
        assert!(
            first[2] > first[1] && last[0] > last[2],
            "cold is blue, hot is red"
        );
    }
}
