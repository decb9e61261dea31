//! Images and captions that went through their towers once.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::array;
use crate::failure::{Failure, Kind, fault};

/// An image that went through its tower once, to be explained against many captions.
///
/// It belongs to explainers of the same model, layer and shifts.
#[pyclass(frozen, module = "m2ib")]
pub(crate) struct EncodedImage {
    pub(crate) inner: Arc<m2ib::EncodedImage>,
    /// The picture, where it is kept.
    pub(crate) picture: Option<Arc<m2ib::Picture>>,
    pub(crate) source: Option<PathBuf>,
}

#[pymethods]
impl EncodedImage {
    /// The projected embedding, not normalised: float32, [embedding].
    #[getter]
    fn embedding<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let embedding = self.inner.embedding.clone();
        vector(py, move || embedding.try_into_vec_as::<f32>())
    }

    /// All of it but the picture as JSON, which ``Explainer.restore_image`` takes back.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        Ok(py.detach(|| written(self.inner.to_record()))?)
    }

    fn __repr__(&self) -> String {
        let [_, embedding] = self.inner.embedding.dims();
        format!("<m2ib.EncodedImage with an embedding of {embedding} numbers>")
    }
}

/// A caption that went through its tower once, to be explained against many images.
#[pyclass(frozen, module = "m2ib")]
pub(crate) struct EncodedText {
    pub(crate) inner: Arc<m2ib::EncodedText>,
}

#[pymethods]
impl EncodedText {
    /// The projected embedding, not normalised: float32, [embedding].
    #[getter]
    fn embedding<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let embedding = self.inner.embedding.clone();
        vector(py, move || embedding.try_into_vec_as::<f32>())
    }

    /// The caption as given.
    #[getter]
    fn text(&self) -> String {
        self.inner.caption().text.clone()
    }

    /// Ids of its tokens, start and end included.
    #[getter]
    fn ids(&self) -> Vec<i64> {
        self.inner.caption().ids()
    }

    /// All of it as JSON, which ``Explainer.restore_text`` takes back.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        Ok(py.detach(|| written(self.inner.to_record()))?)
    }

    fn __repr__(&self) -> String {
        let caption = self.inner.caption();
        format!(
            "<m2ib.EncodedText {:?} of {} tokens>",
            caption.text,
            caption.tokens.len()
        )
    }
}

/// A kept encoding's text.
fn written<T: Serialize>(record: m2ib::Result<T>) -> Result<String, Failure> {
    serde_json::to_string(&record?).map_err(fault)
}

/// What a text keeps.
pub(crate) fn kept<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| {
        let reason = format!("the text is no encoding in JSON: {error}");
        Failure::new(Kind::Encoded, reason)
    })
}

/// What a device holds, as an array.
fn vector<'py, E: std::fmt::Display>(
    py: Python<'py>,
    values: impl FnOnce() -> Result<Vec<f32>, E> + Send,
) -> PyResult<Bound<'py, PyAny>> {
    let values = py.detach(|| values().map_err(|error| error.to_string()));
    let values = values.map_err(|error| {
        let reason = format!("the device failed to compute: {error}");
        Failure::new(Kind::Device, reason)
    })?;
    let count = values.len();
    array::floats(py, values, &[count])
}
