//! Python's part of the package, as it is called from here.

use pyo3::call::PyCallArgs;
use pyo3::prelude::*;
use serde::Serialize;

/// Calls `m2ib.<module>.<name>`.
pub(crate) fn call<'py>(
    py: Python<'py>,
    module: &str,
    name: &str,
    arguments: impl PyCallArgs<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    let module = py.import(format!("m2ib.{module}"))?;
    module.getattr(name)?.call1(arguments)
}

/// A value as Python's dictionaries, lists and numbers.
pub(crate) fn plain<'py>(py: Python<'py>, value: &impl Serialize) -> PyResult<Bound<'py, PyAny>> {
    let text = serde_json::to_string(value).map_err(crate::failure::fault)?;
    py.import("json")?.getattr("loads")?.call1((text,))
}

/// The name under which files have a value of a few names.
pub(crate) fn name_of(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        other => other.map_or_else(|error| error.to_string(), |value| value.to_string()),
    }
}
