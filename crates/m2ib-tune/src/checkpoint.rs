//! Weights, moments, step and settings in one safetensors file.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
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
        let bytes: Vec<_> = state.parameters.iter().flat_map(of_parameter).collect();
        let views = bytes.iter().map(|(name, shape, bytes)| {
            let view = TensorView::new(Dtype::F32, shape.to_vec(), bytes);
            (name, view.expect("as many bytes as the shape says"))
        });
        let bytes = safetensors::serialize(views, Some(metadata)).expect("distinct names");
        write_whole(&path, &bytes)
    }

    /// Reads the checkpoint of a folder, if there is one.
    ///
    /// # Errors
    /// [`Error::File`]; [`Error::Checkpoint`] if it is malformed.
    pub fn load(folder: &Path) -> Result<Option<Self>> {
        let path = checkpoint_path(folder);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                return Err(Error::File {
                    action: "read",
                    path,
                    source,
                });
            }
        };
        let parsed = parse(&bytes);
        parsed
            .map(Some)
            .map_err(|reason| Error::Checkpoint { path, reason })
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

type Stored<'a> = (String, &'a [usize], Vec<u8>);

fn of_parameter(parameter: &Parameter) -> [Stored<'_>; 3] {
    let Parameter {
        name,
        shape,
        values,
        first,
        second,
    } = parameter;
    let bytes = |values: &[f32]| values.iter().flat_map(|x| x.to_le_bytes()).collect();
    [
        (name.clone(), shape, bytes(values)),
        (format!("{FIRST}{name}"), shape, bytes(first)),
        (format!("{SECOND}{name}"), shape, bytes(second)),
    ]
}

fn parse<S: DeserializeOwned>(bytes: &[u8]) -> Result<Checkpoint<S>, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
    let metadata = header.metadata().clone().unwrap_or_default();
    let entry = |name: &str| metadata.get(name).ok_or(format!("it states no {name}"));
    let settings =
        serde_json::from_str(entry("settings")?).map_err(|error| format!("settings: {error}"))?;
    let step = entry("step")?;
    let step = step.parse().map_err(|_| format!("its step is {step}"))?;
    let read = |name: &str| -> Result<(Vec<usize>, Vec<f32>), String> {
        let tensor = file.tensor(name).map_err(|error| error.to_string())?;
        if tensor.dtype() != Dtype::F32 {
            return Err(format!("{name} is {:?}, expected F32", tensor.dtype()));
        }
        let values = tensor.data().chunks_exact(4);
        let values = values.map(|x| f32::from_le_bytes([x[0], x[1], x[2], x[3]]));
        Ok((tensor.shape().to_vec(), values.collect()))
    };
    let mut names: Vec<_> = file.names().into_iter().map(ToString::to_string).collect();
    names.retain(|name| !name.starts_with(FIRST) && !name.starts_with(SECOND));
    names.sort();
    let parameters = names.into_iter().map(|name| {
        let (shape, values) = read(&name)?;
        let (_, first) = read(&format!("{FIRST}{name}"))?;
        let (_, second) = read(&format!("{SECOND}{name}"))?;
        if first.len() != values.len() || second.len() != values.len() {
            return Err(format!("the moments of {name} are not of its size"));
        }
        Ok(Parameter {
            name,
            shape,
            values,
            first,
            second,
        })
    });
    Ok(Checkpoint {
        settings,
        state: State {
            step,
            parameters: parameters.collect::<Result<_, _>>()?,
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
