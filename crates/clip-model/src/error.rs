//! Everything that can go wrong between a folder of files and a model that runs.

use std::fmt;
use std::path::PathBuf;

use crate::Precision;

/// Result of this crate's fallible functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong; each variant names the file or argument, what was found and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An image, a caption, or a file that says how a model wants them.
    #[error(transparent)]
    Input(#[from] clip_input::Error),
    /// A model folder lacks one of its files.
    #[error("{} has no {file}; {hint}", folder.display())]
    MissingFile {
        /// The folder that was searched.
        folder: PathBuf,
        /// The missing file's name.
        file: &'static str,
        /// What to do.
        hint: String,
    },
    /// The model folder itself is absent or is a file.
    #[error(
        "{} is not a folder; expected a Hugging Face model folder with config.json, model.safetensors, tokenizer.json and preprocessor_config.json or processor_config.json",
        path.display()
    )]
    NotAFolder {
        /// The path given.
        path: PathBuf,
    },
    /// A folder of a model in another layout.
    #[error("{} is {what}; {advice}", folder.display())]
    OtherLayout {
        /// The folder.
        folder: PathBuf,
        /// What it is.
        what: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// A model of another family.
    #[error(
        "{file}: model_type \"{found}\" is not supported; \"clip\", \"metaclip_2\", \"siglip\", \"siglip2\" and \"chinese_clip\" are{}",
        why_not(found)
    )]
    UnsupportedModel {
        /// The configuration file.
        file: String,
        /// The model type found.
        found: String,
    },
    /// A model with parts that are not known here.
    #[error("{file}: {found} is not supported, expected {expected}")]
    Unsupported {
        /// The configuration or weights file.
        file: String,
        /// What it says.
        found: String,
        /// What is known.
        expected: &'static str,
    },
    /// A model whose towers are no family's of this crate.
    #[error(
        "{model} has towers of its own, whose weights cannot be trained here; expected a model that is loaded from files"
    )]
    OwnTowers {
        /// The model.
        model: String,
    },
    /// A model that takes images of any size, where all must be of one.
    #[error(
        "{model} takes images of any size, and is trained on images of one: give it one first, for example with --input-size 256 (with_input_size)"
    )]
    AnySize {
        /// The model.
        model: String,
    },
    /// Blocks that do not fit a tower.
    #[error("the other model's blocks are {found}, expected {expected}")]
    Blocks {
        /// The dimensions of those given.
        found: String,
        /// The tower's.
        expected: String,
    },
    /// Weights in a number format that the device does not compute with.
    #[error("{device} does not compute with {found}, expected {expected}")]
    Precision {
        /// The format asked for.
        found: Precision,
        /// The device.
        device: String,
        /// The formats it has.
        expected: String,
    },
    /// The name of no number format.
    #[error("there is no precision \"{found}\", expected f32, f16 or bf16")]
    PrecisionName {
        /// The name given.
        found: String,
    },
    /// Weights that could not be written out.
    #[error("the weights cannot be exported: {reason}")]
    Export {
        /// Why.
        reason: String,
    },
    /// A weights file that is damaged or is no safetensors file.
    #[error(
        "{file} cannot be read as safetensors: {reason}; the download may be incomplete, fetch it again"
    )]
    Weights {
        /// The file.
        file: String,
        /// The reader's reason.
        reason: String,
    },
    /// A file of PyTorch's that is damaged, or that holds anything but tensors by name.
    #[error(
        "{file} cannot be read as weights by PyTorch: {reason}; if it is no broken download, save its weights as safetensors: in Python, safetensors.torch.save_file(model.state_dict(), \"model.safetensors\")"
    )]
    Pytorch {
        /// The file.
        file: String,
        /// The reader's reason.
        reason: String,
    },
    /// A program of PyTorch's with its weights inside.
    #[error(
        "{file} is a TorchScript archive, a program with its weights inside, which is not read: in Python, safetensors.torch.save_file(torch.jit.load(\"{file}\").state_dict(), \"model.safetensors\") writes a file that is"
    )]
    TorchScript {
        /// The file.
        file: String,
    },
    /// Changes of an adapter to tensors that the model does not have.
    #[error(
        "{file} changes what the model does not have: {}; expected the adapter of this model", first_few(tensors.iter())
    )]
    Unmerged {
        /// The adapter's weights.
        file: String,
        /// The tensors it changes.
        tensors: Vec<String>,
    },
    /// A weights file whose tensors do not fit the configuration.
    #[error("{file} does not fit config.json: {}", list(problems, unused))]
    Tensors {
        /// The weights file.
        file: String,
        /// Every tensor that is missing or wrong.
        problems: Vec<TensorProblem>,
        /// The tensors of the file that nothing asked for.
        unused: Vec<String>,
    },
    /// A weights file with the same tensor under two names.
    #[error(
        "{file} holds the tensor {tensor} twice, under \"{}\" and \"{}\", expected one model; keep the tensors of one of them",
        prefixes[0], prefixes[1]
    )]
    TwoModels {
        /// The weights file.
        file: String,
        /// The tensor.
        tensor: String,
        /// What stands before its name.
        prefixes: [String; 2],
    },
    /// A folder that holds a change to a model in place of one.
    #[error(
        "{} is an adapter (it has adapter_config.json), which changes the model {base}, not a model by itself; download that, and write its folder as base_model_name_or_path into adapter_config.json: the two are then merged when they are loaded (`m2ib --model` does so by itself where the base is an id on the hub)",
        folder.display()
    )]
    Adapter {
        /// The folder.
        folder: PathBuf,
        /// The model that it changes.
        base: String,
    },
    /// Weights among which are changes to others.
    #[error(
        "{file} holds an adapter that is not merged into the weights (it has the tensor {tensor}); merge it in Python with merge_and_unload() of peft, and save the model again"
    )]
    AdapterWeights {
        /// The weights file.
        file: String,
        /// One of the adapter's tensors.
        tensor: String,
    },
    /// Token ids that the text tower cannot take.
    #[error("token ids: {reason}")]
    TokenIds {
        /// What is wrong with them.
        reason: String,
    },
    /// No image or no caption where there should be some.
    #[error("there are no {what}, expected at least one")]
    Nothing {
        /// Of which.
        what: &'static str,
    },
    /// The device did not deliver a tensor's values.
    #[error("the device failed to compute: {reason}")]
    Device {
        /// What it reports.
        reason: String,
    },
    /// There is no device of the kind or the number that was asked for.
    #[error("there is no such device: {reason}")]
    NoDevice {
        /// What there is instead, and what may be done.
        reason: String,
    },
    /// Images of a size that the model cannot be made to take.
    #[error("images of {found} × {found} pixels, expected {expected}")]
    InputSize {
        /// The side asked for.
        found: usize,
        /// What could be.
        expected: String,
    },
    /// Pixels of another shape than the image tower takes.
    #[error("pixel values have shape {found:?}, expected {expected:?}")]
    PixelShape {
        /// The shape given.
        found: Vec<usize>,
        /// `[batch, channels, height, width]`.
        expected: Vec<usize>,
    },
}

/// What keeps a family out, as far as it is known.
fn why_not(model_type: &str) -> &'static str {
    match model_type {
        "align" => "; its image tower is a convolutional network, which has no patches to mask",
        "clipseg" => "; take the CLIP model that it was made from",
        "clip_vision_model"
        | "clip_text_model"
        | "siglip_vision_model"
        | "siglip_text_model"
        | "siglip2_vision_model"
        | "siglip2_text_model" => {
            "; this is half a model: give the folder that holds image_encoder and text_encoder, or the whole model that it was taken from"
        }
        _ => "",
    }
}

/// One tensor that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TensorProblem {
    /// The model needs it, the file lacks it.
    Missing {
        /// The tensor's name.
        name: String,
    },
    /// The file has it, the model has no place for it.
    Unexpected {
        /// The tensor's name.
        name: String,
    },
    /// The shapes differ.
    Shape {
        /// The tensor's name.
        name: String,
        /// Its shape in the file.
        found: Vec<usize>,
        /// The shape that config.json asks for.
        expected: Vec<usize>,
    },
    /// Neither f32, f16 nor bf16 (f64 is accepted too).
    Type {
        /// The tensor's name.
        name: String,
        /// Its element type.
        found: String,
    },
}

impl fmt::Display for TensorProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { name } => write!(f, "{name} is missing"),
            Self::Unexpected { name } => write!(f, "{name} is unexpected"),
            Self::Shape {
                name,
                found,
                expected,
            } => {
                write!(f, "{name} has shape {found:?}, expected {expected:?}")
            }
            Self::Type { name, found } => {
                write!(f, "{name} holds {found}, expected f32, f16 or bf16")
            }
        }
    }
}

/// As many of a kind as help: of a wrong file, all may be wrong.
const LISTED: usize = 3;

/// The first few of several, and how many more there are.
pub(crate) fn first_few<T: fmt::Display>(items: impl ExactSizeIterator<Item = T>) -> String {
    let more = items.len().saturating_sub(LISTED);
    let mut text = items
        .take(LISTED)
        .map(|item| item.to_string())
        .collect::<Vec<_>>()
        .join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

fn list(problems: &[TensorProblem], unused: &[String]) -> String {
    let missing = problems.iter().filter_map(|problem| match problem {
        TensorProblem::Missing { name } => Some(name),
        _ => None,
    });
    let missing: Vec<_> = missing.collect();
    let others = problems
        .iter()
        .filter(|problem| !matches!(problem, TensorProblem::Missing { .. }));
    let others: Vec<_> = others.collect();
    let mut parts = Vec::new();
    match missing.len() {
        0 => {}
        1 => parts.push(format!("{} is missing", missing[0])),
        count => parts.push(format!(
            "{count} tensors are missing: {}",
            first_few(missing.iter())
        )),
    }
    if !missing.is_empty() && !unused.is_empty() {
        parts.push(format!("it has instead {}", first_few(unused.iter())));
    }
    if !others.is_empty() {
        parts.push(first_few(others.iter()));
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_misfits_ends_after_a_few() {
        let missing = |index| TensorProblem::Missing {
            name: format!("block.{index}"),
        };
        let error = |count| Error::Tensors {
            file: "model.safetensors".into(),
            problems: (0..count).map(missing).collect(),
            unused: vec!["encoder.0".into(); 200],
        };
        let text = error(200).to_string();
        assert!(text.len() < 250, "{text}");
        assert!(text.contains("200 tensors are missing: block.0, block.1, block.2 and 197 more"));
        assert!(text.contains("it has instead encoder.0"), "{text}");
        assert!(error(1).to_string().contains("block.0 is missing"));
    }
}
