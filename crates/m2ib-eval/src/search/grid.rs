//! What is tried: every combination of the values of some settings.

use std::fmt::Display;
use std::sync::Arc;

use m2ib::Preset;
use m2ib_methods::{Error, M2ibSettings, MethodFactory, Settings};
use serde::Serialize;

use super::Axis;
use crate::Result;

/// A setting with the values that are tried, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dimension {
    /// The setting.
    pub axis: Axis,
    /// As a method's settings have them.
    pub values: Vec<String>,
}

/// All combinations of some values.
///
/// ```
/// use m2ib::Preset;
/// use m2ib_eval::search::{Axis, Grid};
/// use m2ib_methods::MethodFactory;
///
/// let grid = Grid::new(&[Preset::Matched]).vary(Axis::Beta, [0.1, 1.0]).vary(Axis::Steps, [10, 40]);
/// let candidates = grid.candidates()?;
/// let methods: Vec<String> = candidates.iter().map(|c| c.method.key()).collect();
/// assert_eq!(methods[0], "m2ib-matched:beta=0.1:steps=10");
/// assert_eq!(methods.len(), 4);
/// # Ok::<(), m2ib_eval::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Grid {
    /// What the settings are of; M2IB's preset is a dimension.
    method: Arc<dyn MethodFactory>,
    dimensions: Vec<Dimension>,
}

/// One combination.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The method.
    pub method: Arc<dyn MethodFactory>,
    /// The place of its value in each dimension.
    pub places: Vec<usize>,
}

impl Grid {
    /// M2IB's presets, each as it is.
    pub fn new(presets: &[Preset]) -> Self {
        Self::of(Arc::new(M2ibSettings::new(Preset::default()))).vary(Axis::Preset, presets)
    }

    /// A method as it is.
    pub fn of(method: Arc<dyn MethodFactory>) -> Self {
        Self {
            method,
            dimensions: Vec::new(),
        }
    }

    /// Varies a setting. Values that were given before, or twice, are tried once; no values leave
    /// the setting as it is.
    pub fn vary(mut self, axis: Axis, values: impl IntoIterator<Item = impl Display>) -> Self {
        let known = self.dimensions.iter().position(|d| d.axis == axis);
        let place = known.unwrap_or_else(|| {
            let values = Vec::new();
            self.dimensions.push(Dimension { axis, values });
            self.dimensions.len() - 1
        });
        let dimension = &mut self.dimensions[place];
        for value in values {
            let value = value.to_string();
            if !dimension.values.contains(&value) {
                dimension.values.push(value);
            }
        }
        self.dimensions.retain(|d| !d.values.is_empty());
        self
    }

    /// All settings that are given, the preset first.
    pub fn dimensions(&self) -> &[Dimension] {
        &self.dimensions
    }

    /// Every combination; the last dimension's values change fastest.
    ///
    /// # Errors
    /// [`Error::Method`](crate::Error::Method) for a value that a setting does not take.
    pub fn candidates(&self) -> Result<Vec<Candidate>> {
        let lengths = self.dimensions.iter().map(|d| d.values.len());
        let count: usize = lengths.product();
        (0..count).map(|number| self.candidate(number)).collect()
    }

    fn candidate(&self, number: usize) -> Result<Candidate> {
        let mut rest = number;
        let mut places: Vec<usize> = self
            .dimensions
            .iter()
            .rev()
            .map(|dimension| {
                let place = rest % dimension.values.len();
                rest /= dimension.values.len();
                place
            })
            .collect();
        places.reverse();
        Ok(Candidate {
            method: self.method(&places)?,
            places,
        })
    }

    /// The method with the values at these places of the dimensions.
    fn method(&self, places: &[usize]) -> Result<Arc<dyn MethodFactory>> {
        let mut method = self.method.clone();
        let mut parts = Vec::new();
        for (dimension, &place) in self.dimensions.iter().zip(places) {
            let value = &dimension.values[place];
            match dimension.axis {
                Axis::Preset => method = Arc::new(M2ibSettings::new(parsed(value)?)),
                axis => parts.push(format!("{axis}={value}")),
            }
        }
        let mut settings = Settings::read(method.name(), parts.iter().map(String::as_str))?;
        let changed = method.configure(&mut settings);
        settings.finish(method.name())?;
        Ok(changed)
    }
}

fn parsed(preset: &str) -> Result<Preset> {
    let wrong = |_| Error::setting("m2ib", "preset", preset, "matched or released");
    Ok(preset.parse().map_err(wrong)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_is_there_once() {
        let grid = Grid::new(&[Preset::Released, Preset::Matched])
            .vary(Axis::ImageLayer, ["embedding", "2"])
            .vary(Axis::Beta, [0.1, 1.0, 0.1])
            .vary(Axis::Sigma, [0.0; 0]);
        assert_eq!(grid.dimensions().len(), 3);
        let candidates = grid.candidates().unwrap();
        let mut texts: Vec<String> = candidates.iter().map(|c| c.method.key()).collect();
        // β as the preset has it.
        assert_eq!(texts[0], "m2ib-released:image-layer=embedding");
        assert_eq!(candidates[5].places, [1, 0, 1]);
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), 8);
    }

    #[test]
    fn another_methods_settings_are_varied_over_what_it_is_given() {
        let method = m2ib_methods::Registry::standard().parse("rise:masks=50");
        let grid = Grid::of(method.unwrap())
            .vary(Axis::Of("keep"), [0.3, 0.5])
            .vary(Axis::Of("fill"), ["zero", "mean"]);
        let candidates = grid.candidates().unwrap();
        let keys: Vec<String> = candidates.iter().map(|c| c.method.key()).collect();
        assert_eq!(keys[1], "rise:masks=50:keep=0.3:fill=mean");
        // As it is, but for what it was given.
        assert_eq!(keys[2], "rise:masks=50");
    }

    #[test]
    fn a_value_that_makes_no_sense_is_named() {
        let grid = Grid::new(&[Preset::Released]).vary(Axis::Beta, [0.1, -1.0]);
        let error = grid.candidates().unwrap_err().to_string();
        assert!(error.contains("beta") && error.contains("-1"), "{error}");
    }
}
