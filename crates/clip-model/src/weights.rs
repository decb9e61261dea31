//! Weights for a model: from safetensors (mapped files, one tensor copied at a time, every misfit
//! listed), or drawn at random.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use burn::module::Param;
use burn::tensor::{DType, Device, Tensor, TensorData};
use burn_store::burn_pack::Tensor as Stored;
use burn_store::{ModuleStore, SafetensorsStore, bridge};
use clip_input::{Content, Digest, START, foreign};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use crate::layer_norm::LayerNorm;
use crate::linear::Linear;
use crate::{Error, Note, Result, TensorProblem};

/// Bytes of weights after which the files are opened anew. Opening costs milliseconds; never doing
/// it, the size of the weights again in memory.
const REOPEN_AFTER: usize = 128 << 20;

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
    /// A tensor by which such files are known.
    pub(crate) mark: &'static str,
    /// Entries that are no weights of a tower.
    pub(crate) ignored: &'static [&'static str],
    /// The name there of a tensor, and what to do with it.
    pub(crate) locate: fn(&str) -> (String, Part),
}

/// How the stored tensor becomes the wanted one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// As stored.
    Whole,
    /// One third of the rows: 0 queries, 1 keys, 2 values.
    Third(usize),
    /// Rows and columns swapped.
    Transposed,
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
    name: String,
    shards: Vec<Content>,
    tensors: BTreeMap<String, Stored>,
    /// What stands before every name, once a tensor was asked for.
    prefix: Option<String>,
    /// Bytes read since the shards were opened.
    read: usize,
    naming: Option<&'static Naming>,
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
        Self::open_named(shards, &[], device)
    }

    /// The same, where the files may follow one of the other namings.
    pub(crate) fn open_named(
        shards: &[Content],
        namings: &[&'static Naming],
        device: &Device,
    ) -> Result<Self> {
        let tensors = open_shards(shards)?;
        let name = shards.first().map(Content::name).unwrap_or_default();
        if let Some(change) = tensors.keys().find(|name| is_adapters(name)) {
            return Err(Error::AdapterWeights {
                file: name,
                tensor: change.clone(),
            });
        }
        let follows = |naming: &&&'static Naming| !prefixes(&tensors, naming.mark).is_empty();
        let files = Files {
            name,
            naming: namings.iter().find(follows).copied(),
            shards: shards.to_vec(),
            tensors,
            prefix: None,
            read: 0,
            used: BTreeSet::new(),
            problems: Vec::new(),
            failure: None,
        };
        Ok(Self::of(Source::Files(Box::new(files)), device))
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
        let unused = self.tensors.keys().filter(|name| {
            // `position_ids` are buffers that old checkpoints carry along.
            let ignored = name.ends_with("position_ids")
                || self
                    .naming
                    .is_some_and(|naming| naming.ignored.iter().any(|end| name.ends_with(end)));
            !ignored && !self.used.contains(*name)
        });
        let unused: Vec<String> = unused.cloned().collect();
        if !self.problems.is_empty() {
            return Err(Error::Tensors {
                file: self.name,
                problems: self.problems,
                unused,
            });
        }
        let prefix = self.prefix.filter(|prefix| !prefix.is_empty());
        let prefix = prefix.map(|prefix| Note::Prefix {
            file: self.name.clone(),
            prefix,
        });
        let unused = (!unused.is_empty()).then_some(Note::Unused {
            file: self.name,
            tensors: unused,
        });
        Ok(prefix.into_iter().chain(unused).collect())
    }

    /// What stands before every name of the file: known from the first tensor that is asked for.
    fn prefix(&mut self, stored: &str) -> &str {
        if self.prefix.is_none() {
            let mut found = prefixes(&self.tensors, stored);
            if let [first, second, ..] = &found[..]
                && !first.is_empty()
            {
                self.failure.get_or_insert(Error::TwoModels {
                    file: self.name.clone(),
                    tensor: stored.into(),
                    prefixes: [first.clone(), second.clone()],
                });
            }
            self.prefix = Some(if found.is_empty() {
                String::new()
            } else {
                found.swap_remove(0)
            });
        }
        self.prefix.as_deref().unwrap_or_default()
    }

    /// The tensor as f32, or `None` with the problem noted.
    fn data(&mut self, name: &str, shape: &[usize]) -> Option<TensorData> {
        let (stored, part) = match self.naming {
            Some(naming) => (naming.locate)(name),
            None => (name.to_owned(), Part::Whole),
        };
        let stored = format!("{}{stored}", self.prefix(&stored));
        let Some(tensor) = self.tensors.get(&stored) else {
            self.problems.push(TensorProblem::Missing { name: stored });
            return None;
        };
        self.used.insert(stored.clone());
        let found = tensor.shape.to_vec();
        let expected = match part {
            Part::Whole => shape.to_vec(),
            Part::Third(_) => [&[3 * shape[0]], &shape[1..]].concat(),
            Part::Transposed => shape.iter().rev().copied().collect(),
        };
        // A 0-d scalar is sometimes stored with shape [1].
        if found != expected && !(shape.is_empty() && found == [1]) {
            self.problems.push(TensorProblem::Shape {
                name: stored,
                found,
                expected,
            });
            return None;
        }
        if !matches!(
            tensor.dtype,
            DType::F32 | DType::F16 | DType::BF16 | DType::F64
        ) {
            let found = format!("{:?}", tensor.dtype);
            self.problems.push(TensorProblem::Type {
                name: stored,
                found,
            });
            return None;
        }
        match bridge::to_data(tensor) {
            Ok(data) => {
                self.read += data.num_elements() * size_of::<f32>();
                let data = cut(data.convert::<f32>(), part, shape);
                self.release();
                Some(data)
            }
            Err(error) => {
                let reason = format!("{stored}: {error}");
                self.failure.get_or_insert(Error::Weights {
                    file: self.name.clone(),
                    reason,
                });
                None
            }
        }
    }
}

impl Files {
    /// Lets go of the pages that were read: a mapping keeps them in memory, next to the copies
    /// made of them, until it is closed.
    fn release(&mut self) {
        if self.read < REOPEN_AFTER {
            return;
        }
        self.read = 0;
        self.tensors.clear();
        match open_shards(&self.shards) {
            Ok(tensors) => self.tensors = tensors,
            Err(error) => {
                self.failure.get_or_insert(error);
            }
        }
    }
}

/// What stands before the tensor of this name in a file whose names all begin with it, as those of
/// wrapped models do ("module.", "_orig_mod.", "clip."); the empty one first, where it is there.
fn prefixes(tensors: &BTreeMap<String, Stored>, name: &str) -> Vec<String> {
    let before = tensors.keys().filter_map(|key| key.strip_suffix(name));
    let whole = before.filter(|prefix| prefix.is_empty() || prefix.ends_with('.'));
    let mut prefixes: Vec<String> = whole.map(str::to_owned).collect();
    prefixes.sort_unstable();
    prefixes
}

/// Whether a tensor is a change to another, as low-rank adapters have them.
fn is_adapters(name: &str) -> bool {
    let parts = [
        ".lora_A.",
        ".lora_B.",
        ".lora_embedding_",
        ".lora_magnitude_",
        ".base_layer.",
    ];
    parts.iter().any(|part| name.contains(part))
}

/// Whether a weights file is something else altogether.
fn check_kind(shard: &Content) -> Result<()> {
    let start = match shard {
        Content::Path(path) => {
            let mut start = Vec::new();
            let file = m2ib_files::open(path);
            let read = file.and_then(|file| file.take(START as u64).read_to_end(&mut start));
            read.map_err(|reason| clip_input::Error::Read {
                path: path.clone(),
                reason,
            })?;
            start
        }
        Content::Bytes(_, bytes) => bytes[..bytes.len().min(START)].to_vec(),
    };
    // A header's length begins a safetensors file, and could look like anything in two bytes.
    let is_safetensors = start.get(8) == Some(&b'{');
    match foreign(&start).filter(|_| !is_safetensors && !start.is_empty()) {
        Some(found) => Err(clip_input::Error::Foreign {
            file: shard.name(),
            found,
        }
        .into()),
        None => Ok(()),
    }
}

/// The tensors of all shards by name, mapped and not yet read.
fn open_shards(shards: &[Content]) -> Result<BTreeMap<String, Stored>> {
    let mut tensors = BTreeMap::new();
    for shard in shards {
        check_kind(shard)?;
        let mut store = match shard {
            Content::Path(path) => SafetensorsStore::from_file(path.clone()),
            Content::Bytes(_, bytes) => SafetensorsStore::from_bytes(Some(bytes.to_vec())),
        };
        let found = store.get_all_tensors().map_err(|error| Error::Weights {
            file: shard.name(),
            reason: error.to_string(),
        })?;
        for (name, tensor) in found {
            if tensors.insert(name.clone(), tensor.clone()).is_some() {
                return Err(Error::Weights {
                    file: shard.name(),
                    reason: format!("{name} is also in another shard, expected it in one"),
                });
            }
        }
    }
    Ok(tensors)
}

/// Takes the wanted part out of an f32 tensor that is stored fused or transposed.
fn cut(data: TensorData, part: Part, shape: &[usize]) -> TensorData {
    let values = || data.iter::<f32>();
    let length: usize = shape.iter().product();
    match part {
        Part::Whole => data,
        Part::Third(third) => TensorData::new(
            values()
                .skip(third * length)
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
    }
}
