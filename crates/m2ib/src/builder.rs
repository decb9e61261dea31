//! Building an [`Explainer`]: a preset, what overrides it, and every check, once.

use std::num::NonZeroUsize;
use std::sync::Arc;

use burn::tensor::Device;
use clip_model::{DualEncoder, Precision, Tower};
use m2ib_core::{Bottleneck, NoiseModel, Scope};

use crate::source::Loading;
use crate::vocabulary;
use crate::{
    Backend, Beta, Bottlenecks, Calibration, Config, Error, Explainer, Gates, Layer, Method,
    Modality, ModalitySettings, ModelSource, Noise, Overrides, Preset, Quantity, Result, Sampling,
    Shifts,
};

/// An explainer in the making: a model, and what is set. Setters may come in any order; the preset fills in
/// whatever they leave out.
///
/// ```
/// use m2ib::{Explainer, Preset};
///
/// let explainer = Explainer::builder("emoji") // or a folder, or "openai/clip-vit-base-patch16"
///     .preset(Preset::Matched)
///     .seed(7)
///     .build()?;
/// # Ok::<(), m2ib::Error>(())
/// ```
#[derive(Debug)]
pub struct ExplainerBuilder {
    source: ModelSource,
    loading: Loading,
    threads: Option<NonZeroUsize>,
    preset: Preset,
    image: Overrides,
    text: Overrides,
    calibration: Calibrating,
    bank: Vec<String>,
    seed: u64,
}

/// Which feature statistics there are.
#[derive(Debug)]
enum Calibrating {
    /// Those that come with the model.
    Found,
    /// These, or none at all.
    Given(Option<Calibration>),
}

/// One modality's settings, checked.
#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) settings: ModalitySettings,
    pub(crate) bottleneck: Bottleneck,
    /// `None`: statistics of the image's own patches.
    pub(crate) noise: Option<NoiseModel>,
}

impl ExplainerBuilder {
    pub(crate) fn new(source: ModelSource) -> Self {
        Self {
            source,
            loading: Loading::default(),
            threads: None,
            preset: Preset::default(),
            image: Overrides::default(),
            text: Overrides::default(),
            calibration: Calibrating::Found,
            bank: Vec::new(),
            seed: 0,
        }
    }

    /// The device that the model is loaded on; the default one of the
    /// [preferred backend](Backend::preferred) unless said otherwise. [`DeviceChoice`](crate::DeviceChoice)
    /// finds one by its name.
    pub fn device(mut self, device: Device) -> Self {
        self.loading.device = Some(device);
        self
    }

    /// The number format of the model's matrices.
    pub fn precision(mut self, precision: Precision) -> Self {
        self.loading.precision = Some(precision);
        self
    }

    /// Has the model take square images of so many pixels, as [`DualEncoder::with_input_size`] does.
    pub fn input_size(mut self, side: usize) -> Self {
        self.loading.input_size = Some(side);
        self
    }

    /// Host threads that it computes on, where it computes on the host; all
    /// ([`m2ib_core::threads`]) unless said otherwise.
    pub fn threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Where the settings start from; the default [`Preset`] unless said otherwise.
    pub fn preset(mut self, preset: Preset) -> Self {
        self.preset = preset;
        self
    }

    /// The layer masked in the image tower.
    pub fn image_layer(mut self, layer: Layer) -> Self {
        self.image.layer = Some(layer);
        self
    }

    /// The layer masked in the text tower.
    pub fn text_layer(mut self, layer: Layer) -> Self {
        self.text.layer = Some(layer);
        self
    }

    /// β of both bottlenecks: the price of a nat, a number or a path of [`Beta`].
    pub fn beta(self, beta: impl Into<Beta>) -> Self {
        let beta = beta.into();
        self.both(|side| side.beta = Some(beta))
    }

    /// γ of both: the weight of the second side.
    pub fn gamma(self, gamma: f64) -> Self {
        self.both(|side| side.gamma = Some(gamma))
    }

    /// Which of a token's features share a gate, for both.
    pub fn gates(self, gates: Gates) -> Self {
        self.both(|side| side.gates = Some(gates))
    }

    /// α of every gate before the first step, for both.
    pub fn start(self, start: f64) -> Self {
        self.both(|side| side.start = Some(start))
    }

    /// What is read off as the map, for both.
    pub fn quantity(self, quantity: Quantity) -> Self {
        self.both(|side| side.quantity = Some(quantity))
    }

    /// Isotropic noise with this σ for both.
    pub fn sigma(self, sigma: f32) -> Self {
        self.noise(Noise::Isotropic { sigma })
    }

    /// The noise of both.
    pub fn noise(self, noise: Noise) -> Self {
        self.both(|side| side.noise = Some(noise))
    }

    /// Evaluations of the objective, for both.
    pub fn steps(self, steps: usize) -> Self {
        self.both(|side| side.steps = Some(steps))
    }

    /// Noise samples per step, for both.
    pub fn samples(self, samples: usize) -> Self {
        self.both(|side| side.samples = Some(samples))
    }

    /// How the noise samples of a step relate to each other, for both.
    pub fn sampling(self, sampling: Sampling) -> Self {
        self.both(|side| side.sampling = Some(sampling))
    }

    /// Shifted grids that the image's map is averaged over, along each side.
    pub fn shifts(mut self, shifts: Shifts) -> Self {
        self.image.shifts = Some(shifts);
        self
    }

    /// Adam's learning rate, for both.
    pub fn learning_rate(self, learning_rate: f64) -> Self {
        self.both(|side| side.learning_rate = Some(learning_rate))
    }

    /// Sets what differs from the preset for one modality; what is `None` stays as it was.
    pub fn overrides(mut self, modality: Modality, overrides: Overrides) -> Self {
        match modality {
            Modality::Image => self.image = overrides.or(self.image),
            Modality::Text => self.text = overrides.or(self.text),
        }
        self
    }

    /// What a file of settings says; what it leaves out stays as it was.
    pub fn config(mut self, config: Config) -> Self {
        self.preset = config.preset.unwrap_or(self.preset);
        self.overrides(Modality::Image, config.image)
            .overrides(Modality::Text, config.text)
    }

    /// Feature statistics for [`Noise::Matched`]: these, or with `None` none at all. Unless said otherwise,
    /// those that [come with the model](Calibration::found).
    pub fn calibration(mut self, calibration: impl Into<Option<Calibration>>) -> Self {
        self.calibration = Calibrating::Given(calibration.into());
        self
    }

    /// Captions of other things that a pair's similarity is ranked among, in place of ours: a few
    /// hundred in the words of the images at hand tell the most.
    pub fn bank<T: Into<String>>(mut self, captions: impl IntoIterator<Item = T>) -> Self {
        self.bank = captions.into_iter().map(T::into).collect();
        self
    }

    /// The noise's seed; 0 unless said otherwise. The same seed gives the same noise on every
    /// backend.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Loads the model, unless it is loaded, and checks everything.
    ///
    /// # Errors
    /// [`Error::Model`] and [`Error::Hub`] for what is wrong with its files, [`Error::Backend`] if nothing
    /// computes, [`Error::AlreadyLoaded`], [`Error::LeftOut`];
    /// [`Error::Setting`] for a layer that cannot be masked, [`Error::Bottleneck`] for a number out of range, [`Error::TextShifts`],
    /// [`Error::Calibration`] for one that does not fit the model, [`Error::CalibrationNeeded`],
    /// [`Error::Model`] for a bank whose captions do not go through the text tower.
    pub fn build(self) -> Result<Explainer> {
        let mut scope = Scope::new();
        if let Some(threads) = self.threads {
            scope = scope.with_threads(threads);
        }
        scope.run(|| self.built())
    }

    fn built(self) -> Result<Explainer> {
        let mut model = self.source.load(&self.loading)?;
        if !self.bank.is_empty() {
            model = model.with_bank(&self.bank)?;
        }
        let calibration = match self.calibration {
            Calibrating::Found => Calibration::found(&model)?,
            Calibrating::Given(given) => given,
        };
        // Also where no noise uses it: giving another model's is a mistake all the same.
        if let Some(calibration) = &calibration {
            calibration.check_model(&model)?;
        }
        let side = |modality, overrides: Overrides| {
            let (depth, _) = dimensions(&model, modality);
            let settings = ModalitySettings::preset(self.preset, modality, depth);
            Side::new(
                &model,
                modality,
                overrides.apply(settings),
                calibration.as_ref(),
            )
        };
        let image = side(Modality::Image, self.image)?;
        let text = side(Modality::Text, self.text)?;
        if text.settings.shifts != Shifts::ONE {
            let found = text.settings.shifts;
            return Err(Error::TextShifts { found });
        }
        let own = [
            (&image, "the image's own patches"),
            (&text, "the vocabulary"),
        ];
        let own = own.into_iter();
        let own = own.filter(|(side, _)| side.settings.noise == Noise::Matched);
        let own: Vec<_> = own.map(|(_, statistics)| statistics).collect();
        let calibration = (!own.is_empty()).then(|| match &calibration {
            Some(calibration) => format!(
                "{} images and {} captions, {}",
                calibration.images,
                calibration.captions,
                calibration.digest()
            ),
            None => own.join(" and "),
        });
        let bottlenecks = Bottlenecks {
            preset: self.preset,
            image: image.settings,
            text: text.settings,
            calibration,
        };
        let method = Method::M2ib(Box::new(bottlenecks));
        let provenance = crate::provenance(&model, method, self.seed);
        let shares = [&image, &text].map(|side| {
            let settings = &side.settings;
            match settings.shifts.count() {
                1 => settings.bottleneck.samples,
                grids => grids,
            }
        });
        let device = model.device();
        let on_host = Backend::host_threads(&device).is_some();
        model.computes_on_host(on_host);
        Ok(Explainer {
            model: Arc::new(model),
            image: Arc::new(image),
            text: Arc::new(text),
            seed: self.seed,
            provenance: Arc::new(provenance),
            threads: self.threads,
            image_lanes: Backend::lanes(&device, shares[0])?,
            text_lanes: Backend::lanes(&device, shares[1])?,
            pair_lanes: Backend::lanes(&device, usize::MAX)?,
        })
    }

    fn both(mut self, set: impl Fn(&mut Overrides)) -> Self {
        set(&mut self.image);
        set(&mut self.text);
        self
    }
}

impl Side {
    fn new(
        model: &DualEncoder,
        modality: Modality,
        settings: ModalitySettings,
        calibration: Option<&Calibration>,
    ) -> Result<Self> {
        let (depth, width) = dimensions(model, modality);
        let in_side = |source| Error::Bottleneck { modality, source };
        settings.layer.check(modality, depth)?;
        let bottleneck = Bottleneck::new(settings.bottleneck).map_err(in_side)?;
        bottleneck.check_width(width).map_err(in_side)?;
        let noise = match (settings.noise, calibration) {
            (Noise::Isotropic { sigma }, _) => Some(NoiseModel::Isotropic(sigma)),
            (Noise::Matched, Some(calibration)) => {
                let statistics = calibration.statistics(model, modality, settings.layer)?;
                Some(statistics.noise_model())
            }
            (Noise::Matched, None) => match (modality, settings.layer) {
                (Modality::Image, _) => None,
                (Modality::Text, Layer::Embedding) => {
                    Some(vocabulary::statistics(model.text())?.noise_model())
                }
                (Modality::Text, _) => return Err(Error::CalibrationNeeded),
            },
        };
        if let Some(noise) = &noise {
            noise.check(width).map_err(in_side)?;
        }
        Ok(Self {
            settings,
            bottleneck,
            noise,
        })
    }
}

/// Blocks of a tower, and features of a token.
fn dimensions(model: &DualEncoder, modality: Modality) -> (usize, usize) {
    let tower: &dyn Tower = match modality {
        Modality::Image => model.image(),
        Modality::Text => model.text(),
    };
    (tower.depth(), tower.width())
}
