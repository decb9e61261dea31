//! Metrics of a map and a mask, for `m2ib.metrics`, which hands over contiguous arrays.

use m2ib::ndarray::Array2;
use m2ib_metrics::localisation as metrics;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::array;
use crate::failure::{Failure, fault};

/// Rows, columns and the bytes of a contiguous array.
pub(crate) type Packed = (usize, usize, PyBackedBytes);

/// A map of float32.
pub(crate) fn map_of((rows, columns, bytes): &Packed) -> Result<Array2<f32>, Failure> {
    Array2::from_shape_vec((*rows, *columns), floats(bytes)).map_err(fault)
}

pub(crate) fn floats(bytes: &[u8]) -> Vec<f32> {
    let values = bytes.chunks_exact(4);
    values
        .map(|value| f32::from_ne_bytes([value[0], value[1], value[2], value[3]]))
        .collect()
}

fn mask_of((rows, columns, bytes): &Packed) -> Result<Array2<bool>, Failure> {
    let values = bytes.iter().map(|&value| value != 0).collect();
    Array2::from_shape_vec((*rows, *columns), values).map_err(fault)
}

/// One of them by name; map and mask have one size, and all numbers are finite.
#[pyfunction]
pub(crate) fn localise(
    py: Python<'_>,
    name: &str,
    map: Packed,
    mask: Packed,
    parameter: f64,
) -> PyResult<f64> {
    let (map, mask) = (map_of(&map)?, mask_of(&mask)?);
    py.detach(|| {
        Ok(match name {
            "pointing" if parameter > 0.0 => metrics::pointing_within(&map, &mask, parameter),
            "pointing" => metrics::pointing(&map, &mask),
            "energy" => metrics::energy(&map, &mask),
            "iou" => metrics::iou_at(&map, &mask, parameter as f32),
            "best_iou" => metrics::iou_best(&map, &mask),
            "dice" => metrics::dice_at(&map, &mask, parameter as f32),
            "best_dice" => metrics::dice_best(&map, &mask),
            "area" => metrics::area(&mask),
            other => return Err(PyValueError::new_err(format!("no metric {other}"))),
        })
    })
}

/// The pixels at most so far from the mask's, as bytes.
#[pyfunction]
pub(crate) fn dilated<'py>(
    py: Python<'py>,
    mask: Packed,
    distance: f64,
) -> PyResult<Bound<'py, PyAny>> {
    let mask = mask_of(&mask)?;
    let dilated = py.detach(|| metrics::dilated(&mask, distance));
    let (rows, columns) = dilated.dim();
    let values = dilated.iter().map(|&value| u8::from(value)).collect();
    array::bytes(py, values, &[rows, columns])
}

/// Rank correlation of two maps, of which none is constant.
#[pyfunction]
pub(crate) fn spearman(a: PyBackedBytes, b: PyBackedBytes) -> PyResult<Option<f64>> {
    let found = m2ib_metrics::spearman(&floats(&a), &floats(&b));
    Ok(found.map_err(Failure::from)?)
}

/// A map scaled to another size, bilinear with half-pixel centres.
#[pyfunction]
pub(crate) fn upsample<'py>(
    py: Python<'py>,
    map: Packed,
    height: usize,
    width: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let map = map_of(&map)?;
    let scaled = py.detach(|| m2ib::upsample(&map, height, width));
    array::map(py, scaled)
}
