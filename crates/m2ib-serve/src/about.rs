//! What there is: the model, the methods, pictures to try.

use m2ib::draw::{ColorMap, visible};
use m2ib::{Layer, Modality, ModalitySettings, Preset};
use m2ib_methods::{Interacting, Registry};
use serde::Serialize;

use crate::question::USUAL;
use crate::service::Parts;

/// The model, and what the server takes.
#[derive(Debug, Serialize)]
pub(crate) struct Model {
    name: String,
    /// Tells it from every other.
    identity: String,
    parameters: usize,
    /// What computes.
    backend: String,
    precision: String,
    /// Rows and columns of patches, where all pictures have the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    grid: Option<[usize; 2]>,
    /// Layers that can be masked, as methods' settings take them.
    image_layers: Vec<String>,
    text_layers: Vec<String>,
    /// Whether feature statistics came with it.
    calibration: bool,
    /// What its files were found to lack or to have too much.
    notes: Vec<String>,
    version: &'static str,
    limits: Told,
}

#[derive(Debug, Serialize)]
struct Told {
    picture_bytes: usize,
    picture_pixels: u64,
    captions: usize,
    caption_characters: usize,
    seconds: u64,
    queue: usize,
    seeds: usize,
    betas: usize,
}

/// What explains.
#[derive(Debug, Serialize)]
pub(crate) struct Methods {
    /// The one that is used if none is named.
    usual: &'static str,
    methods: Vec<Method>,
    /// Ways to tell which word goes with which patch.
    interactions: Vec<Way>,
    color_maps: Vec<Colors>,
}

#[derive(Debug, Serialize)]
struct Way {
    name: &'static str,
    settings: Vec<Setting>,
}

#[derive(Debug, Serialize)]
struct Method {
    name: String,
    description: String,
    /// Whether it is M2IB, with a preset.
    m2ib: bool,
    /// Whether it knows nothing of the pair, for comparison.
    control: bool,
    /// Whether it does better with feature statistics.
    needs_calibration: bool,
    /// M2IB's price of a nat in the image, as its preset has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    beta: Option<f64>,
    /// The layers that M2IB's preset masks.
    #[serde(skip_serializing_if = "Option::is_none")]
    layers: Option<[String; 2]>,
    settings: Vec<Setting>,
}

#[derive(Debug, Serialize)]
struct Setting {
    name: &'static str,
    default: String,
    takes: &'static str,
}

/// A colour map at 256 even steps, as six hexadecimal digits each.
#[derive(Debug, Serialize)]
struct Colors {
    name: &'static str,
    colors: String,
}

/// A picture to try.
#[derive(Debug, Serialize)]
pub(crate) struct Sample<'a> {
    name: &'a str,
    picture: &'a str,
    captions: &'a [String],
}

impl Model {
    pub(crate) fn of(parts: &Parts) -> Self {
        let model = parts.engine.model();
        let layers = |depth: usize| Layer::all(depth).map(|layer| layer.to_string()).collect();
        let provenance = parts.engine.plain().provenance();
        let limits = &parts.limits;
        Self {
            name: visible(model.name()).into(),
            identity: provenance.identity.clone(),
            parameters: model.parameters(),
            backend: provenance.backend.clone(),
            precision: provenance.precision.clone(),
            grid: model.grid(),
            image_layers: layers(model.image().depth()),
            text_layers: layers(model.text().depth()),
            calibration: parts.engine.has_calibration(),
            notes: model
                .notes()
                .iter()
                .map(|note| visible(&note.to_string()).into())
                .collect(),
            version: env!("CARGO_PKG_VERSION"),
            limits: Told {
                picture_bytes: limits.picture_bytes,
                picture_pixels: limits.picture_pixels,
                captions: limits.captions,
                caption_characters: limits.caption_characters,
                seconds: limits.time.as_secs(),
                queue: limits.queue,
                seeds: limits.seeds,
                betas: limits.betas,
            },
        }
    }
}

impl Methods {
    pub(crate) fn of(parts: &Parts) -> Self {
        let model = parts.engine.model();
        let depths = [
            (Modality::Image, model.image().depth()),
            (Modality::Text, model.text().depth()),
        ];
        let registry = Registry::standard();
        let methods = registry.methods().iter().map(|method| {
            let preset = method
                .config()
                .map(|config| config.preset.unwrap_or_default());
            let sides = preset.map(|preset: Preset| {
                depths.map(|(side, depth)| ModalitySettings::preset(preset, side, depth))
            });
            Method {
                name: method.name().into(),
                description: method.description().into(),
                m2ib: preset.is_some(),
                control: method.is_control(),
                needs_calibration: method.needs_calibration(),
                beta: sides.map(|[image, _]| image.bottleneck.beta.first),
                layers: sides.map(|sides| sides.map(|side| side.layer.to_string())),
                settings: told(method.settings()),
            }
        });
        let ways = Interacting::NAMES.into_iter().filter_map(|name| {
            let settings = Interacting::parse(name).ok()?.settings();
            let settings = told(settings);
            Some(Way { name, settings })
        });
        let color_maps = ColorMap::ALL.into_iter().map(|map| Colors {
            name: map.name(),
            colors: map
                .table()
                .iter()
                .map(|[r, g, b]| format!("{r:02x}{g:02x}{b:02x}"))
                .collect(),
        });
        Self {
            usual: USUAL,
            methods: methods.collect(),
            interactions: ways.collect(),
            color_maps: color_maps.collect(),
        }
    }
}

fn told(settings: Vec<m2ib_methods::Setting>) -> Vec<Setting> {
    let settings = settings.into_iter();
    let told = settings.map(|setting| Setting {
        name: setting.name,
        default: setting.default,
        takes: setting.takes,
    });
    told.collect()
}

pub(crate) fn samples(parts: &Parts) -> Vec<Sample<'_>> {
    let samples = parts.samples.iter();
    let told = samples.map(|(sample, picture)| Sample {
        name: &sample.name,
        picture: &picture.id,
        captions: &sample.captions,
    });
    told.collect()
}
