//! `m2ib.Explainer`.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::asked::Wanted;
use crate::attribution::Attribution;
use crate::calibration::Calibration;
use crate::encoded::{EncodedImage, EncodedText, encoded};
use crate::failure::Failure;
use crate::given::{caption, count};
use crate::many;
use crate::model::{Model, Origin, with_bank};
use crate::pair::of_pair;
use crate::python::plain;
use crate::run::run;
use crate::settings::Recipe;
use crate::shared::Shared;

/// Explains image–caption pairs with one model and fixed settings.
///
/// Make one by ``Explainer.emoji``, ``Explainer.from_folder`` or ``Explainer.from_pretrained``. It may be
/// used by several threads at once; the GIL is released while it computes.
#[pyclass(frozen, module = "m2ib")]
pub(crate) struct Explainer {
    pub(crate) shared: Arc<Shared>,
}

impl Explainer {
    fn load(py: Python<'_>, model: Model, settings: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let recipe = Recipe::default().with(settings)?;
        let shared = run(py, recipe.threads, move || {
            let loaded = model.load(recipe.bank.as_deref().map(Vec::as_slice))?;
            let calibration = recipe
                .statistics
                .find(|| Ok(m2ib::Calibration::found(&loaded)?))?;
            Shared::new(loaded, recipe, calibration)
        })?;
        let shared = Arc::new(shared);
        Ok(Self { shared })
    }
}

#[pymethods]
impl Explainer {
    /// The embedded model: a small CLIP of drawn emoji, for trying things out.
    ///
    /// Args:
    ///     device: What computes, as ``m2ib.devices()`` names it; the first of them unless given.
    ///     precision: Number format of the model's matrices: "f32", "f16" or "bf16".
    ///     input_size: Pixels of square images that the model is made to take, a multiple of its patches',
    ///         with the positions that it learnt resized.
    ///     **settings: See ``m2ib.Settings``.
    #[staticmethod]
    #[pyo3(signature = (*, device = None, precision = "f32", input_size = None, **settings))]
    fn emoji(
        py: Python<'_>,
        device: Option<String>,
        precision: &str,
        input_size: Option<i64>,
        settings: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let model = Model {
            origin: Origin::Emoji,
            device,
            precision: precision.into(),
            input_size: side(input_size)?,
        };
        Self::load(py, model, settings)
    }

    /// A model in a folder, in Hugging Face's layout or open_clip's.
    ///
    /// Args:
    ///     folder: With config.json, model.safetensors, tokenizer.json and preprocessor_config.json; or a LoRA
    ///         adapter, whose base is taken from the hub or its cache if it is no folder.
    ///     device: What computes, as ``m2ib.devices()`` names it; the first of them unless given.
    ///     precision: Number format of the model's matrices: "f32", "f16" or "bf16".
    ///     input_size: Pixels of square images that the model is made to take, a multiple of its patches',
    ///         with the positions that it learnt resized.
    ///     **settings: See ``m2ib.Settings``.
    #[staticmethod]
    #[pyo3(signature = (folder, *, device = None, precision = "f32", input_size = None, **settings))]
    fn from_folder(
        py: Python<'_>,
        folder: PathBuf,
        device: Option<String>,
        precision: &str,
        input_size: Option<i64>,
        settings: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let model = Model {
            origin: Origin::Folder(folder),
            device,
            precision: precision.into(),
            input_size: side(input_size)?,
        };
        Self::load(py, model, settings)
    }

    /// A model of the Hugging Face hub, from the cache if it is there, or in a folder.
    ///
    /// The environment is heeded as by Hugging Face's own tools: HF_HOME, HF_TOKEN, HF_ENDPOINT,
    /// HF_HUB_OFFLINE.
    ///
    /// Args:
    ///     id_or_folder: "owner/name" or "owner/name@revision", or a folder.
    ///     device: What computes, as ``m2ib.devices()`` names it; the first of them unless given.
    ///     precision: Number format of the model's matrices: "f32", "f16" or "bf16".
    ///     input_size: Pixels of square images that the model is made to take, a multiple of its patches',
    ///         with the positions that it learnt resized.
    ///     **settings: See ``m2ib.Settings``.
    #[staticmethod]
    #[pyo3(signature = (id_or_folder, *, device = None, precision = "f32", input_size = None, **settings))]
    fn from_pretrained(
        py: Python<'_>,
        id_or_folder: PathBuf,
        device: Option<String>,
        precision: &str,
        input_size: Option<i64>,
        settings: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let model = Model {
            origin: Origin::of(id_or_folder),
            device,
            precision: precision.into(),
            input_size: side(input_size)?,
        };
        Self::load(py, model, settings)
    }

    /// An explainer of the same model, whose weights are shared, with some settings changed.
    ///
    /// What is not given stays as it is, what earlier settings changed included.
    #[pyo3(signature = (**settings))]
    fn with_settings(
        &self,
        py: Python<'_>,
        settings: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let (changes_statistics, changes_bank) = match settings {
            Some(settings) => {
                let bank = settings.get_item("bank")?;
                let given = bank.is_some_and(|bank| !bank.is_none());
                (settings.contains("calibration")?, given)
            }
            None => (false, false),
        };
        let recipe = self.shared.recipe.clone().with(settings)?;
        let shared = self.shared.clone();
        let shared = run(py, recipe.threads, move || {
            let calibration = match changes_statistics {
                true => recipe.statistics.find(|| {
                    let own = shared.calibration.as_deref();
                    Ok(own.cloned())
                })?,
                false => shared.calibration.clone(),
            };
            let model = match &recipe.bank {
                Some(captions) if changes_bank => with_bank(&shared.model, captions)?,
                _ => shared.model.clone(),
            };
            Shared::new(model, recipe, calibration)
        })?;
        let shared = Arc::new(shared);
        Ok(Self { shared })
    }

    /// Explains a pair: which patches and which words carry what the two have in common.
    ///
    /// Args:
    ///     image: A path, the bytes of a file, a Pillow image, a NumPy array or a torch tensor; see
    ///         ``m2ib.ImageLike``.
    ///     text: The caption.
    ///     method: Another method than M2IB, by its name and settings, as in
    ///         "kernel-shap:samples=400"; ``m2ib.methods()`` lists them.
    ///     keep_image: Whether the attribution keeps the picture, to be drawn on.
    ///     baseline: What the caption is held against: "none", "empty", a caption without words, or
    ///         "bank", the nearest of a bank of captions.
    ///     kappa: How much that counts, above 0; 1 unless given.
    ///     seeds: Explains by so many seeds, 2 to 1000: the map is their mean, and ``spread`` says how
    ///         they differ.
    ///     interactions: Which word goes with which patch, by "bottleneck", "masks" or "paths", with
    ///         settings as methods have them: "masks:images=4000".
    #[pyo3(signature = (image, text, *, method = None, keep_image = true, baseline = None, kappa = None, seeds = None, interactions = None))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords")]
    fn attribute(
        &self,
        py: Python<'_>,
        image: &Bound<'_, PyAny>,
        text: &Bound<'_, PyAny>,
        method: Option<String>,
        keep_image: bool,
        baseline: Option<String>,
        kappa: Option<f64>,
        seeds: Option<i64>,
        interactions: Option<&str>,
    ) -> PyResult<Attribution> {
        let wanted = Wanted::of(None, baseline, kappa, seeds, interactions)?;
        of_pair(
            py,
            &self.shared,
            image,
            caption(text)?,
            method,
            keep_image,
            &wanted,
        )
    }

    /// Explains why a caption fits better than others: which patches and words speak for it and not for
    /// them. ``Attribution.contrast`` has the other way round.
    ///
    /// Args:
    ///     image: As for ``attribute``.
    ///     text: The caption.
    ///     instead_of: A caption that it is held against, or a list of them.
    ///     method: As for ``attribute``.
    ///     keep_image: As for ``attribute``.
    ///     kappa: How much the others count, above 0; 1 unless given.
    ///     seeds: As for ``attribute``.
    #[pyo3(signature = (image, text, instead_of, *, method = None, keep_image = true, kappa = None, seeds = None))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords")]
    fn attribute_against(
        &self,
        py: Python<'_>,
        image: &Bound<'_, PyAny>,
        text: &Bound<'_, PyAny>,
        instead_of: &Bound<'_, PyAny>,
        method: Option<String>,
        keep_image: bool,
        kappa: Option<f64>,
        seeds: Option<i64>,
    ) -> PyResult<Attribution> {
        let wanted = Wanted::of(Some(instead_of), None, kappa, seeds, None)?;
        of_pair(
            py,
            &self.shared,
            image,
            caption(text)?,
            method,
            keep_image,
            &wanted,
        )
    }

    /// Explains an encoded image against an encoded caption.
    fn attribute_encoded(
        &self,
        py: Python<'_>,
        image: &EncodedImage,
        text: &EncodedText,
    ) -> PyResult<Attribution> {
        let (shared, caption) = (self.shared.clone(), text.inner.clone());
        let encoded = image.inner.clone();
        let attribution = run(py, self.shared.recipe.threads, move || {
            let mut attribution = shared.inner.attribute_encoded(&encoded, &caption)?;
            attribution.provenance.adjustment = shared.recipe.adjustment;
            Ok(attribution)
        })?;
        let (picture, source) = (image.picture.clone(), image.source.clone());
        Ok(Attribution::new(attribution, picture, source))
    }

    /// Explains many pairs, on all cores.
    ///
    /// What occurs in several pairs, as the same object or the same path, is encoded once. One image
    /// alone goes with every caption, and one caption with every image.
    ///
    /// Args:
    ///     images: Images in a list or whatever else gives one after another, a batch
    ///         [images, height, width, channels] or, of torch, [images, channels, height, width]; or one.
    ///     texts: Captions in a list or whatever else gives one after another, or one.
    ///     method: Another method than M2IB, as for ``attribute``.
    ///     return_exceptions: Whether a pair that fails has its exception in the list. Else the first
    ///         such exception is raised.
    ///     keep_images: Whether the attributions keep their pictures, to be drawn on.
    ///     progress: Called now and then with the pairs done and the pairs in all.
    ///
    /// Returns:
    ///     One attribution a pair, in order.
    #[pyo3(signature = (images, texts, *, method = None, return_exceptions = false, keep_images = false, progress = None))]
    #[expect(clippy::too_many_arguments, reason = "they are keywords")]
    fn attribute_many<'py>(
        &self,
        py: Python<'py>,
        images: &Bound<'py, PyAny>,
        texts: &Bound<'py, PyAny>,
        method: Option<String>,
        return_exceptions: bool,
        keep_images: bool,
        progress: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let pairs = many::Pairs::of(images, texts, return_exceptions)?;
        let wanted = many::Wanted {
            method,
            return_exceptions,
            keep_images,
            progress,
        };
        many::attribute(py, &self.shared, pairs, &wanted)
    }

    /// Runs an image through its tower, to be explained against many captions.
    #[pyo3(signature = (image, *, keep_image = true))]
    fn encode_image(
        &self,
        py: Python<'_>,
        image: &Bound<'_, PyAny>,
        keep_image: bool,
    ) -> PyResult<EncodedImage> {
        EncodedImage::of(py, &self.shared, image, keep_image)
    }

    /// Runs a caption through its tower, to be explained against many images.
    fn encode_text(&self, py: Python<'_>, text: &Bound<'_, PyAny>) -> PyResult<EncodedText> {
        EncodedText::of(py, &self.shared, text)
    }

    /// Runs captions through their tower, several at once on a CPU. The first that cannot be is an error.
    fn encode_texts(&self, py: Python<'_>, texts: &Bound<'_, PyAny>) -> PyResult<Vec<EncodedText>> {
        EncodedText::all(py, &self.shared, texts)
    }

    /// Takes back what ``EncodedImage.to_json`` wrote: of the same model, layer, shifts and precision.
    fn restore_image(&self, py: Python<'_>, text: &str) -> PyResult<EncodedImage> {
        EncodedImage::restored(py, &self.shared, text)
    }

    /// Takes back what ``EncodedText.to_json`` wrote: of the same model, layer and precision.
    fn restore_text(&self, py: Python<'_>, text: &str) -> PyResult<EncodedText> {
        EncodedText::restored(py, &self.shared, text)
    }

    /// The cosine similarity of an image and a caption, encoded or not.
    fn similarity(
        &self,
        py: Python<'_>,
        image: &Bound<'_, PyAny>,
        text: &Bound<'_, PyAny>,
    ) -> PyResult<f32> {
        let (image, text) = encoded(py, &self.shared, image, text)?;
        let shared = self.shared.clone();
        run(py, self.shared.recipe.threads, move || {
            Ok(shared.inner.similarity(&image, &text)?)
        })
    }

    /// The caption's place, from 1, by its similarity to the image, and among how many: those of ``bank``
    /// or else captions of all kinds of things, itself included. None where there is no other.
    fn rank(
        &self,
        py: Python<'_>,
        image: &Bound<'_, PyAny>,
        text: &Bound<'_, PyAny>,
    ) -> PyResult<Option<(usize, usize)>> {
        let (image, text) = encoded(py, &self.shared, image, text)?;
        let shared = self.shared.clone();
        run(py, self.shared.recipe.threads, move || {
            let (rank, _) = shared.inner.rank(&image, &text)?;
            Ok(rank.map(|rank| (rank.place(), rank.of())))
        })
    }

    /// Feature statistics of this model over images and captions, at least two of each.
    fn calibrate(
        &self,
        py: Python<'_>,
        images: &Bound<'_, PyAny>,
        captions: &Bound<'_, PyAny>,
    ) -> PyResult<Calibration> {
        Calibration::of(py, &self.shared, images, captions)
    }

    /// The settings of both sides, as attributions' provenance has them.
    #[getter]
    fn settings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        plain(py, &self.shared.inner.provenance().bottlenecks())
    }

    /// How this explainer's explanations are made: model, method, seed, device, version.
    #[getter]
    fn provenance<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        plain(py, self.shared.inner.provenance())
    }

    /// The model's name.
    #[getter]
    fn model(&self) -> String {
        self.shared.model.name().into()
    }

    /// Tells the model from every other: a digest of its weights, tokenizer and preprocessing.
    #[getter]
    fn identity(&self) -> String {
        self.shared.model.identity().to_string()
    }

    /// What is to be said of the model's files.
    #[getter]
    fn notes(&self) -> Vec<String> {
        let notes = self.shared.model.notes().iter();
        notes.map(ToString::to_string).collect()
    }

    /// The threads set; none where all cores are used.
    #[getter]
    fn threads(&self) -> Option<usize> {
        self.shared.recipe.threads.map(usize::from)
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(
            "an explainer holds a model and is not pickled; make one in each process, by m2ib.Explainer.emoji, from_folder or from_pretrained",
        ))
    }

    fn __repr__(&self) -> String {
        let provenance = self.shared.inner.provenance();
        format!(
            "<m2ib.Explainer of {:?} by {}>",
            provenance.model, provenance.method
        )
    }
}

/// The side of a model's input, in pixels.
fn side(input_size: Option<i64>) -> Result<Option<usize>, Failure> {
    let side = input_size.map(|side| count("input_size", side));
    side.transpose()
}
