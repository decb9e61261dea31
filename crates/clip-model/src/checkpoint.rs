//! Weight files, opened: which tensors they hold, by name. Nothing is read of them before it is asked
//! for, and nothing that a file says is run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;

use burn::tensor::{DType, TensorData};
use burn_store::burn_pack::Tensor as Stored;
use burn_store::{ModuleStore, PytorchStore, SafetensorsStore, bridge};
use clip_input::{Content, START, foreign};

use crate::lora::Lora;
use crate::{Error, Result, TensorProblem};

/// Bytes of weights after which the files are opened anew. Opening costs milliseconds; never doing
/// it, the size of the weights again in memory.
const REOPEN_AFTER: usize = 48 << 20;

/// Keys under which training programs keep the weights, beside an optimizer's state.
const TOP_KEYS: [&str; 2] = ["state_dict.", "model_state_dict."];

/// The tensors of one model's files.
pub(crate) struct Checkpoint {
    files: Vec<Content>,
    tensors: BTreeMap<String, Stored>,
    /// What stands before every name, once it is known.
    prefix: Option<String>,
    /// What an adapter changes.
    lora: Option<Lora>,
    /// Bytes read since the files were opened.
    read: usize,
}

impl Checkpoint {
    /// Opens files, all shards of one model, and reads their headers.
    pub(crate) fn open(files: &[Content]) -> Result<Self> {
        let tensors = open_all(files)?;
        let checkpoint = Self {
            files: files.to_vec(),
            tensors,
            prefix: None,
            lora: None,
            read: 0,
        };
        match checkpoint.tensors.keys().find(|name| is_adapters(name)) {
            Some(change) => Err(Error::AdapterWeights {
                file: checkpoint.name(),
                tensor: change.clone(),
            }),
            None => Ok(checkpoint),
        }
    }

    /// The same, changed by an adapter.
    pub(crate) fn with_lora(self, lora: Option<Lora>) -> Self {
        Self { lora, ..self }
    }

    /// The first file's name.
    pub(crate) fn name(&self) -> String {
        self.files.first().map(Content::name).unwrap_or_default()
    }

    /// Looks for a tensor that such files have and, if it is there, leaves out what stands before
    /// its name everywhere ("module.", "clip.").
    ///
    /// # Errors
    /// [`Error::TwoModels`] where two names end like this.
    pub(crate) fn has_marked(&mut self, mark: &str) -> Result<bool> {
        let mut found = prefixes(&self.tensors, mark);
        if let [first, second, ..] = &found[..]
            && !first.is_empty()
        {
            return Err(Error::TwoModels {
                file: self.name(),
                tensor: mark.into(),
                prefixes: [first.clone(), second.clone()],
            });
        }
        if found.is_empty() {
            return Ok(false);
        }
        self.prefix = Some(found.swap_remove(0));
        Ok(true)
    }

    /// What stands before every name, if that is known.
    pub(crate) fn prefix(&self) -> &str {
        self.prefix.as_deref().unwrap_or_default()
    }

    pub(crate) fn knows_prefix(&self) -> bool {
        self.prefix.is_some()
    }

    /// The shape of a tensor, if it is there.
    pub(crate) fn shape(&self, name: &str) -> Option<&[usize]> {
        let tensor = self.tensors.get(&format!("{}{name}", self.prefix()))?;
        Some(&tensor.shape[..])
    }

    /// The length of its first side.
    pub(crate) fn rows(&self, name: &str) -> Option<usize> {
        self.shape(name)?.first().copied()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.shape(name).is_some()
    }

    /// Names behind the prefix.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let prefix = self.prefix();
        self.tensors
            .keys()
            .filter_map(move |name| name.strip_prefix(prefix))
    }

    /// How many blocks there are under `name.0.…`, `name.1.…`.
    pub(crate) fn depth(&self, name: &str) -> usize {
        let start = format!("{name}.");
        let numbers = self.names().filter_map(|name| {
            let number = name.strip_prefix(&start)?.split('.').next()?;
            number.parse::<usize>().ok()
        });
        // Names are a few thousand at most; a number as large as can be written is no count.
        let numbers: BTreeSet<usize> = numbers.collect();
        numbers.len()
    }

    /// What the tensors are stored in, in words: container, number of files, number formats.
    pub(crate) fn stored(&self) -> String {
        let kinds: BTreeSet<&str> = self
            .files
            .iter()
            .filter_map(|file| match container(file).ok()? {
                Container::Safetensors => Some("safetensors"),
                Container::Pytorch => Some("PyTorch's pickle"),
            })
            .collect();
        let formats: BTreeSet<&str> = self
            .tensors
            .values()
            .filter_map(|tensor| match tensor.dtype {
                DType::F64 => Some("f64"),
                DType::F32 | DType::Flex32 => Some("f32"),
                DType::F16 => Some("f16"),
                DType::BF16 => Some("bf16"),
                // Counters and the like are no weights.
                _ => None,
            })
            .collect();
        let listed = |set: BTreeSet<&str>| set.into_iter().collect::<Vec<_>>().join(" and ");
        let files = match self.files.len() {
            1 => String::new(),
            count => format!(" in {count} files"),
        };
        format!("{}{files}, {}", listed(kinds), listed(formats))
    }

    /// All names as the files have them.
    pub(crate) fn stored_names(&self) -> impl Iterator<Item = &String> {
        self.tensors.keys()
    }

    /// Of the adapter's changes, those that were asked for by nobody.
    pub(crate) fn unmerged(&self) -> Vec<String> {
        self.lora.as_ref().map(Lora::unused).unwrap_or_default()
    }

    /// The adapter's file, if there is one.
    pub(crate) fn adapter(&self) -> Option<&str> {
        self.lora.as_ref().map(Lora::name)
    }

    /// A tensor's values as f32 in the shape that `expected` says.
    pub(crate) fn data(
        &mut self,
        stored: &str,
        expected: &[usize],
    ) -> Result<TensorData, DataProblem> {
        let name = stored.strip_prefix(self.prefix()).unwrap_or(stored);
        let replaced = self.lora.as_mut().and_then(|lora| lora.replacement(name));
        let tensor = match &replaced {
            Some(tensor) => tensor,
            None => match self.tensors.get(stored) {
                Some(tensor) => tensor,
                None => {
                    let name = stored.to_owned();
                    return Err(DataProblem::Misfit(TensorProblem::Missing { name }));
                }
            },
        };
        let misfit = |problem| Err(DataProblem::Misfit(problem));
        if without_ones(&tensor.shape) != without_ones(expected) {
            return misfit(TensorProblem::Shape {
                name: stored.into(),
                found: tensor.shape.to_vec(),
                expected: expected.to_vec(),
            });
        }
        if !matches!(
            tensor.dtype,
            DType::F32 | DType::F16 | DType::BF16 | DType::F64
        ) {
            return misfit(TensorProblem::Type {
                name: stored.into(),
                found: format!("{:?}", tensor.dtype),
            });
        }
        // A reader of damaged files may take them for a mistake of its own.
        let data =
            m2ib_files::caught(|| bridge::to_data(tensor).map_err(|error| error.to_string()));
        let data = data.and_then(|data| data).map_err(|error| {
            DataProblem::Failed(Error::Weights {
                file: self.name(),
                reason: format!("{stored}: {error}"),
            })
        })?;
        self.read += data.num_elements() * size_of::<f32>();
        let mut data = data.convert::<f32>();
        if self.lora.is_some() || data.shape()[..] != *expected {
            let name = name.to_owned();
            let mut values: Vec<f32> = data.iter::<f32>().collect();
            if let Some(lora) = &mut self.lora {
                let changed = lora.add_to(&name, &mut values, expected);
                changed.map_err(DataProblem::Failed)?;
            }
            data = TensorData::new(values, expected.to_vec());
        }
        self.release().map_err(DataProblem::Failed)?;
        Ok(data)
    }

    /// Lets go of the pages that were read: a mapping keeps them in memory, next to the copies
    /// made of them, until it is closed.
    fn release(&mut self) -> Result<()> {
        if self.read >= REOPEN_AFTER {
            self.read = 0;
            self.tensors.clear();
            self.tensors = open_all(&self.files)?;
        }
        Ok(())
    }
}

/// Why a tensor's values could not be had.
pub(crate) enum DataProblem {
    /// It is not there, or is not as it should be; the others may be looked at all the same.
    Misfit(TensorProblem),
    /// The file is broken.
    Failed(Error),
}

/// A shape but for the lengths of one at its beginning: scalars are stored as `[]` and as `[1]`, a
/// class token as `[width]` and as `[1, 1, width]`.
fn without_ones(shape: &[usize]) -> &[usize] {
    let ones = shape.iter().take_while(|&&length| length == 1).count();
    &shape[ones..]
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

/// What a weights file is, by its first bytes.
enum Container {
    Safetensors,
    /// A zip archive, a tar archive or a bare pickle: what PyTorch writes.
    Pytorch,
}

fn container(file: &Content) -> Result<Container> {
    let start = match file {
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
    if start.get(8) == Some(&b'{') {
        return Ok(Container::Safetensors);
    }
    let is_pickle = start.first() == Some(&0x80) && matches!(start.get(1), Some(2..=5));
    let is_tar = start.get(257..262) == Some(b"ustar");
    if start.starts_with(b"PK\x03\x04") || is_pickle || is_tar {
        return Ok(Container::Pytorch);
    }
    let named = |ending: &str| file.name().ends_with(ending);
    let is_named_safetensors = named(".safetensors");
    match foreign(&start).filter(|_| !start.is_empty() || !is_named_safetensors) {
        Some(found) => Err(clip_input::Error::Foreign {
            file: file.name(),
            found,
        }
        .into()),
        None if [".bin", ".pt", ".pth", ".ckpt"].into_iter().any(named) => Ok(Container::Pytorch),
        None => Ok(Container::Safetensors),
    }
}

/// The tensors of all files by name, not yet read.
pub(crate) fn open_all(files: &[Content]) -> Result<BTreeMap<String, Stored>> {
    let mut tensors = BTreeMap::new();
    for file in files {
        let found = match container(file)? {
            Container::Safetensors => safetensors(file)?,
            Container::Pytorch => pytorch(file)?,
        };
        for (name, tensor) in found {
            if tensors.insert(name.clone(), tensor).is_some() {
                return Err(Error::Weights {
                    file: file.name(),
                    reason: format!("{name} is also in another shard, expected it in one"),
                });
            }
        }
    }
    Ok(tensors)
}

fn safetensors(file: &Content) -> Result<BTreeMap<String, Stored>> {
    let mut store = match file {
        Content::Path(path) => SafetensorsStore::from_file(path.clone()),
        Content::Bytes(_, bytes) => SafetensorsStore::from_bytes(Some(bytes.to_vec())),
    };
    let found = store.get_all_tensors().map_err(|error| Error::Weights {
        file: file.name(),
        reason: error.to_string(),
    })?;
    Ok(found.clone())
}

fn pytorch(file: &Content) -> Result<BTreeMap<String, Stored>> {
    let broken = |reason: String| Error::Pytorch {
        file: file.name(),
        reason,
    };
    let Content::Path(path) = file else {
        return Err(broken("only files on disk are read in this format".into()));
    };
    if is_torch_script(path) {
        return Err(Error::TorchScript { file: file.name() });
    }
    // Renumbering would turn a shard's blocks 6 to 11 into 0 to 5.
    let mut store = PytorchStore::from_file(path.clone()).map_indices_contiguous(false);
    // The reader takes some damaged files for a mistake of its own.
    let found = m2ib_files::caught(|| {
        let tensors = store.get_all_tensors();
        tensors.cloned().map_err(|error| error.to_string())
    });
    let found = found.and_then(|found| found).map_err(broken)?;
    if found.is_empty() {
        return Err(broken("it holds no tensor".into()));
    }
    let kept_under = |key: &&str| found.keys().any(|name| name.starts_with(*key));
    let Some(key) = TOP_KEYS.into_iter().find(kept_under) else {
        return Ok(found);
    };
    let inside = found.into_iter();
    let inside = inside.filter_map(|(name, tensor)| Some((name.strip_prefix(key)?.into(), tensor)));
    Ok(inside.collect())
}

/// Whether an archive holds a program beside its tensors: its directory, at the archive's end, lists
/// `constants.pkl` then.
fn is_torch_script(path: &std::path::Path) -> bool {
    use std::io::{Seek, SeekFrom};
    let end = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(DIRECTORY)))?;
        let mut end = Vec::new();
        file.take(DIRECTORY).read_to_end(&mut end)?;
        Ok(end)
    };
    let end = end().unwrap_or_default();
    let name = b"/constants.pkl";
    end.windows(name.len()).any(|part| part == name)
}

/// Bytes at an archive's end that its directory surely lies in: 100 bytes for each of thousands of
/// tensors.
const DIRECTORY: u64 = 1 << 20;
