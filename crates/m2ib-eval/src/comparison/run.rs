//! Running a plan: pair by pair, several at once, each result kept as it is made.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use m2ib::{Backend, DualEncoder};
use m2ib_data::{Dataset, Pictures, Row, RowFailure};
use m2ib_methods::{Method, Subject};
use m2ib_metrics::Metric;

use super::sanity::Randomised;
use super::truth::Truth;
use super::{Plan, Trial};
use crate::journal::{Journal, Outcome};
use crate::{Error, Result};

const UNBROKEN: &str = "no thread panics while it holds the journal";

/// A pair was dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Pairs that every method has explained, or failed on.
    pub done: usize,
    /// All.
    pub of: usize,
}

/// A method, and what its sanity checks need.
struct Bound {
    key: String,
    method: Box<dyn Method>,
    randomised: Vec<[Box<dyn Method>; 2]>,
}

/// Everything that pairs have in common.
struct Run<'a> {
    plan: &'a Plan,
    model: &'a DualEncoder,
    dataset: &'a Dataset,
    pictures: Pictures,
    methods: Vec<Bound>,
    randomised: Option<Randomised>,
    journal: Mutex<&'a mut Journal<Trial>>,
}

impl Plan {
    /// Explains and measures whatever the journal holds no result of yet. A pair that fails is kept
    /// there with its reason and ends nothing; the next run tries it again.
    ///
    /// # Errors
    /// Those of [`check`](Self::check), before anything is explained; [`Error::Damaged`] for a
    /// journal with numbers that nobody measured;
    /// [`Error::Journal`](crate::Error::Journal) if a result cannot be kept.
    pub fn run(
        &self,
        model: &DualEncoder,
        dataset: &Dataset,
        journal: &mut Journal<Trial>,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<()> {
        let methods = self.build(model)?;
        for entry in journal.entries() {
            if let Outcome::Result(trial) = &entry.outcome
                && let Some(reason) = trial.fault()
            {
                return Err(Error::Damaged {
                    journal: journal.path().into(),
                    row: entry.row.clone(),
                    setting: entry.setting.clone(),
                    reason,
                });
            }
        }
        let sanity = self.wants(&[
            Metric::ImageParameters,
            Metric::TextParameters,
            Metric::ImageSeeds,
            Metric::TextSeeds,
            Metric::ImagePartner,
            Metric::TextPartner,
        ]);
        let randomised = match sanity {
            true => Some(Randomised::new(
                model,
                self.calibration.as_ref(),
                self.seed,
            )?),
            false => None,
        };
        let methods = self.methods.iter().zip(methods).map(|(factory, method)| {
            Ok(Bound {
                key: self.key(factory.as_ref()),
                method,
                randomised: match &randomised {
                    Some(randomised) => randomised.methods(factory.as_ref())?,
                    None => Vec::new(),
                },
            })
        });
        let run = Run {
            plan: self,
            model,
            dataset,
            pictures: Pictures::of(dataset),
            methods: methods.collect::<Result<_>>()?,
            randomised,
            journal: Mutex::new(journal),
        };
        let lanes = Backend::lanes(&model.device(), usize::MAX)?;
        let (done, of) = (AtomicUsize::new(0), dataset.rows.len());
        let results = lanes.map((0..of).collect(), |index| {
            let result = run.row(index);
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            progress(Progress { done, of });
            result
        });
        results.into_iter().collect()
    }
}

impl Run<'_> {
    /// All methods that have not explained a row yet; one that failed may succeed now.
    fn row(&self, index: usize) -> Result<()> {
        let row = &self.dataset.rows[index];
        let entry = self.plan.entry_among(self.dataset, &self.pictures, index);
        let missing: Vec<&Bound> = {
            let journal = self.journal.lock().expect(UNBROKEN);
            let missing = self.methods.iter();
            missing
                .filter(|bound| {
                    let outcome = journal.get(&entry, &bound.key);
                    !matches!(outcome, Some(Outcome::Result(_)))
                })
                .collect()
        };
        if missing.is_empty() {
            return Ok(());
        }
        let opened = self.open(row).and_then(|(subject, truth)| {
            let repeat = index < self.plan.repeated;
            let relatives = match &self.randomised {
                Some(randomised) if repeat => Some(randomised.subjects(&subject)?),
                _ => None,
            };
            let others = match &relatives {
                Some(_) => self.others(index)?,
                None => Vec::new(),
            };
            Ok((subject, truth, repeat, relatives, others))
        });
        for bound in missing {
            let trial = opened.as_ref().map_err(|error| reason(row, error));
            let trial = trial.and_then(|(subject, truth, repeat, relatives, others)| {
                let method = bound.method.as_ref();
                let trial = self.plan.trial(subject, method, truth, *repeat);
                let mut trial = trial.map_err(|error| reason(row, &error))?;
                if let Some(relatives) = relatives {
                    let sane = self.plan.sanity(&bound.randomised, relatives, others);
                    trial
                        .values
                        .extend(sane.map_err(|error| reason(row, &error))?);
                }
                match trial.fault() {
                    Some(fault) => Err(fault),
                    None => Ok(trial),
                }
            });
            let outcome = match trial {
                Ok(trial) => Outcome::Result(trial),
                Err(reason) => Outcome::Failure(reason),
            };
            let mut journal = self.journal.lock().expect(UNBROKEN);
            journal.append(&entry, &bound.key, outcome)?;
        }
        Ok(())
    }

    /// The pair, and what is known of it.
    fn open(&self, row: &Row) -> Result<(Subject<'_>, Truth)> {
        let image = row.open()?;
        let subject = Subject::new(self.model, &image, &row.caption)?;
        let size = (image.width(), image.height());
        let truth = Truth::of(row, size, &subject.pixels().view, subject.input_size())?;
        Ok((subject, truth))
    }

    /// The pairs that this one is held against.
    fn others(&self, index: usize) -> Result<Vec<Subject<'_>>> {
        let others = self.pictures.partners(self.dataset, index);
        let opened = others.filter_map(|place| self.open(&self.dataset.rows[place]).ok());
        let subjects = opened.map(|(subject, _)| subject);
        Ok(subjects.take(self.plan.partners).collect())
    }
}

fn reason(row: &Row, error: &dyn std::error::Error) -> String {
    RowFailure::new(row, error).reason
}
