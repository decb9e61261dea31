//! Feature statistics.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;

use crate::failure::Failure;
use crate::given;
use crate::picture::Picture;
use crate::run::run;
use crate::shared::Shared;

/// Mean and deviation of every feature at every layer of a model, for matched noise.
///
/// ``Explainer.calibrate`` makes one, or the program's ``m2ib calibrate``.
#[pyclass(frozen, module = "m2ib")]
#[derive(Debug)]
pub(crate) struct Calibration {
    pub(crate) inner: Arc<m2ib::Calibration>,
}

impl Calibration {
    /// Gathers statistics over images and captions.
    pub(crate) fn of(
        py: Python<'_>,
        shared: &Arc<Shared>,
        images: &Bound<'_, PyAny>,
        captions: &Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let images = given::pictures(images)?.unwrap_or_else(|| vec![images.clone()]);
        let captions = given::all_captions("captions", captions)?;
        let pictures = images.iter().map(Picture::of);
        let pictures = pictures.collect::<PyResult<Vec<_>>>()?;
        let (threads, shared) = (shared.recipe.threads, shared.clone());
        let made = run(py, threads, move || {
            let mut calibrator = m2ib::Calibrator::new(&shared.model);
            for (index, picture) in pictures.into_iter().enumerate() {
                m2ib::Scope::check()?;
                let about = |failure: Failure| failure.about(format_args!("images[{index}]"));
                let image = shared.recipe.open(picture).map_err(about)?;
                let added = calibrator.add_image(&image).map_err(Failure::from);
                added.map_err(about)?;
            }
            for (index, caption) in captions.iter().enumerate() {
                m2ib::Scope::check()?;
                let added = calibrator.add_caption(caption).map_err(Failure::from);
                added.map_err(|failure| failure.about(format_args!("captions[{index}]")))?;
            }
            Ok(calibrator.finish()?)
        })?;
        let inner = Arc::new(made);
        Ok(Self { inner })
    }
}

#[pymethods]
impl Calibration {
    /// Reads a file, JSON or, by its ending, safetensors.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let loaded = py.detach(|| m2ib::Calibration::load(path));
        let inner = Arc::new(loaded.map_err(Failure::from)?);
        Ok(Self { inner })
    }

    /// Writes a file, JSON or, by its ending, safetensors.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let saved = py.detach(|| self.inner.save(path));
        Ok(saved.map_err(Failure::from)?)
    }

    /// The identity of the model whose statistics they are.
    #[getter]
    fn identity(&self) -> String {
        self.inner.identity.clone()
    }

    /// How many images they are over.
    #[getter]
    fn images(&self) -> usize {
        self.inner.images
    }

    /// How many captions they are over.
    #[getter]
    fn captions(&self) -> usize {
        self.inner.captions
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.inner == other.inner
    }

    fn __repr__(&self) -> String {
        let m2ib::Calibration {
            images, captions, ..
        } = &*self.inner;
        format!("<m2ib.Calibration over {images} images and {captions} captions>")
    }
}
