//! `m2ib.Segments`: a map cut into a mask and its regions.

use std::path::PathBuf;
use std::sync::Arc;

use m2ib::image::ImageFormat;
use m2ib::segment::{Coco, Error, Point, SamPrompts, Segmenter, Threshold};
use pyo3::prelude::*;

use crate::array;
use crate::failure::{Failure, Kind, fault};
use crate::python::{call, plain};
use crate::save;
use crate::settings::wrong;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(Kind::Settings, error.to_string())
    }
}

/// A threshold as Python has it.
pub(crate) enum Given {
    Number(f32),
    Name(String),
}

impl<'py> FromPyObject<'_, 'py> for Given {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(level) = given.extract() {
            return Ok(Self::Number(level));
        }
        let expected = "a number from 0 to 1, or a name such as \"otsu\"";
        let name = given.extract();
        Ok(Self::Name(
            name.map_err(|_| wrong("threshold", &given, expected))?,
        ))
    }
}

/// How a map is cut.
pub(crate) fn segmenter(
    threshold: &Given,
    regions: Option<usize>,
    least_region: f32,
    points: usize,
    background_points: usize,
) -> Result<Segmenter, Failure> {
    let threshold = match threshold {
        Given::Number(level) => Threshold::Fixed(*level),
        Given::Name(name) => name.parse()?,
    };
    let segmenter = Segmenter {
        threshold,
        regions,
        least: least_region,
        points,
        background: background_points,
    };
    Ok(segmenter.check()?)
}

/// A mask over a picture, cut into its connected regions.
#[pyclass(frozen, module = "m2ib")]
pub(crate) struct Segments {
    inner: m2ib::segment::Segments,
    whole: Arc<m2ib::Attribution>,
}

impl Segments {
    pub(crate) fn cut(segmenter: &Segmenter, whole: Arc<m2ib::Attribution>) -> Self {
        Self {
            inner: segmenter.cut(&whole.image),
            whole,
        }
    }

    fn caption(&self) -> &str {
        &self.whole.text.caption.text
    }
}

#[pymethods]
impl Segments {
    /// All regions: bool, [height, width] of the picture.
    #[getter]
    fn mask<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let (width, height) = self.inner.size();
        let mask = self.inner.mask().iter().copied().map(u8::from).collect();
        array::booleans(py, mask, &[height as usize, width as usize])
    }

    /// The regions, the largest first.
    #[getter]
    fn regions<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let regions = self.inner.regions().iter().enumerate();
        regions
            .map(|(place, region)| {
                let points: Vec<_> = region.points.iter().map(place_of).collect();
                let runs = plain(py, &self.inner.region_runs(place))?;
                let bounds: (u32, u32, u32, u32) = region.xyxy().into();
                let parts = (bounds, region.area, region.heat, points, runs);
                call(py, "_results", "Region", parts)
            })
            .collect()
    }

    /// Points outside of all regions, column and row.
    #[getter]
    fn background_points(&self) -> Vec<(u32, u32)> {
        self.inner.background().iter().map(place_of).collect()
    }

    /// The threshold as it was asked for.
    #[getter]
    fn threshold(&self) -> String {
        self.inner.threshold().to_string()
    }

    /// The least heat in the mask, 0 to 1, that it came to; None where the map has no two classes, or
    /// no mass.
    #[getter]
    fn level(&self) -> Option<f32> {
        self.inner.level()
    }

    /// Pixels of all regions.
    #[getter]
    fn area(&self) -> usize {
        self.inner.area()
    }

    /// The regions as COCO's annotations, which pycocotools reads.
    ///
    /// Args:
    ///     file_name: What the picture is called.
    ///     category: The regions' category; the caption if not given.
    #[pyo3(signature = (file_name, category = None))]
    fn coco<'py>(
        &self,
        py: Python<'py>,
        file_name: &str,
        category: Option<&str>,
    ) -> PyResult<Bound<'py, PyAny>> {
        plain(py, &self.to_coco(file_name, category))
    }

    /// The regions as prompts for SAM: a box, points and their labels (1 inside, 0 in the background)
    /// each, in pixels of the picture.
    ///
    /// Args:
    ///     file_name: What the picture is called.
    #[pyo3(signature = (file_name = ""))]
    fn sam<'py>(&self, py: Python<'py>, file_name: &str) -> PyResult<Bound<'py, PyAny>> {
        plain(py, &SamPrompts::of(file_name, self.caption(), &self.inner))
    }

    /// Writes a file, whole or not at all: .png (the mask, white on black), .coco.json or .sam.json.
    ///
    /// Args:
    ///     path: The file.
    ///     file_name: What the picture is called in the two kinds of JSON.
    #[pyo3(signature = (path, *, file_name = ""))]
    fn save(&self, py: Python<'_>, path: PathBuf, file_name: &str) -> PyResult<()> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.to_lowercase();
        let bytes = if name.ends_with(".png") {
            let mut bytes = std::io::Cursor::new(Vec::new());
            let written = self
                .inner
                .to_picture()
                .write_to(&mut bytes, ImageFormat::Png);
            written.map_err(fault)?;
            bytes.into_inner()
        } else if name.ends_with(".coco.json") {
            serde_json::to_vec_pretty(&self.to_coco(file_name, None)).map_err(fault)?
        } else if name.ends_with(".sam.json") {
            let prompts = SamPrompts::of(file_name, self.caption(), &self.inner);
            // As the program writes them: of one picture or many.
            serde_json::to_vec_pretty(&[prompts]).map_err(fault)?
        } else {
            let reason = format!(
                "{} has no ending that is written, expected .png, .coco.json or .sam.json",
                path.display()
            );
            return Err(Failure::new(Kind::Settings, reason).into());
        };
        Ok(py.detach(|| save::write(&path, &bytes))?)
    }

    fn __repr__(&self) -> String {
        let (regions, threshold) = (self.inner.regions().len(), self.inner.threshold());
        let area = self.inner.area();
        format!("<m2ib.Segments at {threshold}: {regions} regions of {area} pixels>")
    }
}

impl Segments {
    fn to_coco(&self, file_name: &str, category: Option<&str>) -> Coco {
        let mut coco = Coco::new();
        coco.add(file_name, category.unwrap_or(self.caption()), &self.inner);
        coco
    }
}

fn place_of(point: &Point) -> (u32, u32) {
    (point.x, point.y)
}
