//! Images and captions that went through their towers once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::array;
use crate::failure::{Failure, Kind, fault, unread};
use crate::given::{all_captions, caption};
use crate::picture::Picture;
use crate::run::run;
use crate::shared::Shared;

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

impl EncodedImage {
    /// Runs an image through its tower.
    pub(crate) fn of(
        py: Python<'_>,
        shared: &Arc<Shared>,
        image: &Bound<'_, PyAny>,
        keep_image: bool,
    ) -> PyResult<Self> {
        let picture = Picture::of(image)?;
        let source = picture.path().map(Path::to_path_buf);
        let (threads, shared) = (shared.recipe.threads, shared.clone());
        let (inner, picture) = run(py, threads, move || {
            let image = shared.recipe.open(picture)?;
            let encoded = shared.inner.encode_image(&image)?;
            Ok((Arc::new(encoded), keep_image.then(|| Arc::new(image))))
        })?;
        Ok(Self {
            inner,
            picture,
            source,
        })
    }

    /// Takes back what `to_json` wrote.
    pub(crate) fn restored(py: Python<'_>, shared: &Arc<Shared>, text: &str) -> PyResult<Self> {
        let (threads, shared, text) = (shared.recipe.threads, shared.clone(), text.to_owned());
        let inner = run(py, threads, move || {
            Ok(Arc::new(shared.inner.restore_image(&kept(&text)?)?))
        })?;
        Ok(Self {
            inner,
            picture: None,
            source: None,
        })
    }
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

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "an encoded image is not pickled; to_json writes it, and Explainer.restore_image takes it back",
        ))
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

impl EncodedText {
    /// Runs a caption through its tower.
    pub(crate) fn of(
        py: Python<'_>,
        shared: &Arc<Shared>,
        text: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let (threads, shared, text) = (shared.recipe.threads, shared.clone(), caption(text)?);
        let inner = run(py, threads, move || {
            Ok(Arc::new(shared.inner.encode_text(&text)?))
        })?;
        Ok(Self { inner })
    }

    /// Runs captions through their tower, several at once on a CPU.
    pub(crate) fn all(
        py: Python<'_>,
        shared: &Arc<Shared>,
        texts: &Bound<'_, PyAny>,
    ) -> PyResult<Vec<Self>> {
        let texts = all_captions("texts", texts)?;
        let (threads, shared) = (shared.recipe.threads, shared.clone());
        run(py, threads, move || {
            let encoded = shared.inner.encode_texts(&texts).into_iter().enumerate();
            let one = |(place, text): (usize, m2ib::Result<_>)| match text {
                Ok(text) => Ok(Self {
                    inner: Arc::new(text),
                }),
                Err(error) => Err(Failure::from(error).about(format_args!("texts[{place}]"))),
            };
            encoded.map(one).collect()
        })
    }

    /// Takes back what `to_json` wrote.
    pub(crate) fn restored(py: Python<'_>, shared: &Arc<Shared>, text: &str) -> PyResult<Self> {
        let (threads, shared, text) = (shared.recipe.threads, shared.clone(), text.to_owned());
        let inner = run(py, threads, move || {
            Ok(Arc::new(shared.inner.restore_text(&kept(&text)?)?))
        })?;
        Ok(Self { inner })
    }
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

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "an encoded caption is not pickled; to_json writes it, and Explainer.restore_text takes it back",
        ))
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

/// An image and a caption, encoded already or now.
pub(crate) fn encoded(
    py: Python<'_>,
    shared: &Arc<Shared>,
    image: &Bound<'_, PyAny>,
    text: &Bound<'_, PyAny>,
) -> PyResult<(Arc<m2ib::EncodedImage>, Arc<m2ib::EncodedText>)> {
    let image = match image.cast::<EncodedImage>() {
        Ok(encoded) => encoded.get().inner.clone(),
        Err(_) => EncodedImage::of(py, shared, image, false)?.inner,
    };
    let text = match text.cast::<EncodedText>() {
        Ok(encoded) => encoded.get().inner.clone(),
        Err(_) => EncodedText::of(py, shared, text)?.inner,
    };
    Ok((image, text))
}

/// A kept encoding's text.
fn written<T: Serialize>(record: m2ib::Result<T>) -> Result<String, Failure> {
    serde_json::to_string(&record?).map_err(fault)
}

/// What a text keeps.
pub(crate) fn kept<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| {
        let reason = format!("the text is no encoding in JSON: {}", unread(&error));
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
