//! ROAR+: is a model worse off for having been fine-tuned without what a method calls important?
//!
//! A method attributes a data set. The most important part of every pair is removed: of the image
//! the pixels above a percentile of the map, of the caption the tokens above a percentile of their
//! scores. The model is fine-tuned on the degraded training part, and evaluated on the *original*
//! validation part by retrieval accuracy and contrastive loss. The more a method's removals cost,
//! compared with a fine-tuning on the pairs as they were, the better it found what matters. Removals
//! at random are the control that a method has to beat.
//!
//! After *Remove And Retrain* (Hooker et al., NeurIPS 2019) and the "+" that the M2IB paper (Wang,
//! Rudner, Wilson, NeurIPS 2023) makes of it for both modalities. **The paper's exact settings for
//! the fine-tuning are not public; this is a reconstruction.** Numbers compare within one report,
//! not with the paper's.
//!
//! Chosen here, where nothing is said:
//! - *As many for each method.* The number of pixels and tokens is that above the percentile if all
//!   values differ. Where values tie at the threshold, chance decides which of them go, so that
//!   neither a flat map removes everything nor a map of few peaks next to nothing.
//! - *A token becomes the padding token.* Start token, end token and what lies behind it stay, and
//!   the same position is read out, even where the padding token is the end token.
//! - *Parts are of pictures*: no picture is trained on and validated on, however many captions it has.
//! - *Captions that are true of a picture*, all of its own and equal ones, are not held against it in
//!   training, and count as right in retrieval. What the captions were before counts, not what was
//!   left of them.
//!
//! The parts: [`Pair`] and [`Scores`] go in as plain numbers, [`Roar`] removes, fine-tunes and
//! evaluates, a [`RoarReport`] comes out.

mod degraded;
mod error;
mod experiment;
mod measure;
mod pair;
mod picture;
mod removal;
mod report;
mod retrieval;
mod settings;

pub use error::{Error, Result};
pub(crate) use experiment::parts;
pub use experiment::{Roar, Tuning};
pub use measure::RoarMeasure;
pub use pair::{Pair, Scores};
pub use picture::Picture;
pub use removal::{removed_pixels, removed_tokens};
pub use report::{Fall, RoarReport, RoarRow};
pub use retrieval::{Retrieval, RetrievalCase};
pub use settings::{Fill, Part, RoarSettings};
