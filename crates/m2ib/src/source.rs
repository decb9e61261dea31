//! Where a model comes from, and what belongs to it.

use std::fmt;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use clip_model::{DualEncoder, ModelFiles, Precision};
use m2ib_core::Lanes;

use crate::{Backend, Calibration, Error, Result};

/// What the embedded model is called.
const EMOJI: &str = "emoji";
/// Feature statistics in a model's folder, and in its repository on the hub.
pub(crate) const CALIBRATION: &str = "calibration.safetensors";

/// Where [`Explainer::builder`](crate::Explainer::builder) takes its model from.
///
/// A text is read as the program reads its `--model`: `emoji` is the embedded model, `owner/name` one on the
/// Hugging Face hub (where no folder has that name), and anything else a folder.
///
/// ```
/// use m2ib::ModelSource;
///
/// assert!(matches!(ModelSource::from("openai/clip-vit-base-patch16"), ModelSource::Hub(_)));
/// assert!(matches!(ModelSource::from("./models/clip"), ModelSource::Folder(_)));
/// assert!(matches!(ModelSource::from("emoji"), ModelSource::Emoji));
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ModelSource {
    /// The model that is part of the library: a toy for trying things out, which knows drawn scenes of emoji
    /// and nothing else.
    Emoji,
    /// A folder, of any layout that there is.
    Folder(PathBuf),
    /// A model on the Hugging Face hub, or in its cache: `owner/name` or `owner/name@revision`.
    Hub(String),
    /// Files, wherever they are.
    Files(Box<ModelFiles>),
    /// A model that is loaded already.
    Loaded(Box<DualEncoder>),
}

/// How a model is loaded.
#[derive(Debug, Default, Clone)]
pub(crate) struct Loading {
    pub(crate) device: Option<Device>,
    pub(crate) precision: Option<Precision>,
    pub(crate) input_size: Option<usize>,
}

impl ModelSource {
    /// Loads it.
    pub(crate) fn load(self, loading: &Loading) -> Result<DualEncoder> {
        let files = match self {
            Self::Loaded(model) => {
                if loading.device.is_some() {
                    return Err(Error::AlreadyLoaded {
                        model: model.name().into(),
                    });
                }
                return loading.finish(*model);
            }
            Self::Emoji => None,
            Self::Folder(folder) => Some(in_folder(&folder)?),
            Self::Hub(id) => Some(fetched(&id)?),
            Self::Files(files) => Some(*files),
        };
        let device = match &loading.device {
            Some(device) => device.clone(),
            None => Backend::preferred()?.device()?,
        };
        let lanes = Lanes::new(1, m2ib_core::threads()).map_err(Error::Threads)?;
        lanes.together(|| {
            let model = match files {
                Some(files) => DualEncoder::from_files(&files, &device)?,
                None => embedded(&device)?,
            };
            loading.finish(model)
        })
    }
}

impl Loading {
    fn finish(&self, mut model: DualEncoder) -> Result<DualEncoder> {
        if let Some(side) = self.input_size {
            model = model.with_input_size(side)?;
        }
        if let Some(precision) = self.precision {
            model.set_precision(precision)?;
        }
        Ok(model)
    }
}

#[cfg(feature = "hub")]
fn in_folder(folder: &Path) -> Result<ModelFiles> {
    crate::hub::in_folder(folder, &crate::hub::HubOptions::from_env(), None)
}

#[cfg(not(feature = "hub"))]
fn in_folder(folder: &Path) -> Result<ModelFiles> {
    Ok(ModelFiles::in_folder(folder)?)
}

#[cfg(feature = "hub")]
fn fetched(id: &str) -> Result<ModelFiles> {
    crate::hub::fetch(id, &crate::hub::HubOptions::from_env(), None)
}

#[cfg(not(feature = "hub"))]
fn fetched(id: &str) -> Result<ModelFiles> {
    Err(Error::LeftOut {
        what: format!("there is no folder {id}, and downloading a model of that name"),
        feature: "hub",
    })
}

#[cfg(feature = "emoji")]
fn embedded(device: &Device) -> Result<DualEncoder> {
    crate::emoji::pretrained(device)
}

#[cfg(not(feature = "emoji"))]
fn embedded(_device: &Device) -> Result<DualEncoder> {
    Err(Error::LeftOut {
        what: "the embedded model".into(),
        feature: "emoji",
    })
}

impl Calibration {
    /// The statistics that come with a model, however it was loaded: `calibration.safetensors` in the folder that
    /// its files lie in, which of a model of the hub is its place in the cache, or the embedded model's own. None
    /// where there are none, and where the model was [changed](DualEncoder::with_input_size) since.
    ///
    /// # Errors
    /// [`Error::Parse`] for a file that is no calibration, [`Error::Calibration`] for one of another model.
    pub fn found(model: &DualEncoder) -> Result<Option<Self>> {
        if model.identity() != model.unresized_identity() {
            return Ok(None);
        }
        let folder = model.origin().and_then(|origin| origin.folder.as_deref());
        let beside = folder.map(|folder| folder.join(CALIBRATION));
        if let Some(file) = beside.filter(|file| file.is_file()) {
            let found = Self::load(&file)?;
            found.check_model(model)?;
            return Ok(Some(found));
        }
        #[cfg(feature = "emoji")]
        if crate::emoji::is(model) {
            return crate::emoji::calibration().map(Some);
        }
        Ok(None)
    }
}

impl From<&str> for ModelSource {
    fn from(text: &str) -> Self {
        let path = Path::new(text);
        let an_id = text.split('/').count() == 2 && !text.starts_with(['.', '/', '~']);
        match text {
            EMOJI if !path.is_dir() => Self::Emoji,
            id if an_id && !path.exists() => Self::Hub(id.into()),
            _ => Self::Folder(path.into()),
        }
    }
}

impl From<String> for ModelSource {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl From<&Path> for ModelSource {
    fn from(folder: &Path) -> Self {
        Self::Folder(folder.into())
    }
}

impl From<PathBuf> for ModelSource {
    fn from(folder: PathBuf) -> Self {
        Self::Folder(folder)
    }
}

impl From<ModelFiles> for ModelSource {
    fn from(files: ModelFiles) -> Self {
        Self::Files(files.into())
    }
}

impl From<DualEncoder> for ModelSource {
    fn from(model: DualEncoder) -> Self {
        Self::Loaded(model.into())
    }
}

/// As it is given to the program.
impl fmt::Display for ModelSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Emoji => f.write_str(EMOJI),
            Self::Folder(folder) => folder.display().fmt(f),
            Self::Hub(id) => f.write_str(id),
            Self::Files(files) => f.write_str(&files.name),
            Self::Loaded(model) => f.write_str(model.name()),
        }
    }
}
