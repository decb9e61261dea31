//! What explanations are judged by.
//!
//! [`comparison`] holds methods against each other by metrics ([`m2ib_metrics`]) and, with [`roar`], by what a model
//! loses when it must do without what they call important; [`search`] chooses a method's settings by either.
//! Pairs come from [`m2ib_data`], and a [`journal`] keeps results as they are made.
//!
//! [Scenes](m2ib_data::Scenes) are pairs of which every pixel's owner is known: a caption names one of several
//! objects, so an explanation should point at that object and at its name. What is measured there stands
//! beside its [chance level](m2ib_metrics::Summary::chance):
//!
//! ```
//! use m2ib::{Backend, emoji};
//! use m2ib_data::Scenes;
//! use m2ib_eval::comparison::{Finding, Plan};
//! use m2ib_eval::journal::Journal;
//! use m2ib_methods::Registry;
//! use m2ib_metrics::Metric;
//!
//! let model = emoji::pretrained(&Backend::preferred()?.device()?)?;
//! let mut plan = Plan::new(vec![Registry::standard().parse("grad-cam")?]);
//! plan.metrics = Metric::TRUTH.to_vec();
//! let scenes = Scenes::new(2, 0)?.dataset();
//! let folder = tempfile::tempdir()?;
//! let journal = folder.path().join("journal.jsonl");
//! let mut journal = Journal::<Finding>::open(journal, &plan.fingerprint(&model))?;
//! plan.run(&model, &scenes, &mut journal, &|_| {})?;
//! let comparison = plan.compare("emoji", &scenes, &journal)?;
//! assert!(comparison.methods[0].summaries[&Metric::Energy].chance.is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **What this crate may know:** explanations, models and scenes, and how one is held against the
//! other. It reads plain numbers and masks and touches no tensor: models are asked through `m2ib`
//! and `m2ib-methods`, and fine-tuned through `m2ib-tune`.

pub mod comparison;
mod error;
pub mod journal;
pub mod roar;
pub mod search;
mod statistics;

pub use error::{Error, Result};
pub use statistics::{calibrate, calibrate_rows};
