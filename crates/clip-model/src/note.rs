//! What the one who loads a model should know of its files, though nothing is wrong.

use std::fmt;

use crate::error::first_few;

/// Something about a model's files that was passed over in loading.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Note {
    /// Every tensor's name began with what a wrapper puts before it.
    Prefix {
        /// The weights file.
        file: String,
        /// What was left out of the names.
        prefix: String,
    },
    /// An adapter's changes were added to the weights.
    Adapter {
        /// The adapter's weights.
        file: String,
    },
    /// There is no tokenizer among the files, and such models have CLIP's own.
    OwnVocabulary,
    /// The files do not say what cosines are multiplied with.
    NoScale {
        /// What is taken for it.
        scale: f32,
    },
    /// Tensors that the model has no place for.
    Unused {
        /// The weights file.
        file: String,
        /// Their names.
        tensors: Vec<String>,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix { file, prefix } => write!(
                f,
                "the names of the tensors in {file} begin with \"{prefix}\", which was left out"
            ),
            Self::Adapter { file } => write!(
                f,
                "the changes of the adapter {file} were added to the model's weights"
            ),
            Self::OwnVocabulary => f.write_str(
                "the files hold no tokenizer.json; CLIP's own vocabulary is taken, which OpenAI's models and open_clip's have unless they say otherwise",
            ),
            Self::NoScale { scale } => write!(
                f,
                "the files hold no logit_scale, by which cosines become shares among captions; {scale} is taken, as most CLIP models have it"
            ),
            Self::Unused { file, tensors } => write!(
                f,
                "{file} holds {} that this model has no place for and does not use: {}",
                match tensors.len() {
                    1 => "a tensor".into(),
                    count => format!("{count} tensors"),
                },
                first_few(tensors.iter())
            ),
        }
    }
}
