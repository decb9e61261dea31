//! Weights for a model: from safetensors (mapped files, one tensor copied at a time, every misfit
//! listed), or drawn at random.

use std::collections::{BTreeMap, BTreeSet};

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use clip_input::{Content, Digest};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use crate::checkpoint::{Checkpoint, DataProblem};
use crate::layer_norm::LayerNorm;
use crate::linear::Linear;
use crate::{Error, Note, Result, TensorProblem};

/// Weights, handed out tensor by tensor under the names that towers ask for: Hugging Face's.
///
/// Misfits do not stop the hand-out (a zero stands in), so that [`finish`](Self::finish) can name
/// all of them at once.
pub struct Weights {
    source: Source,
    /// Of the tensors handed out since [`digest`](Self::digest) was asked last, by their names.
    digests: BTreeMap<String, Digest>,
    device: Device,
}

enum Source {
    Files(Box<Files>),
    Random(Box<Random>),
    Given(Box<Given>),
}

/// The naming of other files that hold the same tensors.
pub(crate) struct Naming {
    /// Ends of the names of entries that are no weights of a tower.
    pub(crate) ignored: &'static [&'static str],
    /// The name there of a tensor, and what to do with it.
    pub(crate) locate: Locate,
}

/// From a tensor's name to its name in a file, and what to do with what is there.
pub(crate) type Locate = Box<dyn Fn(&str) -> (String, Part)>;

/// How the stored tensor becomes the wanted one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// As stored.
    Whole,
    /// So many rows of as many equal parts, from 0: queries, keys and values that are fused.
    Rows {
        /// Which.
        part: usize,
        /// Of how many.
        of: usize,
    },
    /// Rows and columns swapped.
    Transposed,
    /// Rows of a patch's pixels, each with its channels, where `[output, channels, height, width]` is
    /// wanted.
    ChannelsLast,
}

/// From a tensor's name to the deviation of its values and their mean.
pub(crate) type Initial = Box<dyn Fn(&str) -> (f32, f32)>;

struct Random {
    initial: Initial,
    rng: ChaCha8Rng,
}

/// Tensors in memory.
struct Given {
    tensors: BTreeMap<String, TensorData>,
    problems: Vec<TensorProblem>,
}

struct Files {
    checkpoint: Checkpoint,
    naming: Option<Naming>,
    used: BTreeSet<String>,
    problems: Vec<TensorProblem>,
    failure: Option<Error>,
}

impl Weights {
    /// Opens safetensors files, all shards of one model, and reads their headers.
    ///
    /// # Errors
    /// [`Error::Weights`] for a file that is damaged, or a tensor in two of them.
    pub fn open(shards: &[Content], device: &Device) -> Result<Self> {
        Ok(Self::named(Checkpoint::open(shards)?, None, device))
    }

    /// Of files that are open, which may follow another naming.
    pub(crate) fn named(checkpoint: Checkpoint, naming: Option<Naming>, device: &Device) -> Self {
        let files = Files {
            checkpoint,
            naming,
            used: BTreeSet::new(),
            problems: Vec::new(),
            failure: None,
        };
        Self::of(Source::Files(Box::new(files)), device)
    }

    /// Draws every tensor at random instead, as for training from scratch.
    pub(crate) fn random(initial: Initial, seed: u64, device: &Device) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Self::of(Source::Random(Box::new(Random { initial, rng })), device)
    }

    fn of(source: Source, device: &Device) -> Self {
        Self {
            source,
            digests: BTreeMap::new(),
            device: device.clone(),
        }
    }

    /// Hands out tensors that are in memory.
    pub fn given(tensors: BTreeMap<String, TensorData>, device: &Device) -> Self {
        let given = Given {
            tensors,
            problems: Vec::new(),
        };
        Self::of(Source::Given(Box::new(given)), device)
    }

    /// Where the tensors go.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The tensor `name`, as f32 on the device.
    pub fn tensor<const D: usize>(&mut self, name: &str, shape: [usize; D]) -> Tensor<D> {
        match self.data(name, &shape) {
            Some(data) => Tensor::from_data(data, &self.device),
            // Never run, so of no size: a misfit may be a configuration with absurd dimensions.
            None => Tensor::zeros([1; D], &self.device),
        }
    }

    /// A one-element tensor of any rank, on the host.
    pub fn scalar(&mut self, name: &str) -> f32 {
        self.data(name, &[])
            .and_then(|data| data.iter::<f32>().next())
            .unwrap_or(0.0)
    }

    /// `name.weight` (`[output, input]` in the file) and, where the layer has one, `name.bias`.
    pub fn linear(&mut self, name: &str, input: usize, output: usize, bias: bool) -> Linear {
        let weight = self.tensor(&format!("{name}.weight"), [output, input]);
        let bias = bias.then(|| self.tensor(&format!("{name}.bias"), [output]));
        Linear::new(weight, bias)
    }

    /// `name.weight` and `name.bias` of a layer norm.
    pub fn layer_norm(&mut self, name: &str, width: usize, epsilon: f64) -> LayerNorm {
        let mut parameter =
            |part| Param::from_tensor(self.tensor(&format!("{name}.{part}"), [width]));
        LayerNorm {
            weight: parameter("weight"),
            bias: parameter("bias"),
            epsilon,
            on_host: false,
        }
    }

    /// A digest of the names, shapes and all values of the tensors handed out since it was asked
    /// last: a tower's, when the tower has what it needs.
    pub fn digest(&mut self) -> Digest {
        // By the names, so that the order of asking does not matter.
        let digests = std::mem::take(&mut self.digests);
        Digest::of(digests.values().map(Digest::as_bytes))
    }

    /// What the tensors of files are stored in, in words.
    pub(crate) fn stored(&self) -> Option<String> {
        match &self.source {
            Source::Files(files) => Some(files.checkpoint.stored()),
            Source::Random(_) | Source::Given(_) => None,
        }
    }

    /// Reports all misfits; of files also what of them was not needed, which is no misfit.
    ///
    /// # Errors
    /// [`Error::Weights`], [`Error::Tensors`].
    pub fn finish(self) -> Result<Vec<Note>> {
        match self.source {
            Source::Files(files) => files.finish(),
            Source::Given(given) => given.finish().map(|()| Vec::new()),
            Source::Random(_) => Ok(Vec::new()),
        }
    }

    fn data(&mut self, name: &str, shape: &[usize]) -> Option<TensorData> {
        let data = match &mut self.source {
            Source::Files(files) => files.data(name, shape)?,
            Source::Random(random) => random.data(name, shape),
            Source::Given(given) => given.data(name, shape)?,
        };
        tracing::trace!(name, ?shape, "loaded");
        let digest = tensor_digest(name, &data);
        self.digests.insert(name.into(), digest);
        Some(data)
    }
}

/// Of a named tensor's shape and all its values, which are f32.
pub(crate) fn tensor_digest(name: &str, data: &TensorData) -> Digest {
    let lengths = data.shape().iter();
    let lengths: Vec<u8> = lengths.flat_map(|&n| (n as u64).to_le_bytes()).collect();
    Digest::of([name.as_bytes(), &lengths, data.as_bytes()])
}

impl Random {
    fn data(&mut self, name: &str, shape: &[usize]) -> TensorData {
        let (deviation, mean) = (self.initial)(name);
        let values = (0..shape.iter().product())
            .map(|_| mean + deviation * self.rng.sample::<f32, _>(StandardNormal))
            .collect::<Vec<_>>();
        TensorData::new(values, shape.to_vec())
    }
}

impl Given {
    fn data(&mut self, name: &str, shape: &[usize]) -> Option<TensorData> {
        let name = name.to_owned();
        match self.tensors.remove(&name) {
            Some(data) if data.shape().as_slice() == shape => Some(data),
            Some(data) => {
                self.problems.push(TensorProblem::Shape {
                    name,
                    found: data.shape().to_vec(),
                    expected: shape.to_vec(),
                });
                None
            }
            None => {
                self.problems.push(TensorProblem::Missing { name });
                None
            }
        }
    }

    fn finish(mut self) -> Result<()> {
        for name in self.tensors.into_keys() {
            self.problems.push(TensorProblem::Unexpected { name });
        }
        match self.problems.is_empty() {
            true => Ok(()),
            false => Err(Error::Tensors {
                file: "the weights given".into(),
                problems: self.problems,
                unused: Vec::new(),
            }),
        }
    }
}

impl Files {
    fn finish(self) -> Result<Vec<Note>> {
        if let Some(error) = self.failure {
            return Err(error);
        }
        let file = self.checkpoint.name();
        let unused = self.checkpoint.stored_names().filter(|name| {
            // `position_ids` are buffers that old checkpoints carry along.
            let ignored = name.ends_with("position_ids")
                || self
                    .naming
                    .as_ref()
                    .is_some_and(|naming| naming.ignored.iter().any(|end| name.ends_with(end)));
            !ignored && !self.used.contains(*name)
        });
        let unused: Vec<String> = unused.cloned().collect();
        if !self.problems.is_empty() {
            return Err(Error::Tensors {
                file,
                problems: self.problems,
                unused,
            });
        }
        let unmerged = self.checkpoint.unmerged();
        if !unmerged.is_empty() {
            return Err(Error::Unmerged {
                file: self.checkpoint.adapter().unwrap_or_default().into(),
                tensors: unmerged,
            });
        }
        let adapter = self.checkpoint.adapter().map(|file| Note::Adapter {
            file: file.to_owned(),
        });
        let prefix = self.checkpoint.prefix();
        let prefix = (!prefix.is_empty()).then(|| Note::Prefix {
            file: file.clone(),
            prefix: prefix.to_owned(),
        });
        let unused = (!unused.is_empty()).then_some(Note::Unused {
            file,
            tensors: unused,
        });
        Ok(adapter.into_iter().chain(prefix).chain(unused).collect())
    }

    /// The tensor as f32, or `None` with the problem noted.
    fn data(&mut self, name: &str, shape: &[usize]) -> Option<TensorData> {
        let (stored, part) = match &self.naming {
            Some(naming) => (naming.locate)(name),
            None => (name.to_owned(), Part::Whole),
        };
        // What stands before every name is known from the first tensor that is asked for.
        if !self.checkpoint.knows_prefix()
            && let Err(error) = self.checkpoint.has_marked(&stored)
        {
            self.failure.get_or_insert(error);
        }
        let stored = format!("{}{stored}", self.checkpoint.prefix());
        let expected = match part {
            Part::Whole => shape.to_vec(),
            Part::Rows { of, .. } => [&[of * shape[0]], &shape[1..]].concat(),
            Part::Transposed => shape.iter().rev().copied().collect(),
            Part::ChannelsLast => vec![shape[0], shape[1..].iter().product()],
        };
        self.used.insert(stored.clone());
        match self.checkpoint.data(&stored, &expected) {
            Ok(data) => Some(cut(data, part, shape)),
            Err(DataProblem::Misfit(problem)) => {
                self.problems.push(problem);
                None
            }
            Err(DataProblem::Failed(error)) => {
                self.failure.get_or_insert(error);
                None
            }
        }
    }
}

/// Takes the wanted part out of an f32 tensor that is stored fused or transposed.
fn cut(data: TensorData, part: Part, shape: &[usize]) -> TensorData {
    let values = || data.iter::<f32>();
    let length: usize = shape.iter().product();
    match part {
        Part::Whole => data,
        Part::Rows { part, .. } => TensorData::new(
            values()
                .skip(part * length)
                .take(length)
                .collect::<Vec<_>>(),
            shape.to_vec(),
        ),
        Part::Transposed => {
            let stored: Vec<f32> = values().collect();
            let (rows, columns) = (shape[0], shape[1]);
            let transposed = (0..rows)
                .flat_map(|row| (0..columns).map(move |column| (row, column)))
                .map(|(row, column)| stored[column * rows + row])
                .collect::<Vec<_>>();
            TensorData::new(transposed, shape.to_vec())
        }
        Part::ChannelsLast => {
            let stored: Vec<f32> = values().collect();
            let (channels, pixels) = (shape[1], shape[2..].iter().product::<usize>());
            let patches = stored.chunks_exact(channels * pixels);
            let turned = patches.flat_map(|patch| {
                let channel = move |channel| patch.iter().skip(channel).step_by(channels);
                (0..channels).flat_map(channel)
            });
            TensorData::new(turned.copied().collect::<Vec<_>>(), shape.to_vec())
        }
    }
}
