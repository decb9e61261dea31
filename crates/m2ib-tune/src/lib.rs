//! Training of image and text towers to match.
//!
//! - [`Tuner`] fine-tunes a loaded model of any family on pictures with one caption each: the whole of
//!   it or the last blocks of both towers, whose inputs are then computed once.
//! - The parts that any such training needs: the [`contrastive`] loss of CLIP and the [`sigmoid`] loss
//!   of SigLIP, [`State`] with AdamW and the
//!   [`learning_rate`] of a step, a [`Checkpoint`] that a run goes on from to the bit.
//!
//! A step cuts its batch into shares. Each runs both towers forward; the embeddings are brought
//! together for the loss, which compares every image with every caption; then each share runs
//! backward from the gradient of its own embeddings, and the gradients of the weights are summed.
//! That is the gradient of the whole batch, not an approximation.
//!
//! **What this crate may know:** `clip-model` and host threads. It knows no explanations, no scenes
//! and no backend.

mod adamw;
mod batch;
mod checkpoint;
mod error;
mod example;
mod loss;
mod order;
mod prefix;
mod schedule;
mod settings;
mod state;
mod tuner;

/// The tensor library whose types are in this crate's signatures.
pub use burn;

pub use adamw::gradient_norm;
pub use batch::{Embeddings, embed};
pub use checkpoint::{Checkpoint, checkpoint_path, differences, write_whole};
pub use error::{Error, Result};
pub use example::{Example, Examples, Failure};
pub use loss::{Logits, Loss, contrastive, matching, sigmoid};
pub use prefix::DEFAULT_CACHE;
pub use schedule::learning_rate;
pub use settings::{Blocks, TuneSettings};
pub use state::{Parameter, State, Update};
pub use tuner::{Run, StepReport, Tuner};
