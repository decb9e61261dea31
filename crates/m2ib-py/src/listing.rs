//! What there is: devices, methods and scenes.

use m2ib::{Backend, FoundDevice, Precision, emoji};
use m2ib_methods::Registry;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::failure::Failure;
use crate::python::call;

/// The devices that are there, as ``device=`` takes them, the preferred one first.
#[pyfunction]
pub(crate) fn devices(py: Python<'_>) -> PyResult<Vec<Bound<'_, PyAny>>> {
    let mut devices = Vec::new();
    for FoundDevice { choice, name } in Backend::ALL.into_iter().flat_map(Backend::devices) {
        let device = choice.device().map_err(Failure::from)?;
        let precisions = Precision::supported_by(&device);
        let precisions: Vec<String> = precisions.map(|format| format.to_string()).collect();
        let parts = (choice.to_string(), name, precisions);
        devices.push(call(py, "_results", "Device", parts)?);
    }
    Ok(devices)
}

/// The methods that ``method=`` takes, with the settings of each.
#[pyfunction]
pub(crate) fn methods(py: Python<'_>) -> PyResult<Vec<Bound<'_, PyAny>>> {
    let registry = Registry::standard();
    let methods = registry.methods().iter();
    methods
        .map(|method| {
            let settings = method.settings().into_iter().map(|setting| {
                let parts = (setting.name, setting.takes, setting.default);
                call(py, "_results", "MethodSetting", parts)
            });
            let parts = (
                method.name(),
                method.description(),
                settings.collect::<PyResult<Vec<_>>>()?,
                method.is_control(),
                method.needs_calibration(),
            );
            call(py, "_results", "Method", parts)
        })
        .collect()
}

/// The pictures that come with the embedded model, none of which it was trained on.
#[pyfunction]
pub(crate) fn scenes(py: Python<'_>) -> PyResult<Vec<Bound<'_, PyAny>>> {
    let scene = |scene: &emoji::Scene| {
        let objects = scene.objects.iter().map(|object| {
            let mask = PyBytes::new(py, object.mask);
            call(
                py,
                "_results",
                "SceneObject",
                (object.name, object.caption, mask),
            )
        });
        let objects = objects.collect::<PyResult<Vec<_>>>()?;
        let png = PyBytes::new(py, scene.png);
        call(py, "_results", "Scene", (scene.name, png, objects))
    };
    emoji::SCENES.iter().map(scene).collect()
}
