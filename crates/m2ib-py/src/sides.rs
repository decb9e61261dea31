//! The two sides of an explanation.

use std::sync::Arc;

use m2ib::clip_input::{Role, View};
use m2ib::{RoleScore, Unit, WordScore};
use pyo3::prelude::*;

use crate::array;
use crate::failure::Failure;
use crate::given::{self, count};
use crate::python::{call, name_of};
use crate::segments::{self, Given, Segments};

/// A role with its saliency.
type Scored = (&'static str, f32);

/// Which patches of an image carried what the caption says.
#[pyclass(frozen, module = "m2ib")]
pub(crate) struct ImageAttribution {
    pub(crate) whole: Arc<m2ib::Attribution>,
}

impl ImageAttribution {
    fn inner(&self) -> &m2ib::ImageAttribution {
        &self.whole.image
    }
}

#[pymethods]
impl ImageAttribution {
    /// What each place of the grid carried, in ``unit``: float32, [rows, columns].
    #[getter]
    fn saliency<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        array::map(py, self.inner().saliency().clone())
    }

    /// Rows and columns of the map: those of the patches, times ``shifts``.
    #[getter]
    fn grid(&self) -> (usize, usize) {
        self.inner().saliency().dim()
    }

    /// How many times finer than the grid of patches the map is, along each side.
    #[getter]
    fn shifts(&self) -> usize {
        self.inner().shifts.along()
    }

    /// What saliency is measured in: "nats", "share", "cosine" or "arbitrary".
    #[getter]
    fn unit(&self) -> String {
        name_of(self.inner().unit)
    }

    /// The part of the picture that the model saw, in its pixels: left, top, width, height.
    #[getter]
    fn region(&self) -> (f64, f64, f64, f64) {
        let View {
            left,
            top,
            width,
            height,
            ..
        } = self.inner().view;
        (left, top, width, height)
    }

    /// Height and width of the picture.
    #[getter]
    fn image_size(&self) -> (u32, u32) {
        let view = &self.inner().view;
        (view.image_height, view.image_width)
    }

    /// Height and width of the model's input, as far as patches cover it.
    #[getter]
    fn input_size(&self) -> (usize, usize) {
        let [height, width] = self.inner().input_size;
        (height, width)
    }

    /// Tokens that are no patch, in order: what each is for, and its saliency.
    #[getter]
    fn others(&self) -> Vec<Scored> {
        scored(&self.inner().others)
    }

    /// The share of all saliency that lies on tokens that are no patch, 0 to 1.
    #[getter]
    fn others_share(&self) -> f32 {
        self.inner().others_share()
    }

    /// Whether all patches carry the same, so that there is no map to speak of.
    #[getter]
    fn is_flat(&self) -> bool {
        self.inner().is_flat()
    }

    /// What the coldest and the hottest colour stand for, in ``unit``; None for a flat map.
    #[getter]
    fn scale(&self) -> Option<(f32, f32)> {
        self.inner().scale().map(|[low, high]| (low, high))
    }

    /// The objective, evaluation by evaluation; empty for other methods than M2IB.
    #[getter]
    fn trace<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        trace(py, &self.inner().trace)
    }

    /// The saliency scaled to 0..1: float32, [rows, columns]; zeros for a flat map.
    fn normalized<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        array::map(py, self.inner().normalized())
    }

    /// The map over the whole picture, 0..1: float32, [height, width] of the picture; 0 where the model
    /// saw nothing.
    fn heat_map<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let map = py.detach(|| self.inner().heat_map());
        array::map(py, map.values)
    }

    /// The map alone as a picture of the original's size.
    ///
    /// Args:
    ///     color_map: "viridis", "turbo", "inferno", "magma", "plasma" or "gray", whose levels are the
    ///         map's numbers.
    ///
    /// Returns:
    ///     Red, green, blue and opacity: uint8, [height, width, 4]; transparent where the model saw
    ///     nothing.
    #[pyo3(signature = (color_map = "viridis"))]
    fn heat_picture<'py>(&self, py: Python<'py>, color_map: &str) -> PyResult<Bound<'py, PyAny>> {
        let color_map = color_map.parse().map_err(Failure::from)?;
        let picture = py.detach(|| m2ib::draw::heat_picture(self.inner(), color_map));
        let shape = [picture.height() as usize, picture.width() as usize, 4];
        array::bytes(py, picture.into_raw(), &shape)
    }

    /// Cuts the map into a mask and its connected regions, in pixels of the picture.
    ///
    /// Args:
    ///     threshold: A number from 0 to 1, "otsu" (or "kmeans"), or "mass:" with the share of the map
    ///         that is to be inside, as in "mass:0.5".
    ///     regions: How many regions are kept, the largest; all if None.
    ///     least_region: Regions with less than this share of the largest one's pixels are left out.
    ///     points: Points in each region: the hottest pixel, then such as lie well inside.
    ///     background_points: Points outside of all regions.
    #[pyo3(signature = (threshold = Given::Name("otsu".into()), *, regions = None, least_region = 0.01,
        points = 1, background_points = 0))]
    fn segment(
        &self,
        py: Python<'_>,
        threshold: Given,
        regions: Option<i64>,
        least_region: f32,
        points: i64,
        background_points: i64,
    ) -> PyResult<Segments> {
        let regions = regions.map(|regions| count("regions", regions));
        let segmenter = segments::segmenter(
            &threshold,
            regions.transpose()?,
            least_region,
            count("points", points)?,
            count("background_points", background_points)?,
        )?;
        let whole = self.whole.clone();
        Ok(py.detach(|| Segments::cut(&segmenter, whole)))
    }

    /// The map over the model's input, 0..1: float32, [height, width] of ``input_size``.
    fn input_heat_map<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let map = py.detach(|| self.inner().input_heat_map());
        array::map(py, map)
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.inner() == other.inner()
    }

    fn __repr__(&self) -> String {
        let (rows, columns) = self.grid();
        let unit = self.unit();
        format!("<m2ib.ImageAttribution of {rows} × {columns} places in {unit}>")
    }
}

/// Which words of a caption carried what the image shows.
#[pyclass(frozen, module = "m2ib")]
pub(crate) struct TextAttribution {
    pub(crate) whole: Arc<m2ib::Attribution>,
}

impl TextAttribution {
    fn inner(&self) -> &m2ib::TextAttribution {
        &self.whole.text
    }

    fn given<'py>(
        &self,
        py: Python<'py>,
        words: Vec<WordScore>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let unit = self.unit();
        let words = words.into_iter();
        words
            .map(|word| {
                let span = self.span(&word.span);
                let parts = (word.text, word.saliency, &unit, word.score, span);
                call(py, "_results", "Word", parts)
            })
            .collect()
    }

    /// A place in characters, as Python counts.
    fn span(&self, bytes: &std::ops::Range<usize>) -> (usize, usize) {
        let text = &self.inner().caption.text;
        let characters = |end| text.get(..end).map_or(end, |text| text.chars().count());
        (characters(bytes.start), characters(bytes.end))
    }
}

#[pymethods]
impl TextAttribution {
    /// The caption as given.
    #[getter]
    fn caption(&self) -> String {
        self.inner().caption.text.clone()
    }

    /// What each token carried, in ``unit``, start and end included: float32, [tokens].
    #[getter]
    fn saliency<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let values = self.inner().saliency.clone();
        let count = values.len();
        array::floats(py, values, &[count])
    }

    /// What saliency is measured in: "nats", "share", "cosine" or "arbitrary".
    #[getter]
    fn unit(&self) -> String {
        name_of(self.inner().unit)
    }

    /// The words, in the caption's order.
    #[getter]
    pub(crate) fn words<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        self.given(py, self.inner().words())
    }

    /// The words with the largest saliency, the largest first.
    #[pyo3(signature = (count = 3))]
    pub(crate) fn top_words<'py>(
        &self,
        py: Python<'py>,
        count: i64,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let count = given::count("count", count)?;
        self.given(py, self.inner().top_words(count))
    }

    /// The tokens, in the caption's order.
    #[getter]
    fn tokens<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let unit = self.unit();
        let tokens = self.inner().tokens().into_iter();
        tokens
            .map(|scored| {
                let token = scored.token;
                let span = self.span(&token.span);
                let parts = (
                    &token.text,
                    token.id,
                    role(token.role),
                    token.word,
                    scored.saliency,
                    &unit,
                    scored.score,
                    span,
                );
                call(py, "_results", "Token", parts)
            })
            .collect()
    }

    /// Tokens that are no piece of the caption: what each is for, and its saliency.
    #[getter]
    fn others(&self) -> Vec<Scored> {
        scored(&self.inner().others())
    }

    /// The part of the caption that was too long for the model, if it was.
    #[getter]
    fn left_out(&self) -> Option<&str> {
        let caption = &self.inner().caption;
        let cut = caption.cut.as_ref()?;
        caption.text.get(cut.span.clone())
    }

    /// The objective, evaluation by evaluation; empty for other methods than M2IB.
    #[getter]
    fn trace<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        trace(py, &self.inner().trace)
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.inner() == other.inner()
    }

    fn __repr__(&self) -> String {
        let caption = &self.inner().caption.text;
        format!("<m2ib.TextAttribution of {caption:?} in {}>", self.unit())
    }
}

fn scored(scores: &[RoleScore]) -> Vec<Scored> {
    let scores = scores.iter();
    scores
        .map(|score| (role(score.role), score.saliency))
        .collect()
}

/// What a role is called in Python.
fn role(role: Role) -> &'static str {
    match role {
        Role::Class => "class",
        Role::Start => "start",
        Role::End => "end",
        role => role.name(),
    }
}

fn trace<'py>(
    py: Python<'py>,
    steps: &[m2ib::m2ib_core::Step],
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let step = |step: &m2ib::m2ib_core::Step| {
        let parts = (step.compression, step.fit, step.withheld_fit, step.total);
        call(py, "_results", "Step", parts)
    };
    steps.iter().map(step).collect()
}

/// Words' saliency with its unit, for one line.
pub(crate) fn in_a_line(text: &m2ib::TextAttribution) -> String {
    let words = text.words().into_iter();
    let words: Vec<String> = words
        .map(|word| format!("{} {:.3}", word.text, word.saliency))
        .collect();
    let unit = match text.unit {
        Unit::Arbitrary => String::new(),
        unit => format!(" ({})", name_of(unit)),
    };
    format!("{}{unit}", words.join(", "))
}
