//! Why the hub did not give a file.

use std::path::PathBuf;

/// Why a file of a model is not to be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubReason {
    /// The name is none.
    #[error(
        "expected \"owner/name\" or \"owner/name@revision\"; if a folder is meant, there is none of this name"
    )]
    MalformedId,
    /// The model, as a whole, is not found.
    #[error(
        "there is no such model at {endpoint}, or it is private; check the name, or set HF_TOKEN to a token that may read it"
    )]
    NoSuchModel {
        /// The hub that was asked.
        endpoint: String,
    },
    /// The model exists, the revision does not.
    #[error(
        "the model has no revision \"{revision}\"; expected a branch, a tag or a full commit hash"
    )]
    NoSuchRevision {
        /// The revision asked for.
        revision: String,
    },
    /// The model exists, the file does not.
    #[error(
        "the model has no such file; is it an image-text model in the format of transformers, with config.json, preprocessor_config.json (or processor_config.json), tokenizer.json and model.safetensors, or of open_clip, with open_clip_config.json?"
    )]
    NoSuchFile,
    /// Not allowed without a token.
    #[error(
        "{endpoint} wants to know who asks (HTTP {status}), or there is no such model; check the name, or set HF_TOKEN to a token that may read it"
    )]
    TokenNeeded {
        /// The hub that was asked.
        endpoint: String,
        /// 401 or 403.
        status: u16,
    },
    /// Not allowed with the token given.
    #[error(
        "the token is not accepted (HTTP {status}); check HF_TOKEN, and whether the model's page asks to accept its terms"
    )]
    TokenRefused {
        /// 401 or 403.
        status: u16,
    },
    /// Any other answer than the file.
    #[error("{endpoint} answered HTTP {status}; try again later")]
    Status {
        /// The hub that was asked.
        endpoint: String,
        /// The HTTP status.
        status: u16,
    },
    /// No answer at all.
    #[error(
        "{endpoint} cannot be reached: {detail}; check the network, set HF_ENDPOINT to a mirror, or use a local folder"
    )]
    Unreachable {
        /// The hub that was asked.
        endpoint: String,
        /// What the connection reports.
        detail: String,
    },
    /// An answer that no hub gives, or a file that makes no sense.
    #[error("the answer is not usable: {detail}; does HF_ENDPOINT name a Hugging Face hub?")]
    Answer {
        /// What is wrong with it.
        detail: String,
    },
    /// The connection ended before the file did.
    #[error(
        "the download stopped after {received} of {expected} bytes: {detail}; run it again to go on from there"
    )]
    Interrupted {
        /// Bytes that are there.
        received: u64,
        /// Bytes there should be.
        expected: u64,
        /// What the connection reports.
        detail: String,
    },
    /// A file of the right length that is not what the hub says it is.
    #[error(
        "what came is not the file: its SHA-256 is {found}, the hub says {expected}; it was thrown away, run it again"
    )]
    Damaged {
        /// Of what was received, in hexadecimal digits.
        found: String,
        /// The hub's.
        expected: String,
    },
    /// Downloads are switched off and the cache has not got it.
    #[error(
        "it is not in the cache {} and HF_HUB_OFFLINE is set; unset it and run again with a network, or use a local folder",
        cache.display()
    )]
    Offline {
        /// The cache folder.
        cache: PathBuf,
    },
    /// The cache cannot be read or written.
    // Not as a source, which would be told twice.
    #[error("cannot use {} in the cache: {reason}; set HF_HOME to another folder", path.display())]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        reason: std::io::Error,
    },
}
