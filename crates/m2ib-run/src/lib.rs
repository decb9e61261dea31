//! Whole data sets explained: results in Parquet files, any number of processes side by side, and what
//! the set says as a whole.
//!
//! A [`Job`] explains the rows of a [`Listing`](m2ib_data::Listing) into a [`Folder`]. Rows are cut into
//! parts by their places, and each part is a file of its own that is there when it is complete:
//! processes share nothing but the folder's name. [`merge`] puts the parts together, [`Report`] sums
//! them up.
//!
//! **What this crate may know:** data sets, explainers and the results on disk. It touches no tensor
//! but the numbers of an embedding.

mod beside;
mod engine;
mod error;
mod folder;
mod job;
mod merge;
mod part;
mod record;
mod report;
mod retry;
mod schema;

pub use engine::Engine;
pub use error::{Error, Result};
pub use folder::{Folder, Identity, Manifest, Origin};
pub use job::{Job, Progress, share};
pub use merge::{Merged, merge};
pub use part::{Part, Reader};
pub use record::{Finding, Record};
pub use report::{Pictures, Report};
