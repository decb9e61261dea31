//! Where a model comes from, and how it is loaded.

use std::path::PathBuf;

use m2ib::hub::{self, HubOptions};
use m2ib::m2ib_core::{Lanes, threads};
use m2ib::{Backend, DeviceChoice, DualEncoder};

use crate::failure::{Failure, Kind};

/// A model that is about to be loaded.
pub(crate) struct Model {
    pub(crate) origin: Origin,
    pub(crate) device: Option<String>,
    pub(crate) precision: String,
    pub(crate) input_size: Option<usize>,
}

pub(crate) enum Origin {
    Emoji,
    Folder(PathBuf),
    Hub(String),
}

impl Origin {
    /// A folder, or else a name on the hub.
    pub(crate) fn of(id_or_folder: PathBuf) -> Self {
        match id_or_folder.to_str() {
            Some(id) if !id_or_folder.exists() && is_id(id) => Self::Hub(id.into()),
            _ => Self::Folder(id_or_folder),
        }
    }
}

impl Model {
    pub(crate) fn load(&self, bank: Option<&[String]>) -> Result<DualEncoder, Failure> {
        let device = match &self.device {
            Some(name) => name.parse::<DeviceChoice>()?.device()?,
            None => Backend::preferred()?.device()?,
        };
        let options = HubOptions::from_env();
        let files = match &self.origin {
            Origin::Emoji => None,
            Origin::Folder(folder) => Some(hub::in_folder(folder, &options, None)?),
            Origin::Hub(id) => Some(hub::fetch(id, &options, None)?),
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
                    kind: Kind::Settings,
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

/// A model whose similarities are ranked among these captions.
pub(crate) fn with_bank(model: &DualEncoder, captions: &[String]) -> Result<DualEncoder, Failure> {
    let model = model.with_bank(captions).map_err(Failure::from);
    model.map_err(|failure| failure.about("bank"))
}

/// Whether a path that is not there looks like "owner/name", as the program takes it.
fn is_id(text: &str) -> bool {
    text.split('/').count() == 2 && !text.starts_with(['.', '/', '~'])
}
