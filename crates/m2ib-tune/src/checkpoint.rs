//! Weights, moments, step and settings in one safetensors file.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, Metadata, SafeTensorError, View, serialize_to_file};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Parameter, Result, State};

/// Where a run stands.
///
/// Weights have the names and layouts of Hugging Face's files; the moments of a weight are beside
/// it, as `first_moment.NAME` and `second_moment.NAME`.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint<S> {
    /// What the run depends on.
    pub settings: S,
    /// Where it stands.
    pub state: State,
}

const FIRST: &str = "first_moment.";
const SECOND: &str = "second_moment.";

/// The place of the checkpoint in a run's folder.
pub fn checkpoint_path(folder: &Path) -> PathBuf {
    folder.join("checkpoint.safetensors")
}

impl<S: Serialize + DeserializeOwned> Checkpoint<S> {
    /// Writes the checkpoint of a folder. An interruption leaves the previous one or this one.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn save(settings: &S, state: &State, folder: &Path) -> Result<()> {
        let path = checkpoint_path(folder);
        let settings = serde_json::to_string(settings).expect("plain numbers");
        let metadata = HashMap::from([
            ("step".to_owned(), state.step.to_string()),
            ("settings".to_owned(), settings),
        ]);
        let tensors = state.parameters.iter().flat_map(of_parameter);
        write(&path, tensors, metadata).map_err(|source| Error::File {
            action: "write",
            path,
            source,
        })
    }

    /// Reads the checkpoint of a folder, if there is one.
    ///
    /// # Errors
    /// [`Error::File`]; [`Error::Checkpoint`] if it is malformed.
    pub fn load(folder: &Path) -> Result<Option<Self>> {
        let path = checkpoint_path(folder);
        let read = match m2ib_files::open(&path) {
            Ok(file) => read(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => Err(Unread::System(error)),
        };
        match read {
            Ok(checkpoint) => Ok(Some(checkpoint)),
            Err(Unread::Malformed(reason)) => Err(Error::Checkpoint { path, reason }),
            Err(Unread::System(source)) => Err(Error::File {
                action: "read",
                path,
                source,
            }),
        }
    }

    /// Checks that a run with `settings` and a model of the shapes in `fresh` can go on from here.
    ///
    /// # Errors
    /// [`Error::OtherSettings`], [`Error::Checkpoint`].
    pub fn check(&self, settings: &S, fresh: &State, folder: &Path) -> Result<()> {
        let differences = differences(settings, &self.settings);
        if !differences.is_empty() {
            return Err(Error::OtherSettings {
                path: checkpoint_path(folder),
                differences: differences.join("; "),
            });
        }
        let shapes = |state: &State| -> Vec<_> {
            let parameters = state.parameters.iter();
            parameters
                .map(|p| format!("{} {:?}", p.name, p.shape))
                .collect()
        };
        let (here, there) = (shapes(fresh), shapes(&self.state));
        if here == there {
            return Ok(());
        }
        let missing = here.iter().find(|name| !there.contains(name));
        let superfluous = there.iter().find(|name| !here.contains(name));
        Err(Error::Checkpoint {
            path: checkpoint_path(folder),
            reason: match (missing, superfluous) {
                (Some(name), _) => format!("it has no {name}"),
                (_, name) => format!("it has {}", name.map_or("a weight twice", |name| name)),
            },
        })
    }
}

/// Each setting that differs, as "name is this here and that there".
pub fn differences<S: Serialize>(here: &S, there: &S) -> Vec<String> {
    let fields = |settings| match serde_json::to_value(settings) {
        Ok(serde_json::Value::Object(fields)) => fields,
        // Of other kinds of settings, one name and two values.
        other => [("settings".into(), other.unwrap_or_default())]
            .into_iter()
            .collect(),
    };
    let there = fields(there);
    let differing = fields(here)
        .into_iter()
        .filter(|(name, here)| there.get(name) != Some(here));
    differing
        .map(|(name, here)| {
            let there = there.get(&name).cloned().unwrap_or_default();
            format!("{name} is {here} here and {there} there")
        })
        .collect()
}

/// Numbers on their way into a file: as bytes for no longer than it takes to write them.
struct Stored<'a> {
    shape: &'a [usize],
    values: &'a [f32],
}

impl View for Stored<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let bytes = self.values.iter().flat_map(|value| value.to_le_bytes());
        bytes.collect::<Vec<u8>>().into()
    }

    fn data_len(&self) -> usize {
        size_of_val(self.values)
    }
}

fn of_parameter(parameter: &Parameter) -> [(String, Stored<'_>); 3] {
    let Parameter {
        name,
        shape,
        values,
        first,
        second,
    } = parameter;
    [
        (name.clone(), Stored { shape, values }),
        (
            format!("{FIRST}{name}"),
            Stored {
                shape,
                values: first,
            },
        ),
        (
            format!("{SECOND}{name}"),
            Stored {
                shape,
                values: second,
            },
        ),
    ]
}

/// Writes tensor by tensor: the whole file in memory would be as large as the run itself.
fn write<'a>(
    path: &Path,
    tensors: impl Iterator<Item = (String, Stored<'a>)>,
    metadata: HashMap<String, String>,
) -> io::Result<()> {
    // One name for what is not complete yet, so that of killed runs no more than one is left.
    let part = path.with_extension("part");
    let written = serialize_to_file(tensors, Some(metadata), &part);
    let moved = written
        .map_err(|error| match error {
            SafeTensorError::IoError(error) => error,
            error => io::Error::other(error),
        })
        .and_then(|()| File::open(&part)?.sync_all())
        .and_then(|()| std::fs::rename(&part, path));
    if moved.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    moved?;
    m2ib_files::sync_folder(path)
}

/// A header of more bytes is none, as the format says.
const MAX_HEADER: u64 = 100_000_000;

/// Why a checkpoint cannot be read.
enum Unread {
    System(io::Error),
    Malformed(String),
}

impl From<io::Error> for Unread {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl From<String> for Unread {
    fn from(reason: String) -> Self {
        Self::Malformed(reason)
    }
}

/// Reads tensor by tensor.
fn read<S: DeserializeOwned>(mut file: File) -> Result<Checkpoint<S>, Unread> {
    let whole = file.metadata()?.len();
    let cut = || Unread::from("it ends before it is complete".to_owned());
    let mut length = [0; 8];
    if whole < length.len() as u64 {
        return Err(cut());
    }
    file.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > MAX_HEADER || length > whole - 8 {
        return Err(cut());
    }
    let mut header = vec![0; length as usize];
    file.read_exact(&mut header)?;
    let header: Metadata = serde_json::from_slice(&header).map_err(|error| error.to_string())?;
    let start = 8 + length;
    if start + header.data_len() as u64 != whole {
        return Err(cut());
    }
    let metadata = header.metadata().clone().unwrap_or_default();
    let entry = |name: &str| metadata.get(name).ok_or(format!("it states no {name}"));
    let settings =
        serde_json::from_str(entry("settings")?).map_err(|error| format!("settings: {error}"))?;
    let step = entry("step")?;
    let step = step.parse().map_err(|_| format!("its step is {step}"))?;
    let mut names = header.offset_keys();
    names.retain(|name| !name.starts_with(FIRST) && !name.starts_with(SECOND));
    names.sort();
    let mut values = |name: &str| -> Result<(Vec<usize>, Vec<f32>), Unread> {
        let about = header.info(name).ok_or(format!("it has no {name}"))?;
        if about.dtype != Dtype::F32 {
            return Err(format!("{name} is {:?}, expected F32", about.dtype).into());
        }
        let (from, to) = about.data_offsets;
        let mut bytes = vec![0; to - from];
        file.seek(SeekFrom::Start(start + from as u64))?;
        file.read_exact(&mut bytes)?;
        let values = bytes.chunks_exact(4);
        let values = values.map(|x| f32::from_le_bytes([x[0], x[1], x[2], x[3]]));
        Ok((about.shape.clone(), values.collect()))
    };
    let parameters = names.into_iter().map(|name| {
        let (shape, own) = values(&name)?;
        let (_, first) = values(&format!("{FIRST}{name}"))?;
        let (_, second) = values(&format!("{SECOND}{name}"))?;
        if first.len() != own.len() || second.len() != own.len() {
            return Err(format!("the moments of {name} are not of its size").into());
        }
        Ok(Parameter {
            name,
            shape,
            values: own,
            first,
            second,
        })
    });
    Ok(Checkpoint {
        settings,
        state: State {
            step,
            parameters: parameters.collect::<Result<_, Unread>>()?,
        },
    })
}

/// Writes a file so that it is never seen in part.
///
/// # Errors
/// [`Error::File`].
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    m2ib_files::write_whole(path, bytes).map_err(|source| Error::File {
        action: "write",
        path: path.into(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
    struct Settings {
        seed: u64,
        steps: u64,
        rate: f64,
    }

    fn state() -> State {
        let parameter = |name: &str, shape, values| Parameter {
            first: vec![0.5, -1e-20],
            ..Parameter::new(name.into(), shape, values)
        };
        State {
            step: 7,
            parameters: vec![
                parameter("a.weight", vec![1, 2], vec![1.5, -0.1]),
                parameter("b.bias", vec![2], vec![f32::MIN_POSITIVE, 3.0]),
            ],
        }
    }

    #[test]
    fn what_is_saved_is_what_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        assert!(
            Checkpoint::<Settings>::load(folder.path())
                .unwrap()
                .is_none()
        );
        let settings = Settings::default();
        Checkpoint::save(&settings, &state(), folder.path()).unwrap();
        let found = Checkpoint::<Settings>::load(folder.path())
            .unwrap()
            .unwrap();
        assert_eq!((&found.settings, &found.state), (&settings, &state()));
        assert!(found.check(&settings, &state(), folder.path()).is_ok());
    }

    #[test]
    fn other_settings_and_other_models_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoint = Checkpoint {
            settings: Settings::default(),
            state: state(),
        };
        let settings = Settings {
            steps: 99,
            seed: 3,
            ..Settings::default()
        };
        let error = checkpoint.check(&settings, &state(), folder.path());
        let error = error.unwrap_err().to_string();
        assert!(error.contains("seed is 3 here and 0 there"), "{error}");
        assert!(error.contains("steps is 99 here and 0 there"), "{error}");
        let mut other = state();
        other.parameters[0].shape = vec![2, 1];
        let error = checkpoint.check(&Settings::default(), &other, folder.path());
        let error = error.unwrap_err().to_string();
        assert!(error.contains("it has no a.weight [2, 1]"), "{error}");
    }

    #[test]
    fn a_failure_leaves_the_checkpoint_before_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::default();
        Checkpoint::save(&settings, &state(), folder.path()).unwrap();
        // In the place of what is being written.
        std::fs::create_dir(folder.path().join("checkpoint.part")).unwrap();
        let error = Checkpoint::save(&settings, &state(), folder.path()).unwrap_err();
        assert!(matches!(error, Error::File { .. }), "{error}");
        std::fs::remove_dir(folder.path().join("checkpoint.part")).unwrap();
        let found = Checkpoint::<Settings>::load(folder.path()).unwrap();
        assert_eq!(found.unwrap().state, state());
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }

    #[test]
    fn a_cut_file_is_an_error_and_not_a_fresh_start() {
        let folder = tempfile::tempdir().unwrap();
        Checkpoint::save(&Settings::default(), &state(), folder.path()).unwrap();
        let path = checkpoint_path(folder.path());
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
        let error = Checkpoint::<Settings>::load(folder.path())
            .unwrap_err()
            .to_string();
        assert!(error.contains("is no checkpoint of this model"), "{error}");
    }
}
