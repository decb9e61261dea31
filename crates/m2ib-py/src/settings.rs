//! Keyword arguments to settings.

use std::fmt::Display;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use m2ib::clip_input::{self, Adjustment};
use m2ib::{Calibration, Config, DualEncoder, Explainer, Modality, Noise, Overrides, Preset};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::calibration;
use crate::failure::{Failure, Kind};
use crate::given::all_captions;
use crate::picture::Picture;

/// All but those of a side.
const NAMES: &str = "preset, seed, threads, bank, calibration, config, image, text, image_layer, text_layer, beta, gamma, gates, start, sigma, noise, sampling, learning_rate, steps, samples, quantity, shifts, window, background";
/// Those of a side.
const OF_A_SIDE: &str = "layer, beta, gamma, gates, start, sigma, noise, sampling, learning_rate, steps, samples, quantity, shifts";

/// What an explainer is made by, but for its model.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recipe {
    preset: Option<Preset>,
    image: Overrides,
    text: Overrides,
    seed: u64,
    pub(crate) adjustment: Adjustment,
    pub(crate) threads: Option<NonZeroUsize>,
    pub(crate) statistics: Statistics,
    /// Captions that similarities are ranked among; ours if there are none.
    pub(crate) bank: Option<Arc<Vec<String>>>,
}

/// Where matched noise has its feature statistics from.
#[derive(Debug, Clone, Default)]
pub(crate) enum Statistics {
    /// Those that come with the model, if any do.
    #[default]
    Own,
    /// The picture's patches and the vocabulary.
    None,
    Given(Arc<Calibration>),
    File(PathBuf),
}

impl Recipe {
    /// The same with what keyword arguments say; what they leave out or give as `None` stays.
    ///
    /// # Errors
    /// `m2ib.SettingsError` for a name that there is not, or a value that cannot be read. Whether values
    /// make sense shows when an explainer is built.
    pub(crate) fn with(mut self, settings: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let Some(settings) = settings else {
            return Ok(self);
        };
        let (mut both, mut layers, mut shifts) = (Overrides::default(), [None, None], None);
        let mut sides = [None, None];
        let mut config = None;
        for (name, value) in settings {
            let name: String = name.extract()?;
            if value.is_none() && name != "calibration" {
                continue;
            }
            match name.as_str() {
                "preset" => self.preset = Some(named(&name, &value)?),
                "seed" => self.seed = number(&name, &value, "a whole number from 0")?,
                "threads" => {
                    self.threads = Some(number(&name, &value, "a whole number above 0")?);
                }
                "window" => self.adjustment.window = Some(of_pictures(&value)?),
                "background" => self.adjustment.background = Some(of_pictures(&value)?),
                "bank" => self.bank = Some(Arc::new(captions(&value)?)),
                "calibration" => self.statistics = Statistics::of(&value)?,
                "config" => {
                    config = Some(Config::load(path(&name, &value)?).map_err(Failure::from)?)
                }
                "image" => sides[0] = Some(side(&name, &value)?),
                "text" => sides[1] = Some(side(&name, &value)?),
                "image_layer" => layers[0] = Some(named(&name, &value)?),
                "text_layer" => layers[1] = Some(named(&name, &value)?),
                "shifts" => shifts = Some(named(&name, &value)?),
                _ if set(&mut both, &name, &name, &value)? => {}
                _ => return Err(unknown(&name, NAMES).into()),
            }
        }
        // What is said of one side comes before what is said of both, and that before a file's.
        let [image, text] = sides.map(Option::unwrap_or_default);
        let own = |side: Overrides, layer, shifts| Overrides {
            layer: side.layer.or(layer),
            shifts: side.shifts.or(shifts),
            ..side
        };
        let file = config.unwrap_or_default();
        self.image = own(image, layers[0], shifts)
            .or(both)
            .or(file.image)
            .or(self.image);
        self.text = own(text, layers[1], None)
            .or(both)
            .or(file.text)
            .or(self.text);
        self.preset = match settings.get_item("preset")? {
            Some(preset) if !preset.is_none() => self.preset,
            _ => file.preset.or(self.preset),
        };
        Ok(self)
    }

    /// A picture as the explainer has it.
    pub(crate) fn open(&self, picture: Picture) -> Result<m2ib::Picture, Failure> {
        Ok(self.adjustment.apply(picture.open()?))
    }

    /// An explainer of a model.
    pub(crate) fn build(
        &self,
        model: DualEncoder,
        calibration: Option<&Calibration>,
    ) -> Result<Explainer, Failure> {
        let mut builder = Explainer::builder(model)
            .overrides(Modality::Image, self.image)
            .overrides(Modality::Text, self.text)
            .seed(self.seed);
        if let Some(preset) = self.preset {
            builder = builder.preset(preset);
        }
        builder = builder.calibration(calibration.cloned());
        Ok(builder.build()?)
    }
}

impl Statistics {
    fn of(value: &Bound<'_, PyAny>) -> PyResult<Self> {
        if value.is_none() {
            return Ok(Self::None);
        }
        if let Ok(given) = value.cast::<calibration::Calibration>() {
            return Ok(Self::Given(given.get().inner.clone()));
        }
        let path = path("calibration", value)?;
        match path.to_str() {
            Some("auto") => Ok(Self::Own),
            _ => Ok(Self::File(path)),
        }
    }

    /// The statistics; `own` are the model's.
    pub(crate) fn find(
        &self,
        own: impl FnOnce() -> Result<Option<Calibration>, Failure>,
    ) -> Result<Option<Arc<Calibration>>, Failure> {
        Ok(match self {
            Self::Own => own()?.map(Arc::new),
            Self::None => None,
            Self::Given(calibration) => Some(calibration.clone()),
            Self::File(path) => {
                let read = Calibration::load(path).map_err(Failure::from);
                Some(Arc::new(
                    read.map_err(|failure| failure.about("calibration"))?,
                ))
            }
        })
    }
}

/// Sets one of those that both sides have; false if there is none of the key. Errors have its full name.
fn set(
    overrides: &mut Overrides,
    key: &str,
    name: &str,
    value: &Bound<'_, PyAny>,
) -> PyResult<bool> {
    const NUMBER: &str = "a number";
    const COUNT: &str = "a whole number above 0";
    match key {
        "beta" => overrides.beta = Some(named(name, value)?),
        "gamma" => overrides.gamma = Some(number(name, value, NUMBER)?),
        "gates" => overrides.gates = Some(named(name, value)?),
        "start" => overrides.start = Some(number(name, value, NUMBER)?),
        "sigma" | "noise" if overrides.noise.is_some() => {
            let expected = "\"sigma\" or \"noise\" alone: both say what the noise is";
            return Err(wrong(name, value, expected).into());
        }
        "sigma" => {
            let sigma = number(name, value, NUMBER)?;
            overrides.noise = Some(Noise::Isotropic { sigma });
        }
        "noise" if value.str()?.to_str()? == "matched" => overrides.noise = Some(Noise::Matched),
        "noise" => {
            let expected = "\"matched\"; sigma sets isotropic noise";
            return Err(wrong(name, value, expected).into());
        }
        "sampling" => overrides.sampling = Some(named(name, value)?),
        "learning_rate" => overrides.learning_rate = Some(number(name, value, NUMBER)?),
        "steps" => overrides.steps = Some(number(name, value, COUNT)?),
        "samples" => overrides.samples = Some(number(name, value, COUNT)?),
        "quantity" => overrides.quantity = Some(named(name, value)?),
        _ => return Ok(false),
    }
    Ok(true)
}

/// Those of one side, from a dictionary.
fn side(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Overrides> {
    let settings = value.cast::<PyDict>().map_err(|_| {
        let expected = "a dictionary of settings, as in {\"beta\": 0.3}";
        wrong(name, value, expected)
    })?;
    let mut overrides = Overrides::default();
    for (key, value) in settings {
        let key: String = key.extract()?;
        let full = format!("{name}.{key}");
        if value.is_none() {
            continue;
        }
        match key.as_str() {
            "layer" => overrides.layer = Some(named(&full, &value)?),
            "shifts" => overrides.shifts = Some(named(&full, &value)?),
            _ if set(&mut overrides, &key, &full, &value)? => {}
            _ => return Err(unknown(&full, OF_A_SIDE).into()),
        }
    }
    Ok(overrides)
}

/// Captions of a list, or of a file, one a line.
fn captions(value: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    /// As the program has it: all of them go through the text tower before a pair is explained.
    const MOST: usize = 100_000;
    const BYTES: u64 = 64 << 20;
    let captions = match value.extract::<PathBuf>() {
        Ok(file) => m2ib_files::read_lines(&file, BYTES).map_err(|error| {
            let about = format!("bank: cannot read {}: {error}", file.display());
            Failure::new(Kind::File, about)
        })?,
        Err(_) => {
            let expected = "a list of captions, or a file with one a line";
            all_captions("bank", value).map_err(|_| wrong("bank", value, expected))?
        }
    };
    let blank = captions
        .iter()
        .position(|caption| caption.trim().is_empty());
    if let Some(place) = blank {
        let about = format!("bank[{place}] is empty, expected a caption");
        return Err(Failure::new(Kind::Settings, about).into());
    }
    match captions.len() {
        1..=MOST => Ok(captions),
        found => {
            let about = format!("bank has {found} captions, expected 1 to {MOST}");
            Err(Failure::new(Kind::Settings, about).into())
        }
    }
}

/// What says itself what it expects.
fn named<T: FromStr<Err = m2ib::SettingError>>(
    name: &str,
    value: &Bound<'_, PyAny>,
) -> PyResult<T> {
    // A path of β may be a pair.
    let text = match value.cast::<PyTuple>() {
        Ok(pair) if pair.len() == 2 => format!("{}..{}", pair.get_item(0)?, pair.get_item(1)?),
        _ => value.str()?.to_string(),
    };
    let read = text.parse();
    let read = read.map_err(|error| Failure::new(Kind::Settings, format!("{name}: {error}")));
    Ok(read?)
}

fn of_pictures<T: FromStr<Err = clip_input::Error>>(value: &Bound<'_, PyAny>) -> PyResult<T> {
    let read = value.str()?.to_str()?.parse();
    Ok(read.map_err(Failure::from)?)
}

fn number<T: FromStr>(name: &str, value: &Bound<'_, PyAny>, expected: &str) -> PyResult<T> {
    let read = value.str()?.to_str()?.parse();
    let read = read.map_err(|_| wrong(name, value, expected));
    Ok(read?)
}

fn path(name: &str, value: &Bound<'_, PyAny>) -> PyResult<PathBuf> {
    let path = value.extract();
    let path = path.map_err(|_| wrong(name, value, "a path"));
    Ok(path?)
}

/// A value that a setting does not take.
pub(crate) fn wrong(name: &str, found: &Bound<'_, PyAny>, expected: impl Display) -> Failure {
    let shown = match found.is_instance_of::<PyString>() {
        true => found.repr().map(|text| text.to_string()),
        false => found.str().map(|text| text.to_string()),
    };
    let shown = shown.unwrap_or_else(|_| "what cannot be shown".into());
    let shown: String = match shown.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &shown[..end]),
        None => shown,
    };
    Failure::new(
        Kind::Settings,
        format!("{name} is {shown}, expected {expected}"),
    )
}

fn unknown(name: &str, expected: &str) -> Failure {
    let reason = format!("there is no setting \"{name}\", expected one of {expected}");
    Failure::new(Kind::Settings, reason)
}
