//! `--model` and `--device`: which model, loaded where.

use std::path::{Path, PathBuf};
use std::time::Instant;

#[cfg(not(feature = "hub"))]
use anyhow::bail;
use anyhow::{Context, Result};
use clap::Args;
use m2ib::clip_input::Content;
use m2ib::clip_model::ModelFiles;
use m2ib::m2ib_core::{self, Lanes};
use m2ib::{Backend, DeviceChoice, DualEncoder, Precision, Warning};

/// The embedded model's name.
pub(crate) const EMOJI: &str = "emoji";

/// Which model, and where it runs.
#[derive(Args)]
pub(crate) struct ModelArguments {
    /// "emoji" (embedded), a Hugging Face model folder, or an id "owner/name" on the hub.
    #[arg(long, default_value = EMOJI, value_name = "FOLDER-OR-ID")]
    pub(crate) model: String,
    /// What computes: cpu, wgpu, cuda, rocm, tch or ndarray, as compiled in (see `m2ib devices`);
    /// of several GPUs, one by its number, as in wgpu:1.
    #[arg(long, value_name = "BACKEND[:NUMBER]")]
    pub(crate) device: Option<String>,
    /// Number format of the model's matrices: f32, f16 or bf16, as the device has them.
    #[arg(long, default_value_t, value_name = "FORMAT")]
    pub(crate) precision: Precision,
    /// Make the model take square images of so many pixels, a multiple of its patches': a finer grid of
    /// the same patches, with the positions that it learnt resized (bicubic, with antialiasing).
    #[arg(long, value_name = "PIXELS")]
    pub(crate) input_size: Option<usize>,
}

impl ModelArguments {
    /// Whether the embedded model is meant (a folder of that name comes first).
    pub(crate) fn is_emoji(&self) -> bool {
        self.model == EMOJI && !Path::new(EMOJI).is_dir()
    }

    /// The files that are read, as far as they are there.
    pub(crate) fn inputs(&self) -> Vec<PathBuf> {
        let files = match self.is_emoji() {
            true => Vec::new(),
            false => ModelFiles::in_folder(&self.model).map_or_else(|_| Vec::new(), |it| it.all()),
        };
        let paths = files.into_iter().filter_map(|content| match content {
            Content::Path(path) => Some(path),
            Content::Bytes(..) => None,
        });
        paths.collect()
    }

    /// Loads it.
    pub(crate) fn load(&self) -> Result<DualEncoder> {
        let device = match &self.device {
            Some(name) => name.parse::<DeviceChoice>()?.device()?,
            None => Backend::preferred()?.device()?,
        };
        let files = match self.is_emoji() {
            true => None,
            false => Some(self.files()?),
        };
        let (begun, threads) = (Instant::now(), m2ib_core::threads());
        let model = Lanes::new(1, threads)?.together(|| {
            let mut model = match files {
                Some(files) => DualEncoder::from_files(&files, &device)?,
                None => m2ib::emoji::pretrained(&device)?,
            };
            if let Some(side) = self.input_size {
                model = model.with_input_size(side).context("--input-size")?;
            }
            model.set_precision(self.precision)?;
            anyhow::Ok(model)
        })?;
        for note in model.notes() {
            crate::terminal::warn(note);
        }
        let toy = m2ib::model_warnings(&model).into_iter();
        for warning in toy.filter(|warning| matches!(warning, Warning::Toy { .. })) {
            crate::terminal::warn_once(warning);
        }
        tracing::info!(
            "{} on {:?}, loaded in {:.2} s",
            model.name(),
            model.device(),
            begun.elapsed().as_secs_f64()
        );
        Ok(model)
    }

    /// Those of a folder, or of the hub.
    fn files(&self) -> Result<ModelFiles> {
        let path = Path::new(&self.model);
        let looks_like_an_id =
            self.model.split('/').count() == 2 && !self.model.starts_with(['.', '/', '~']);
        let is_folder = path.exists() || !looks_like_an_id;
        #[cfg(not(feature = "hub"))]
        if is_folder {
            return Ok(ModelFiles::in_folder(path)?);
        }
        #[cfg(feature = "hub")]
        {
            let options = m2ib::hub::HubOptions::from_env();
            let mut bar = crate::download::DownloadBar::new()?;
            Ok(match is_folder {
                true => m2ib::hub::in_folder(path, &options, Some(&mut bar))?,
                false => m2ib::hub::fetch(&self.model, &options, Some(&mut bar))?,
            })
        }
        #[cfg(not(feature = "hub"))]
        bail!(
            "there is no folder {}; to download a model of that name, build with the cargo feature \"hub\"",
            self.model
        )
    }
}
