//! Arguments, checked once at a metric's door; and the map as metrics use it.

use m2ib_attribution::{normalize, upsample};
use ndarray::{Array2, Array3};

use crate::{Error, Result};

/// All numbers are finite.
pub(crate) fn finite<'a, T>(
    argument: &'static str,
    values: impl IntoIterator<Item = &'a T>,
) -> Result<()>
where
    T: Copy + Into<f64> + 'a,
{
    let mut values = values.into_iter().map(|&value| value.into()).enumerate();
    match values.find(|(_, value): &(usize, f64)| !value.is_finite()) {
        Some((index, found)) => Err(Error::NonFinite {
            argument,
            found,
            index,
        }),
        None => Ok(()),
    }
}

/// Some pixels `[channels, height, width]`, all finite.
pub(crate) fn pixels(pixels: &Array3<f32>) -> Result<()> {
    not_empty("pixels", pixels.shape(), "[channels, height, width]")?;
    finite("pixels", pixels)
}

/// A map of some patches, all finite.
pub(crate) fn map(map: &Array2<f32>) -> Result<()> {
    not_empty("map", map.shape(), "[rows, columns]")?;
    finite("map", map)
}

fn not_empty(argument: &'static str, shape: &[usize], names: &str) -> Result<()> {
    if shape.contains(&0) {
        return Err(Error::Shape {
            argument,
            found: shape.to_vec(),
            expected: format!("{names}, none of them 0"),
        });
    }
    Ok(())
}

/// A setting within its range.
pub(crate) fn setting(
    argument: &'static str,
    found: impl ToString,
    holds: bool,
    expected: &'static str,
) -> Result<()> {
    if holds {
        return Ok(());
    }
    Err(Error::Setting {
        argument,
        found: found.to_string(),
        expected,
    })
}

/// The whole map, 0..1, over the pixels `[height, width]`: zeros if it is constant.
pub(crate) fn heat(map: &Array2<f32>, pixels: &Array3<f32>) -> Result<Array2<f32>> {
    self::pixels(pixels)?;
    self::map(map)?;
    let (_, height, width) = pixels.dim();
    let heat = normalize(&upsample(map, height, width)).0;
    // Only where maximum less minimum overflows.
    finite("the normalised map", &heat)?;
    Ok(heat)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn the_first_number_that_is_not_finite_is_named() {
        let error = finite("scores", &[0.0, f32::INFINITY, f32::NAN]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "scores holds inf at index 1, expected finite numbers only"
        );
    }

    #[test]
    fn heat_is_the_whole_map_between_zero_and_one() {
        let heat = heat(&array![[1.0, 5.0]], &Array3::zeros((3, 1, 4))).unwrap();
        assert_eq!(heat, array![[0.0, 0.25, 0.75, 1.0]]);
        let vast = super::heat(&array![[f32::MIN, f32::MAX]], &Array3::zeros((3, 1, 4)));
        assert!(vast.is_err());
        let empty = super::heat(&Array2::zeros((0, 2)), &Array3::zeros((3, 1, 4)));
        assert!(empty.is_err());
    }
}
