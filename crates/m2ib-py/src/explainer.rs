//! `m2ib.Explainer`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use m2ib::clip_model::ModelFiles;
use m2ib::m2ib_core::{Lanes, threads};
use m2ib::{Ask, Backend, DeviceChoice, DualEncoder};
use m2ib_methods::{Interacting, Method, Registry, Subject, interactions};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::asked::Wanted;
use crate::attribution::Attribution;
use crate::calibration::Calibration;
use crate::encoded::{EncodedImage, EncodedText, kept};
use crate::failure::{Failure, fault};
use crate::many;
use crate::picture::Picture;
use crate::python::plain;
use crate::run::run;
use crate::settings::{Recipe, wrong};

/// Explains image–caption pairs with one model and fixed settings.
///
/// Make one by ``Explainer.emoji``, ``Explainer.from_folder`` or ``Explainer.from_pretrained``. It may be
/// used by several threads at once; the GIL is released while it computes.
#[pyclass(frozen, module = "m2ib")]
pub(crate) struct Explainer {
    pub(crate) shared: Arc<Shared>,
}

/// What jobs on other threads need of an explainer.
pub(crate) struct Shared {
    pub(crate) inner: m2ib::Explainer,
    /// As it was loaded, which is how the program's other methods have it: an explainer's computes the
    /// same in other kernels.
    pub(crate) model: DualEncoder,
    pub(crate) recipe: Recipe,
    calibration: Option<Arc<m2ib::Calibration>>,
    /// Those that were asked for by name.
    methods: Mutex<HashMap<String, Arc<dyn Method>>>,
}

impl Shared {
    fn new(
        model: DualEncoder,
        recipe: Recipe,
        calibration: Option<Arc<m2ib::Calibration>>,
    ) -> Result<Self, Failure> {
        Ok(Self {
            inner: recipe.build(model.clone(), calibration.as_deref())?,
            model,
            recipe,
            calibration,
            methods: Mutex::default(),
        })
    }

    /// A method by name.
    pub(crate) fn method(&self, name: &str) -> Result<Arc<dyn Method>, Failure> {
        let broken = |_| fault("a method broke");
        if let Some(method) = self.methods.lock().map_err(broken)?.get(name) {
            return Ok(method.clone());
        }
        let factory = Registry::standard().parse(name)?;
        let built = factory.build(&self.model, self.calibration.as_deref())?;
        let method: Arc<dyn Method> = built.into();
        let mut methods = self.methods.lock().map_err(broken)?;
        methods.insert(name.into(), method.clone());
        Ok(method)
    }
}

/// A model that is about to be loaded.
struct Model {
    origin: Origin,
    device: Option<String>,
    precision: String,
    input_size: Option<usize>,
}

enum Origin {
    Emoji,
    Folder(PathBuf),
    Hub(String),
}

impl Model {
    fn load(&self, bank: Option<&[String]>) -> Result<DualEncoder, Failure> {
        let device = match &self.device {
            Some(name) => name.parse::<DeviceChoice>()?.device()?,
            None => Backend::preferred()?.device()?,
        };
        let files = match &self.origin {
            Origin::Emoji => None,
            Origin::Folder(folder) => Some(ModelFiles::in_folder(folder)?),
            Origin::Hub(id) => {
                let options = m2ib::hub::HubOptions::from_env();
                Some(m2ib::hub::fetch(id, &options, None)?)
            }
        };
        let precision = self.precision.parse()?;
        Lanes::new(1, threads())?.together(|| {
            let mut model = match files {
                Some(files) => DualEncoder::from_files(&files, &device)?,
                None => m2ib::emoji::pretrained(&device)?,
            };
            if let Some(side) = self.input_size {
                let resized = model.with_input_size(side).map_err(Failure::from);
                model = resized.map_err(|failure| Failure {
                    kind: crate::failure::Kind::Settings,
                    ..failure.about("input_size")
                })?;
            }
            model.set_precision(precision)?;
            match bank {
                Some(captions) => with_bank(&model, captions),
                None => Ok(model),
            }
        })
    }
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

    fn of_pair(
        &self,
        py: Python<'_>,
        image: &Bound<'_, PyAny>,
        text: String,
        method: Option<String>,
        keep_image: bool,
        wanted: &Wanted,
    ) -> PyResult<Attribution> {
        let ask = wanted.ask()?;
        let by = wanted.interactions.clone();
        let picture = Picture::of(image)?;
        let source = picture.path().map(Path::to_path_buf);
        let shared = self.shared.clone();
        let (attribution, image) = run(py, self.shared.recipe.threads, move || {
            let explainer = &shared.inner;
            let mut attribution;
            let image;
            match method {
                None => {
                    // What is wrong with the caption is known at once.
                    let text = explainer.encode_text(&text)?;
                    image = shared.recipe.open(picture)?;
                    let encoded = explainer.encode_image(&image)?;
                    attribution = explainer.ask(&encoded, &text, &ask, &mut m2ib::unwatched)?;
                    attribution.asked.interactions = match &by {
                        None => None,
                        Some(Interacting::Bottleneck) => {
                            Some(explainer.word_maps(&encoded, &text)?)
                        }
                        Some(by) => {
                            let caption = &text.caption().text;
                            let subject = Subject::new(&shared.model, &image, caption)?;
                            Some(interactions(&subject, by)?)
                        }
                    };
                }
                Some(name) => {
                    let method = shared.method(&name)?;
                    image = shared.recipe.open(picture)?;
                    let subject = Subject::new(&shared.model, &image, &text)?;
                    attribution = match ask == Ask::default() {
                        true => method.attribute(&subject)?,
                        false => {
                            let calibration = shared.calibration.as_deref();
                            m2ib_methods::ask(method.factory(), calibration, &subject, &ask)?
                        }
                    };
                    let found = by.map(|by| interactions(&subject, &by)).transpose()?;
                    attribution.asked.interactions = found;
                }
            }
            attribution.provenance.adjustment = shared.recipe.adjustment;
            Ok((attribution, keep_image.then(|| Arc::new(image))))
        })?;
        Ok(Attribution::new(attribution, image, source))
    }
}

impl Explainer {
    /// An image and a caption, encoded already or now.
    fn encoded(
        &self,
        py: Python<'_>,
        image: &Bound<'_, PyAny>,
        text: &Bound<'_, PyAny>,
    ) -> PyResult<(Arc<m2ib::EncodedImage>, Arc<m2ib::EncodedText>)> {
        let image = match image.cast::<EncodedImage>() {
            Ok(encoded) => encoded.get().inner.clone(),
            Err(_) => self.encode_image(py, image, false)?.inner,
        };
        let text = match text.cast::<EncodedText>() {
            Ok(encoded) => encoded.get().inner.clone(),
            Err(_) => self.encode_text(py, text)?.inner,
        };
        Ok((image, text))
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
        input_size: Option<usize>,
        settings: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let model = Model {
            origin: Origin::Emoji,
            device,
            precision: precision.into(),
            input_size,
        };
        Self::load(py, model, settings)
    }

    /// A model in a folder, in Hugging Face's layout or open_clip's.
    ///
    /// Args:
    ///     folder: With config.json, model.safetensors, tokenizer.json and preprocessor_config.json.
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
        input_size: Option<usize>,
        settings: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let model = Model {
            origin: Origin::Folder(folder),
            device,
            precision: precision.into(),
            input_size,
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
        input_size: Option<usize>,
        settings: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let origin = match id_or_folder.to_str() {
            Some(id) if !id_or_folder.exists() && is_id(id) => Origin::Hub(id.into()),
            _ => Origin::Folder(id_or_folder),
        };
        let model = Model {
            origin,
            device,
            precision: precision.into(),
            input_size,
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
        seeds: Option<usize>,
        interactions: Option<&str>,
    ) -> PyResult<Attribution> {
        let wanted = Wanted::of(None, baseline, kappa, seeds, interactions)?;
        self.of_pair(py, image, caption(text)?, method, keep_image, &wanted)
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
        seeds: Option<usize>,
    ) -> PyResult<Attribution> {
        let wanted = Wanted::of(Some(instead_of), None, kappa, seeds, None)?;
        self.of_pair(py, image, caption(text)?, method, keep_image, &wanted)
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
    ///     images: A list of images, or one.
    ///     texts: A list of captions, or one.
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
        let pairs = many::Pairs::of(images, texts)?;
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
        let picture = Picture::of(image)?;
        let source = picture.path().map(Path::to_path_buf);
        let shared = self.shared.clone();
        let (inner, picture) = run(py, self.shared.recipe.threads, move || {
            let image = shared.recipe.open(picture)?;
            let encoded = shared.inner.encode_image(&image)?;
            Ok((Arc::new(encoded), keep_image.then(|| Arc::new(image))))
        })?;
        Ok(EncodedImage {
            inner,
            picture,
            source,
        })
    }

    /// Runs a caption through its tower, to be explained against many images.
    fn encode_text(&self, py: Python<'_>, text: &Bound<'_, PyAny>) -> PyResult<EncodedText> {
        let (shared, text) = (self.shared.clone(), caption(text)?);
        let inner = run(py, self.shared.recipe.threads, move || {
            Ok(Arc::new(shared.inner.encode_text(&text)?))
        })?;
        Ok(EncodedText { inner })
    }

    /// Runs captions through their tower, several at once on a CPU. The first that cannot be is an error.
    fn encode_texts(
        &self,
        py: Python<'_>,
        texts: Vec<Bound<'_, PyAny>>,
    ) -> PyResult<Vec<EncodedText>> {
        let texts = texts.iter().map(caption).collect::<PyResult<Vec<_>>>()?;
        let shared = self.shared.clone();
        run(py, self.shared.recipe.threads, move || {
            let encoded = shared.inner.encode_texts(&texts).into_iter().enumerate();
            let one = |(place, text): (usize, m2ib::Result<_>)| match text {
                Ok(text) => Ok(EncodedText {
                    inner: Arc::new(text),
                }),
                Err(error) => Err(Failure::from(error).about(format_args!("texts[{place}]"))),
            };
            encoded.map(one).collect()
        })
    }

    /// Takes back what ``EncodedImage.to_json`` wrote: of the same model, layer, shifts and precision.
    fn restore_image(&self, py: Python<'_>, text: &str) -> PyResult<EncodedImage> {
        let (shared, text) = (self.shared.clone(), text.to_owned());
        let inner = run(py, self.shared.recipe.threads, move || {
            Ok(Arc::new(shared.inner.restore_image(&kept(&text)?)?))
        })?;
        Ok(EncodedImage {
            inner,
            picture: None,
            source: None,
        })
    }

    /// Takes back what ``EncodedText.to_json`` wrote: of the same model, layer and precision.
    fn restore_text(&self, py: Python<'_>, text: &str) -> PyResult<EncodedText> {
        let (shared, text) = (self.shared.clone(), text.to_owned());
        let inner = run(py, self.shared.recipe.threads, move || {
            Ok(Arc::new(shared.inner.restore_text(&kept(&text)?)?))
        })?;
        Ok(EncodedText { inner })
    }

    /// The cosine similarity of an image and a caption, encoded or not.
    fn similarity(
        &self,
        py: Python<'_>,
        image: &Bound<'_, PyAny>,
        text: &Bound<'_, PyAny>,
    ) -> PyResult<f32> {
        let (image, text) = self.encoded(py, image, text)?;
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
        let (image, text) = self.encoded(py, image, text)?;
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
        images: Vec<Bound<'_, PyAny>>,
        captions: Vec<String>,
    ) -> PyResult<Calibration> {
        let pictures = images.iter().map(Picture::of);
        let pictures = pictures.collect::<PyResult<Vec<_>>>()?;
        let shared = self.shared.clone();
        let made = run(py, self.shared.recipe.threads, move || {
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
        Ok(Calibration { inner })
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

    fn __repr__(&self) -> String {
        let provenance = self.shared.inner.provenance();
        format!(
            "<m2ib.Explainer of {:?} by {}>",
            provenance.model, provenance.method
        )
    }
}

/// A model whose similarities are ranked among these captions.
fn with_bank(model: &DualEncoder, captions: &[String]) -> Result<DualEncoder, Failure> {
    let model = model.with_bank(captions).map_err(Failure::from);
    model.map_err(|failure| failure.about("bank"))
}

/// A caption.
fn caption(text: &Bound<'_, PyAny>) -> PyResult<String> {
    match text.cast::<PyString>() {
        Ok(text) => Ok(text.to_str()?.to_owned()),
        Err(_) => {
            let failure = wrong("text", text, "a caption as a str");
            Err(Failure {
                kind: crate::failure::Kind::Text,
                ..failure
            }
            .into())
        }
    }
}

/// Whether a path that is not there looks like "owner/name", as the program takes it.
fn is_id(text: &str) -> bool {
    text.split('/').count() == 2 && !text.starts_with(['.', '/', '~'])
}
