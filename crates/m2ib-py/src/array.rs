//! Numbers that NumPy reads where they lie, without a copy.
//!
//! By the [array interface](https://numpy.org/doc/stable/reference/arrays.interface.html), which is the
//! same for every version of NumPy, so that none is needed to build the package.

use m2ib::ndarray::Array2;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::failure::fault;

/// Numbers with a shape, on their way to becoming an array, which then owns them.
#[pyclass(frozen, module = "m2ib._m2ib")]
pub(crate) struct Numbers {
    /// Nothing reads them any more but NumPy.
    _values: Values,
    address: usize,
    shape: Vec<usize>,
    kind: &'static str,
}

/// What keeps the memory.
#[expect(dead_code, reason = "held, not read")]
enum Values {
    Single(Vec<f32>),
    Bytes(Vec<u8>),
}

const SINGLE: &str = match cfg!(target_endian = "big") {
    true => ">f4",
    false => "<f4",
};

#[pymethods]
impl Numbers {
    #[getter]
    fn __array_interface__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let interface = PyDict::new(py);
        interface.set_item("version", 3)?;
        interface.set_item("typestr", self.kind)?;
        interface.set_item("shape", PyTuple::new(py, &self.shape)?)?;
        // Not read only.
        interface.set_item("data", (self.address, false))?;
        Ok(interface)
    }
}

/// An array of 32-bit floats.
pub(crate) fn floats<'py>(
    py: Python<'py>,
    mut values: Vec<f32>,
    shape: &[usize],
) -> PyResult<Bound<'py, PyAny>> {
    let (count, address) = (values.len(), values.as_mut_ptr() as usize);
    array(py, Values::Single(values), (count, address), shape, SINGLE)
}

/// An array of bytes.
pub(crate) fn bytes<'py>(
    py: Python<'py>,
    values: Vec<u8>,
    shape: &[usize],
) -> PyResult<Bound<'py, PyAny>> {
    of_bytes(py, values, shape, "|u1")
}

/// An array of booleans, a byte each, 0 or 1.
pub(crate) fn booleans<'py>(
    py: Python<'py>,
    values: Vec<u8>,
    shape: &[usize],
) -> PyResult<Bound<'py, PyAny>> {
    of_bytes(py, values, shape, "|b1")
}

fn of_bytes<'py>(
    py: Python<'py>,
    mut values: Vec<u8>,
    shape: &[usize],
    kind: &'static str,
) -> PyResult<Bound<'py, PyAny>> {
    let (count, address) = (values.len(), values.as_mut_ptr() as usize);
    array(py, Values::Bytes(values), (count, address), shape, kind)
}

/// So many numbers that lie there, as an array that keeps them.
fn array<'py>(
    py: Python<'py>,
    values: Values,
    (count, address): (usize, usize),
    shape: &[usize],
    kind: &'static str,
) -> PyResult<Bound<'py, PyAny>> {
    check(count, shape)?;
    let numbers = Numbers {
        _values: values,
        address,
        shape: shape.to_vec(),
        kind,
    };
    py.import("numpy")?.getattr("asarray")?.call1((numbers,))
}

/// A map, `[rows, columns]`.
pub(crate) fn map<'py>(py: Python<'py>, map: Array2<f32>) -> PyResult<Bound<'py, PyAny>> {
    let shape = [map.nrows(), map.ncols()];
    let values = match map.is_standard_layout() {
        true => map.into_raw_vec_and_offset().0,
        false => map.iter().copied().collect(),
    };
    floats(py, values, &shape)
}

/// NumPy would read beyond the end.
fn check(found: usize, shape: &[usize]) -> PyResult<()> {
    match shape.iter().product::<usize>() == found {
        true => Ok(()),
        false => Err(fault(format_args!("{found} numbers for {shape:?}")).into()),
    }
}
