//! Trains the small models of emoji scenes: the embedded one, which is like CLIP, and one like SigLIP.
//!
//! A run is a function of its [`Settings`]: scenes, augmentation and dropped patches of a step
//! follow from seed and step, so a checkpoint of weights, moments and step continues it exactly.
//!
//! A step cuts its batch into shares. Each runs both towers forward; the embeddings are brought
//! together for the loss, which compares every image with every caption; then each share runs
//! backward from the gradient of its own embeddings, and the gradients of the weights are summed.
//! That is the gradient of the whole batch, not an approximation.
//!
//! **What this crate may know:** `clip-model`, `m2ib-tune`, scenes and host threads. It knows no
//! explanations.

mod augmentation;
mod error;
mod example;
mod export;
mod family;
mod grow;
mod log;
mod measures;
mod scenes;
mod schedule;
mod settings;
mod share;
mod start;
mod trainer;

pub use error::{Error, Result};
pub use example::{Example, Named, Source};
pub use export::{Provenance, export};
pub use family::Family;
pub use grow::grow;
pub use log::{Line, Log};
pub use m2ib_tune::{Loss, Parameter, State, checkpoint_path};
pub use measures::{Examination, Measures};
pub use scenes::SceneSource;
pub use schedule::Schedule;
pub use settings::Settings;
pub use start::{Files, Start};
pub use trainer::{Report, Trainer};

/// Where a run stands.
pub type Checkpoint = m2ib_tune::Checkpoint<Settings>;
