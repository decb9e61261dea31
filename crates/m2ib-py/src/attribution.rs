//! `m2ib.Attribution`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use m2ib::image::{RgbImage, imageops};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::array;
use crate::failure::{Failure, Kind, fault, unread};
use crate::picture::given_or;
use crate::python::{call, name_of, plain};
use crate::save::{self, Drawing};
use crate::sides::{ImageAttribution, TextAttribution, in_a_line};

/// The longer side of a picture in a notebook.
const LONGEST: u32 = 800;
/// Of the page in a notebook, in pixels.
const HEIGHT: u32 = 720;

/// The explanation of one image–caption pair.
#[pyclass(frozen, module = "m2ib")]
pub(crate) struct Attribution {
    inner: Arc<m2ib::Attribution>,
    /// The picture, where it is kept.
    image: Option<Arc<m2ib::Picture>>,
    /// The file that it came from, which nothing is written over.
    source: Option<PathBuf>,
}

impl Attribution {
    pub(crate) fn new(
        inner: m2ib::Attribution,
        image: Option<Arc<m2ib::Picture>>,
        source: Option<PathBuf>,
    ) -> Self {
        Self {
            inner: Arc::new(inner),
            image,
            source,
        }
    }

    fn read(text: &str, from: &str) -> Result<Self, Failure> {
        let inner = serde_json::from_str(text).map_err(|error| {
            let reason = format!("{from} is no attribution in JSON: {}", unread(&error));
            Failure::new(Kind::Settings, reason)
        })?;
        Ok(Self::new(inner, None, None))
    }

    fn json(&self, pretty: bool) -> Result<String, Failure> {
        let text = match pretty {
            true => serde_json::to_string_pretty(&*self.inner),
            false => serde_json::to_string(&*self.inner),
        };
        text.map_err(fault)
    }
}

#[pymethods]
impl Attribution {
    /// The image's side.
    #[getter]
    fn image(&self) -> ImageAttribution {
        let whole = self.inner.clone();
        ImageAttribution { whole }
    }

    /// The caption's side.
    #[getter]
    fn text(&self) -> TextAttribution {
        let whole = self.inner.clone();
        TextAttribution { whole }
    }

    /// The caption as given.
    #[getter]
    fn caption(&self) -> String {
        self.inner.text.caption.text.clone()
    }

    /// The caption's words with their saliency, in its order.
    #[getter]
    fn words<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        self.text().words(py)
    }

    /// The words with the largest saliency, the largest first.
    #[pyo3(signature = (count = 3))]
    fn top_words<'py>(&self, py: Python<'py>, count: i64) -> PyResult<Vec<Bound<'py, PyAny>>> {
        self.text().top_words(py, count)
    }

    /// Cosine similarity of the two embeddings, nothing masked.
    #[getter]
    fn similarity(&self) -> f32 {
        self.inner.similarity
    }

    /// How likely the two belong together, 0 to 1, by models that say so of each pair (SigLIP).
    #[getter]
    fn probability(&self) -> Option<f32> {
        self.inner.probability
    }

    /// The caption's place, from 1, by its similarity to the image, and among how many captions of all
    /// kinds of things, itself included.
    #[getter]
    fn rank(&self) -> Option<(usize, usize)> {
        self.inner.rank.map(|rank| (rank.place(), rank.of()))
    }

    /// What a reader should know before trusting the numbers.
    #[getter]
    fn warnings<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let warnings = self.inner.warnings.iter();
        warnings
            .map(|warning| {
                let details = plain(py, warning)?;
                let kind = details.call_method1("pop", ("kind",))?;
                call(
                    py,
                    "_results",
                    "Notice",
                    (kind, warning.to_string(), details),
                )
            })
            .collect()
    }

    /// What the caption was held against, and the other way round; None unless it was asked for.
    #[getter]
    fn contrast<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        crate::asked::contrast(py, &self.inner)
    }

    /// What several seeds differ in; None unless several were asked for.
    #[getter]
    fn spread<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        crate::asked::spread(py, &self.inner)
    }

    /// Which word goes with which patch; None unless it was asked for.
    #[getter]
    fn interactions<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        crate::asked::interactions(py, &self.inner)
    }

    /// How it was made: model, method with its settings, seed, device, version.
    #[getter]
    fn provenance<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        plain(py, &self.inner.provenance)
    }

    /// The method's name.
    #[getter]
    fn method(&self) -> String {
        match &self.inner.provenance.method {
            m2ib::Method::M2ib(settings) => format!("m2ib-{}", name_of(settings.preset)),
            m2ib::Method::Other { name, .. } => name.clone(),
        }
    }

    /// Everything but the picture, as dictionaries, lists and numbers.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        plain(py, &*self.inner)
    }

    /// The same as JSON, as the program writes it.
    #[pyo3(signature = (*, pretty = false))]
    fn to_json(&self, py: Python<'_>, pretty: bool) -> PyResult<String> {
        Ok(py.detach(|| self.json(pretty))?)
    }

    /// Reads what ``to_json`` wrote, to the bit; the picture is not in it.
    #[staticmethod]
    fn from_json(py: Python<'_>, text: &str) -> PyResult<Self> {
        Ok(py.detach(|| Self::read(text, "the text"))?)
    }

    /// Makes one of what ``to_dict`` gave.
    #[staticmethod]
    fn from_dict(py: Python<'_>, values: &Bound<'_, PyAny>) -> PyResult<Self> {
        let text: String = py
            .import("json")?
            .call_method1("dumps", (values,))?
            .extract()?;
        Ok(Self::read(&text, "the dictionary")?)
    }

    /// Reads a file that ``save`` or the program wrote as JSON.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        Ok(py.detach(|| {
            let name = path.display();
            let read = m2ib_files::read_text(&path, save::LARGEST);
            let text = read.map_err(|error| {
                Failure::new(Kind::File, format!("cannot read {name}: {error}"))
            })?;
            Self::read(&text, &name.to_string())
        })?)
    }

    /// Writes a file, whole or not at all, of the kind that its ending says: .png (the heat map over the
    /// image, the words beneath), .html (one self-contained page), .json (all numbers), .npy (saliency,
    /// [rows, columns]) or .npz (saliency, heat map, tokens, words and more).
    ///
    /// Args:
    ///     path: The file; never the picture that was explained.
    ///     image: The picture, where it was not kept.
    ///     opacity: How much the heat map covers the picture, 0 to 1. This and the next are for .png.
    ///     color_map: "turbo", "viridis", "inferno", "magma", "plasma" or "gray".
    ///     boxes: Draws boxes around what is hotter than this, 0 to 1.
    #[pyo3(signature = (path, *, image = None, opacity = 0.7, color_map = "viridis", boxes = None))]
    fn save(
        &self,
        py: Python<'_>,
        path: PathBuf,
        image: Option<&Bound<'_, PyAny>>,
        opacity: f32,
        color_map: &str,
        boxes: Option<f32>,
    ) -> PyResult<()> {
        let ending = path.extension().unwrap_or_default();
        let ending = ending.to_string_lossy().to_lowercase();
        save::check_place(&path, self.source.as_deref())?;
        let picture = || given_or(image, || self.image.clone());
        let bytes = match ending.as_str() {
            "png" => {
                let (picture, drawing) = (picture()?, Drawing::of(opacity, color_map, boxes)?);
                py.detach(|| save::png(&self.inner, &*picture.open()?, &drawing))?
            }
            "html" | "htm" => {
                let picture = picture()?;
                py.detach(|| save::page(&self.inner, &*picture.open()?))?
                    .into_bytes()
            }
            "json" => py.detach(|| self.json(true))?.into_bytes(),
            "npy" => m2ib::npy(&self.inner).map_err(Failure::from)?,
            "npz" => py
                .detach(|| m2ib::npz(&self.inner))
                .map_err(Failure::from)?,
            _ => return Err(save::unknown(&path).into()),
        };
        Ok(py.detach(|| save::write(&path, &bytes))?)
    }

    /// The heat map over the picture.
    ///
    /// Args:
    ///     image: The picture, where it was not kept.
    ///     opacity: How much the heat map covers the picture, 0 to 1.
    ///     color_map: "turbo", "viridis", "inferno", "magma", "plasma" or "gray".
    ///     boxes: Draws boxes around what is hotter than this, 0 to 1.
    ///     words: Writes the caption's words beneath, shaded; small pictures are enlarged.
    ///
    /// Returns:
    ///     Red, green and blue: uint8, [height, width, 3]; for Pillow, ``Image.fromarray`` takes it.
    #[pyo3(signature = (image = None, *, opacity = 0.7, color_map = "viridis", boxes = None, words = false))]
    fn overlay<'py>(
        &self,
        py: Python<'py>,
        image: Option<&Bound<'py, PyAny>>,
        opacity: f32,
        color_map: &str,
        boxes: Option<f32>,
        words: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let picture = given_or(image, || self.image.clone())?;
        let drawing = Drawing::of(opacity, color_map, boxes)?;
        let drawn = py.detach(|| drawing.draw(&self.inner, &*picture.open()?, words))?;
        let shape = [drawn.height() as usize, drawn.width() as usize, 3];
        array::bytes(py, drawn.into_raw(), &shape)
    }

    /// One self-contained page, as ``save`` writes it.
    #[pyo3(signature = (image = None))]
    fn to_html(&self, py: Python<'_>, image: Option<&Bound<'_, PyAny>>) -> PyResult<String> {
        let picture = given_or(image, || self.image.clone())?;
        Ok(py.detach(|| save::page(&self.inner, &*picture.open()?))?)
    }

    /// The page, for notebooks; without the picture where it was not kept.
    fn _repr_html_(&self, py: Python<'_>) -> PyResult<String> {
        let page = py.detach(|| {
            let view = &self.inner.image.view;
            let (width, height) = shown(view.image_width, view.image_height);
            let image = match &self.image {
                // Scaled down, since a notebook keeps what it shows.
                Some(image) => image.resize_exact(width, height, imageops::FilterType::Triangle),
                None => RgbImage::from_pixel(width, height, [128; 3].into()).into(),
            };
            let image_side = self.inner.image.shown_at(width, height);
            let shown = m2ib::Attribution {
                image: image_side,
                ..(*self.inner).clone()
            };
            save::page(&shown, &image)
        })?;
        let page = page.replace('&', "&amp;").replace('"', "&quot;");
        Ok(format!(
            "<iframe srcdoc=\"{page}\" sandbox=\"allow-scripts\" title=\"m2ib attribution\" style=\"width:100%;height:{HEIGHT}px;border:0\"></iframe>"
        ))
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.inner == other.inner
    }

    /// A few lines: the caption, its strongest words, the hottest patch, and the warnings.
    fn __str__(&self) -> String {
        self.inner.to_string()
    }

    fn __repr__(&self) -> String {
        format!(
            "<m2ib.Attribution of {:?}, similarity {:.4}: {}>",
            self.inner.text.caption.text,
            self.inner.similarity,
            in_a_line(&self.inner.text),
        )
    }

    /// The picture stays behind: what is sent to other processes should be small.
    fn __reduce__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let restore = py.import("m2ib._results")?.getattr("restore")?;
        let json = self.json(false)?;
        Ok((restore, PyTuple::new(py, [json])?))
    }
}

/// The size of a picture in a notebook.
fn shown(width: u32, height: u32) -> (u32, u32) {
    let longest = width.max(height);
    if longest <= LONGEST {
        return (width, height);
    }
    let scaled = |side: u32| (u64::from(side) * u64::from(LONGEST) / u64::from(longest)).max(1);
    (scaled(width) as u32, scaled(height) as u32)
}

/// The file is no picture that was explained.
pub(crate) fn is_same(path: &Path, source: Option<&Path>) -> bool {
    source.is_some_and(|source| m2ib_files::is_same(path, source))
}
