//! What explanations of CLIP are judged by.
//!
//! The [`Yardstick`] asks about scenes of which every pixel's owner is known: a caption names one
//! of several objects, so an explanation should point at that object and at its name. Every
//! measure stands beside its [chance level](Score::chance), every mean within its
//! [confidence interval](m2ib_metrics::Interval).
//!
//! ```
//! # use m2ib::Explainer;
//! use m2ib_eval::{Measure, Yardstick};
//!
//! let yardstick = Yardstick::new(2, 0)?;
//! let explainer = Explainer::emoji()?;
//! let attributions = yardstick.explain(&explainer, &|_| {})?;
//! let evaluation = yardstick.judge("matched", &attributions)?;
//! let energy = &evaluation.aggregates[&Measure::Energy];
//! println!("{:.2} of the map lies on the named object", energy.interval.mean);
//! # Ok::<(), m2ib_eval::Error>(())
//! ```
//!
//! [`comparison`] holds methods against each other by metrics ([`m2ib_metrics`]) and, with [`roar`], by what a model
//! loses when it must do without what they call important; [`search`] chooses M2IB's settings by either.
//! Pairs come from [`m2ib_data`], and a [`journal`] keeps results as they are made.
//!
//! **What this crate may know:** explanations, models and scenes, and how one is held against the
//! other. It reads plain numbers and masks and touches no tensor: models are asked through `m2ib`
//! and `m2ib-methods`, and fine-tuned through `m2ib-tune`.

mod case;
pub mod comparison;
mod error;
pub mod journal;
mod measure;
mod report;
pub mod roar;
pub mod search;
mod sheet;
mod statistics;
mod strangers;
mod table;
mod yardstick;

pub use case::Case;
pub use error::{Error, Result};
pub use measure::{Measure, Score};
pub use report::{Aggregate, Evaluation, Report};
pub use sheet::contact_sheet;
pub use statistics::calibrate;
pub use yardstick::{Progress, Yardstick};
