//! Feature statistics of a model's layers, for noise that looks like an average hidden state.

use std::collections::BTreeMap;
use std::path::Path;

use clip_input::{Digest, Layout, Pictured};
use clip_model::{DualEncoder, TraceOptions};
use m2ib_core::NoiseModel;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use crate::{Backend, Error, Layer, Modality, Result};

/// Mean and deviation of every feature at every layer of both towers, over the patches of some
/// images (other tokens left out) and the words of some captions (start, end and padding left out).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The model it was made for.
    pub model: String,
    /// Its [identity](DualEncoder::identity).
    pub identity: String,
    /// Images seen.
    pub images: usize,
    /// Captions seen.
    pub captions: usize,
    /// The image tower's layers.
    pub image: BTreeMap<Layer, Statistics>,
    /// The text tower's layers.
    pub text: BTreeMap<Layer, Statistics>,
}

/// One layer's statistics, `[width]` each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// Mean per feature.
    pub mean: Vec<f32>,
    /// Deviation per feature (n − 1 in the denominator).
    pub std: Vec<f32>,
}

impl Statistics {
    /// As the noise of a bottleneck.
    pub fn noise_model(&self) -> NoiseModel {
        NoiseModel::Matched {
            mean: self.mean.clone(),
            std: self.std.clone(),
        }
    }

    /// From each feature's mean and variance.
    pub(crate) fn new(means: Vec<f64>, variances: Vec<f64>) -> Self {
        let std: Vec<f64> = variances.into_iter().map(f64::sqrt).collect();
        // A feature that (nearly) never varies would make (h − m)/s explode elsewhere.
        let floor = 1e-3 * std.iter().sum::<f64>() / std.len() as f64;
        let floor = if floor > 0.0 { floor } else { 1.0 };
        Self {
            mean: means.into_iter().map(|mean| mean as f32).collect(),
            std: std.into_iter().map(|std| std.max(floor) as f32).collect(),
        }
    }

    /// Statistics of rows of `width` features.
    ///
    /// # Shapes
    /// - rows: `[width]` each
    pub fn of_rows<'a>(rows: impl Iterator<Item = &'a [f32]>, width: usize) -> Self {
        let mut moments = Moments::new(width);
        rows.for_each(|row| moments.add(row));
        moments.finish()
    }
}

/// Running sums of one layer, in f64.
#[derive(Debug, Clone)]
pub(crate) struct Moments {
    count: usize,
    mean: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    pub(crate) fn new(width: usize) -> Self {
        Self {
            count: 0,
            mean: vec![0.0; width],
            squares: vec![0.0; width],
        }
    }

    /// Welford's update.
    pub(crate) fn add(&mut self, row: &[f32]) {
        self.count += 1;
        for ((mean, squares), &value) in self.mean.iter_mut().zip(&mut self.squares).zip(row) {
            let before = f64::from(value) - *mean;
            *mean += before / self.count as f64;
            *squares += before * (f64::from(value) - *mean);
        }
    }

    pub(crate) fn means(&self) -> Vec<f64> {
        self.mean.clone()
    }

    pub(crate) fn variances(&self) -> Vec<f64> {
        let degrees = self.count.saturating_sub(1).max(1) as f64;
        self.squares.iter().map(|sum| sum / degrees).collect()
    }

    pub(crate) fn finish(&self) -> Statistics {
        Statistics::new(self.means(), self.variances())
    }
}

/// Gathers statistics image by image and caption by caption.
#[derive(Debug)]
pub struct Calibrator<'a> {
    model: &'a DualEncoder,
    images: usize,
    captions: usize,
    image: Vec<Moments>,
    text: Vec<Moments>,
}

impl<'a> Calibrator<'a> {
    /// Starts with nothing seen.
    pub fn new(model: &'a DualEncoder) -> Self {
        let layers = |depth: usize, width| vec![Moments::new(width); depth + 1];
        Self {
            model,
            images: 0,
            captions: 0,
            image: layers(model.image().depth(), model.image().width()),
            text: layers(model.text().depth(), model.text().width()),
        }
    }

    /// Adds an image's patches.
    ///
    /// # Errors
    /// [`Error::Model`] if the image does not go through the tower.
    pub fn add_image(&mut self, image: &impl Pictured) -> Result<()> {
        let tower = self.model.image();
        let pixels = self.model.processor().process(image);
        let layout = self.model.image_layout(&pixels)?;
        let pixels = self.model.pixels(&pixels)?;
        let lanes = Backend::lanes(&self.model.device(), 1)?;
        let trace = lanes.together(|| {
            let embedded = tower.embed(pixels)?;
            Ok::<_, Error>(tower.trace(embedded, &layout, HIDDEN))
        })?;
        add_states(&mut self.image, &trace, &layout, Modality::Image)?;
        self.images += 1;
        Ok(())
    }

    /// Adds a caption's words.
    ///
    /// # Errors
    /// [`Error::Model`] if the caption cannot be tokenised.
    pub fn add_caption(&mut self, caption: &str) -> Result<()> {
        let tower = self.model.text();
        let caption = self.model.tokenizer().encode(caption)?;
        let layout = tower.layout(&caption)?;
        let ids = tower.ids(&caption.ids())?;
        let lanes = Backend::lanes(&self.model.device(), 1)?;
        let trace = lanes.together(|| tower.trace(tower.embed(ids), &layout, HIDDEN));
        add_states(&mut self.text, &trace, &layout, Modality::Text)?;
        self.captions += 1;
        Ok(())
    }

    /// The statistics of what was added.
    ///
    /// # Errors
    /// [`Error::TooFewSamples`] for fewer than two images or captions.
    pub fn finish(self) -> Result<Calibration> {
        for (what, found) in [("images", self.images), ("captions", self.captions)] {
            if found < 2 {
                return Err(Error::TooFewSamples {
                    what,
                    found,
                    expected: 2,
                });
            }
        }
        let layers = |moments: &[Moments]| {
            moments
                .iter()
                .enumerate()
                .map(|(i, m)| (hidden_state(i), m.finish()))
                .collect()
        };
        Ok(Calibration {
            model: self.model.name().into(),
            identity: self.model.identity().to_string(),
            images: self.images,
            captions: self.captions,
            image: layers(&self.image),
            text: layers(&self.text),
        })
    }
}

const HIDDEN: TraceOptions = TraceOptions {
    hidden: true,
    attention: false,
    gradients: false,
};

/// The layer whose output is hidden state `index`.
fn hidden_state(index: usize) -> Layer {
    index.checked_sub(1).map_or(Layer::Embedding, Layer::Block)
}

fn add_states(
    moments: &mut [Moments],
    trace: &clip_model::Trace,
    layout: &Layout,
    modality: Modality,
) -> Result<()> {
    // All layers or none: what fails at a late one must not have added its early ones.
    let states = (0..moments.len()).map(|index| {
        let state = trace
            .hidden_state(index)
            .expect("hidden states were asked for");
        let [_, _, width] = state.dims();
        let what = match modality {
            Modality::Image => "a hidden state of the image tower",
            Modality::Text => "a hidden state of the text tower",
        };
        Ok((crate::encoded::host(state, what)?, width))
    });
    let states = states.collect::<Result<Vec<_>>>()?;
    for (moments, (values, width)) in moments.iter_mut().zip(states) {
        for (role, row) in layout.tokens.iter().zip(values.chunks_exact(width)) {
            if role.is_input() {
                moments.add(row);
            }
        }
    }
    Ok(())
}

impl Calibration {
    /// Mean 0 and deviation 1 at every layer: the statistics of nothing, by which settings can be
    /// checked before any are taken.
    pub fn standard(model: &DualEncoder) -> Self {
        let layers = |depth: usize, width: usize| {
            let statistics = Statistics {
                mean: vec![0.0; width],
                std: vec![1.0; width],
            };
            let layers = Layer::all(depth);
            layers.map(|layer| (layer, statistics.clone())).collect()
        };
        let (image, text) = (model.image(), model.text());
        Self {
            model: model.name().into(),
            identity: model.identity().to_string(),
            images: 0,
            captions: 0,
            image: layers(image.depth(), image.width()),
            text: layers(text.depth(), text.width()),
        }
    }

    /// A layer's statistics, if they belong to this model.
    ///
    /// # Errors
    /// [`Error::Calibration`] for another model's, or a layer that is absent or has another width.
    pub fn statistics(
        &self,
        model: &DualEncoder,
        modality: Modality,
        layer: Layer,
    ) -> Result<&Statistics> {
        self.check_model(model)?;
        let fail = |reason| Err(Error::Calibration { reason });
        let (layers, width) = match modality {
            Modality::Image => (&self.image, model.image().width()),
            Modality::Text => (&self.text, model.text().width()),
        };
        let Some(statistics) = layers.get(&layer) else {
            let known: Vec<_> = layers.keys().map(ToString::to_string).collect();
            return fail(format!(
                "it has no {modality} layer {layer}, only {}",
                known.join(", ")
            ));
        };
        for values in [&statistics.mean, &statistics.std] {
            if values.len() != width {
                return fail(format!(
                    "its {modality} layer {layer} has width {}, the tower has {width}",
                    values.len()
                ));
            }
        }
        Ok(statistics)
    }

    /// Tells it from every other: a digest of the model it is of and of all its numbers, in whatever
    /// file they came.
    pub fn digest(&self) -> Digest {
        let counts = [self.images, self.captions].map(|count| (count as u64).to_le_bytes());
        let mut bytes = counts.concat();
        bytes.extend(self.identity.as_bytes());
        let sides = [(Modality::Image, &self.image), (Modality::Text, &self.text)];
        for (modality, layers) in sides {
            for (layer, statistics) in layers {
                bytes.extend(format!("\0{modality}.{layer}\0").bytes());
                let values = statistics.mean.iter().chain(&statistics.std);
                bytes.extend(values.flat_map(|value| value.to_le_bytes()));
            }
        }
        Digest::of([&bytes[..]])
    }

    /// Whether these are statistics of this model.
    pub(crate) fn check_model(&self, model: &DualEncoder) -> Result<()> {
        let (found, expected) = (&self.identity, model.identity().to_string());
        if *found == expected {
            return Ok(());
        }
        let reason = format!(
            "it was made for {} (identity {found}), the model is {} (identity {expected})",
            self.model,
            model.name()
        );
        Err(Error::Calibration { reason })
    }

    /// Writes `path` as JSON or, by the extension `.safetensors`, as safetensors.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let failed = |reason: String| Error::Write {
            path: path.into(),
            reason,
        };
        let bytes = if is_safetensors(path) {
            self.to_safetensors()
                .map_err(|error| failed(error.to_string()))?
        } else {
            serde_json::to_vec_pretty(self).map_err(|error| failed(error.to_string()))?
        };
        m2ib_files::write_whole(path, &bytes).map_err(|error| failed(error.to_string()))
    }

    /// Reads a file written by [`save`](Self::save).
    ///
    /// # Errors
    /// [`Error::Model`] if the file cannot be read, [`Error::Parse`] if it is no calibration.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = clip_input::Content::Path(path.into()).read()?;
        let parsed = if is_safetensors(path) {
            Self::from_safetensors(&bytes)
        } else {
            serde_json::from_slice(&bytes).map_err(|error| error.to_string())
        };
        parsed.map_err(|reason| Error::Parse {
            path: path.into(),
            what: "calibration",
            reason,
        })
    }

    fn to_safetensors(&self) -> Result<Vec<u8>, safetensors::SafeTensorError> {
        let mut tensors: Vec<(String, Vec<u8>, usize)> = Vec::new();
        for (modality, layers) in [(Modality::Image, &self.image), (Modality::Text, &self.text)] {
            for (layer, statistics) in layers {
                for (kind, values) in [("mean", &statistics.mean), ("std", &statistics.std)] {
                    let bytes = values
                        .iter()
                        .flat_map(|value| value.to_le_bytes())
                        .collect();
                    tensors.push((format!("{modality}.{layer}.{kind}"), bytes, values.len()));
                }
            }
        }
        let views = tensors
            .iter()
            .map(|(name, bytes, length)| {
                Ok((
                    name.as_str(),
                    TensorView::new(Dtype::F32, vec![*length], bytes)?,
                ))
            })
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
        let metadata = [
            ("model", self.model.clone()),
            ("identity", self.identity.clone()),
            ("images", self.images.to_string()),
            ("captions", self.captions.to_string()),
        ];
        let metadata = metadata.map(|(key, value)| (key.to_owned(), value)).into();
        safetensors::serialize(views, Some(metadata))
    }

    pub(crate) fn from_safetensors(bytes: &[u8]) -> Result<Self, String> {
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
        let tensors = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
        let entry = |key: &str| {
            let metadata = header.metadata().as_ref();
            let value = metadata.and_then(|metadata| metadata.get(key).cloned());
            value.ok_or_else(|| format!("its metadata lacks \"{key}\""))
        };
        let number = |key: &str| {
            entry(key)?
                .parse()
                .map_err(|_| format!("its metadata's \"{key}\" is no number"))
        };
        let values = |name: &str| {
            let tensor = tensors.tensor(name).map_err(|error| error.to_string())?;
            if tensor.dtype() != Dtype::F32 {
                return Err(format!("{name} holds {:?}, expected F32", tensor.dtype()));
            }
            let bytes = tensor.data().chunks_exact(4);
            Ok(bytes
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect())
        };
        let mut calibration = Self {
            model: entry("model")?,
            identity: entry("identity")?,
            images: number("images")?,
            captions: number("captions")?,
            image: BTreeMap::new(),
            text: BTreeMap::new(),
        };
        for name in tensors.names() {
            let Some(layer_name) = name.strip_suffix(".mean") else {
                continue;
            };
            let std = values(&format!("{layer_name}.std"))?;
            let statistics = Statistics {
                mean: values(name)?,
                std,
            };
            match layer_name.split_once('.') {
                Some(("image", layer)) => calibration.image.insert(layer_of(layer)?, statistics),
                Some(("text", layer)) => calibration.text.insert(layer_of(layer)?, statistics),
                _ => return Err(format!("{name} belongs to neither \"image\" nor \"text\"")),
            };
        }
        Ok(calibration)
    }
}

fn layer_of(name: &str) -> Result<Layer, String> {
    name.parse()
        .map_err(|error: crate::SettingError| error.to_string())
}

fn is_safetensors(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("safetensors"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_mean_and_deviation_with_a_floor() {
        let statistics = Statistics::of_rows(
            [[1.0, 5.0], [3.0, 5.0], [5.0, 5.0]]
                .iter()
                .map(|row| &row[..]),
            2,
        );
        assert_eq!(statistics.mean, [3.0, 5.0]);
        assert_eq!(statistics.std[0], 2.0);
        assert!(
            (statistics.std[1] - 1e-3).abs() < 1e-9,
            "{}",
            statistics.std[1]
        );
    }

    #[test]
    fn a_digest_knows_every_number_and_its_place() {
        let statistics = Statistics {
            mean: vec![1.0, 2.0],
            std: vec![3.0, 4.0],
        };
        let calibration = Calibration {
            model: "m".into(),
            identity: "f00".into(),
            images: 3,
            captions: 4,
            image: [(Layer::Embedding, statistics.clone())].into(),
            text: [(Layer::Embedding, statistics)].into(),
        };
        let digest = calibration.digest();
        assert_eq!(digest, calibration.clone().digest());
        let changed = |change: fn(&mut Calibration)| {
            let mut changed = calibration.clone();
            change(&mut changed);
            changed.digest()
        };
        let others = [
            changed(|it| it.images = 4),
            changed(|it| it.identity = "f01".into()),
            changed(|it| it.image.values_mut().for_each(|s| s.mean[1] = 2.5)),
            changed(|it| it.text.values_mut().for_each(|s| s.std.swap(0, 1))),
            changed(|it| it.image.clear()),
        ];
        assert!(others.iter().all(|other| *other != digest), "{others:?}");
    }

    #[test]
    fn both_file_formats_round_trip() {
        let folder = tempfile::tempdir().unwrap();
        let statistics = Statistics {
            mean: vec![0.1, -2.0],
            std: vec![1.0, 0.5],
        };
        let calibration = Calibration {
            model: "m".into(),
            identity: "f00".into(),
            images: 3,
            captions: 4,
            image: [
                (Layer::Embedding, statistics.clone()),
                (Layer::Block(11), statistics.clone()),
            ]
            .into(),
            text: [(Layer::Block(0), statistics)].into(),
        };
        for name in ["c.json", "c.safetensors"] {
            let path = folder.path().join(name);
            calibration.save(&path).unwrap();
            assert_eq!(Calibration::load(&path).unwrap(), calibration);
            std::fs::write(&path, "{").unwrap();
            let error = Calibration::load(&path).unwrap_err().to_string();
            assert!(
                error.contains(name) && error.contains("is not a calibration"),
                "{error}"
            );
        }
    }
}
