//! Running a plan: pair by pair, several at once, each result kept as it is made.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, Once};

use m2ib::{Backend, DualEncoder};
use m2ib_data::{Dataset, Pictures, Row, RowFailure};
use m2ib_methods::{Method, Subject};
use m2ib_metrics::Metric;

use super::Plan;
use super::finding::{Finding, Measured, State};
use super::plan::SANITY;
use super::rival::held;
use super::sanity::Randomised;
use super::truth::Truth;
use crate::journal::{Journal, JournalError, Outcome};
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
    journal: Mutex<&'a mut Journal<Finding>>,
    /// Whether nothing can be kept any more, so that nothing more need be done.
    stopped: AtomicBool,
    /// Whether there was room on the disk when the work began.
    begun: Once,
}

/// A pair that is opened, for whoever needs it.
struct Opened<'a> {
    subject: Subject<'a>,
    truth: Truth,
    relatives: Option<Relatives<'a>>,
}

/// What the sanity checks hold a pair against.
struct Relatives<'a> {
    /// The pair as randomised models see it.
    subjects: Vec<Subject<'a>>,
    others: Vec<Subject<'a>>,
}

impl Plan {
    /// Explains and measures whatever the journal does not hold yet. A pair that fails is kept
    /// there with its reason and ends nothing; the next run tries it again.
    ///
    /// # Errors
    /// Those of [`check`](Self::check), before anything is explained; [`Error::Damaged`] for a
    /// journal with numbers that nobody measured;
    /// [`Error::Journal`](crate::Error::Journal) if a result cannot be kept: nothing more is done
    /// then, and what was kept stays.
    pub fn run(
        &self,
        model: &DualEncoder,
        dataset: &Dataset,
        journal: &mut Journal<Finding>,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<()> {
        let methods = self.build(model)?;
        for entry in journal.entries() {
            let entry = entry?;
            if let Outcome::Result(finding) = &entry.outcome
                && let Some(reason) = finding.fault()
            {
                let mut rows = dataset.rows.iter();
                let row = rows.find(|row| row.identity() == entry.row);
                return Err(Error::Damaged {
                    journal: journal.path().into(),
                    row: row.map_or(entry.row, |row| row.key.clone()),
                    setting: entry.setting,
                    reason,
                });
            }
        }
        let randomised = match self.wants(&SANITY) {
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
            stopped: AtomicBool::new(false),
            begun: Once::new(),
        };
        let lanes = Backend::lanes(&model.device(), usize::MAX)?;
        let (done, of) = (AtomicUsize::new(0), dataset.rows.len());
        let results = lanes.map((0..of).collect(), |index| {
            if run.stopped.load(Ordering::Relaxed) {
                return Ok(());
            }
            let result = run.row(index);
            if result.is_err() {
                run.stopped.store(true, Ordering::Relaxed);
            }
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            progress(Progress { done, of });
            result
        });
        results.into_iter().collect()
    }
}

impl Run<'_> {
    /// What is missing of a row; what failed may succeed now.
    fn row(&self, index: usize) -> Result<()> {
        let entry = self.plan.entry(self.dataset, index);
        let asked = self.plan.asked(self.dataset, &self.pictures, index);
        let states = self.methods.iter().map(|bound| {
            let journal = self.journal.lock().expect(UNBROKEN);
            let known = journal.get(&entry, &bound.key)?;
            Ok((bound, State::of(known, &asked)))
        });
        let states = states.collect::<Result<Vec<_>>>()?.into_iter();
        let incomplete: Vec<_> = states.filter(|(_, state)| !state.is_complete()).collect();
        if incomplete.is_empty() {
            return Ok(());
        }
        self.begin()?;
        let missing = incomplete.iter().flat_map(|(_, state)| &state.missing);
        let sanity = missing
            .into_iter()
            .any(|(metric, _)| SANITY.contains(metric));
        let opened = self.guarded(index, || self.open_with(index, sanity));
        for (bound, state) in incomplete {
            if self.stopped.load(Ordering::Relaxed) {
                return Ok(());
            }
            match &opened {
                Ok(opened) => self.complete(index, &entry, bound, state, opened)?,
                Err(reason) => self.keep(&entry, bound, Outcome::Failure(reason.clone()))?,
            }
        }
        Ok(())
    }

    /// Looks for room before the first pair is worked on.
    fn begin(&self) -> Result<()> {
        let mut room = Ok(());
        self.begun.call_once(|| {
            room = self.journal.lock().expect(UNBROKEN).check_room();
        });
        Ok(room?)
    }

    /// Explains a pair if it is not, and measures by what is missing. An explanation is kept even if
    /// it cannot be measured.
    fn complete(
        &self,
        index: usize,
        entry: &str,
        bound: &Bound,
        state: State,
        opened: &Opened<'_>,
    ) -> Result<()> {
        let (subject, method) = (&opened.subject, bound.method.as_ref());
        let (explanation, new) = match state.explanation {
            Some(explanation) => (Ok(explanation), false),
            None => (
                self.guarded(index, || self.plan.explain(subject, method)),
                true,
            ),
        };
        let explanation = match explanation {
            Ok(explanation) => explanation,
            Err(reason) => return self.keep(entry, bound, Outcome::Failure(reason)),
        };
        let wanted: Vec<Metric> = state.missing.iter().map(|(metric, _)| *metric).collect();
        let measured = self.guarded(index, || {
            let (truth, scores) = (&opened.truth, &explanation.scores);
            let mut found = self.plan.measure(subject, method, truth, scores, &wanted)?;
            if let Some(Relatives { subjects, others }) = &opened.relatives {
                let sane = Randomised::sanity(&bound.randomised, subjects, others, &wanted)?;
                found.extend(sane.into_iter().map(|(metric, value)| {
                    let chance = None;
                    (metric, Measured { value, chance })
                }));
            }
            Ok(found)
        });
        let (found, failure) = match measured {
            Ok(found) => (found, None),
            Err(reason) => (BTreeMap::new(), Some(reason)),
        };
        let values = state.missing.into_iter().map(|(metric, key)| {
            // What is not found says nothing of this pair, now or later.
            (key, found.get(&metric).copied())
        });
        let finding = Finding {
            values: match failure {
                None => values.collect(),
                Some(_) => BTreeMap::new(),
            },
            explanation: new.then_some(explanation),
        };
        if let Some(fault) = finding.fault() {
            return self.keep(entry, bound, Outcome::Failure(fault));
        }
        if finding != Finding::default() {
            self.keep(entry, bound, Outcome::Result(finding))?;
        }
        match failure {
            Some(reason) => self.keep(entry, bound, Outcome::Failure(reason)),
            None => Ok(()),
        }
    }

    fn keep(&self, entry: &str, bound: &Bound, outcome: Outcome<Finding>) -> Result<()> {
        let mut journal = self.journal.lock().expect(UNBROKEN);
        match journal.append(entry, &bound.key, outcome) {
            // Of this method alone.
            Err(error @ JournalError::Unwritable { .. }) => {
                let failure = Outcome::Failure(error.to_string());
                Ok(journal.append(entry, &bound.key, failure)?)
            }
            kept => Ok(kept?),
        }
    }

    /// What may fail of one row, and must not end the others. A panic is a fault of this program or
    /// of a driver, and no reason to lose them either.
    fn guarded<R>(
        &self,
        index: usize,
        work: impl FnOnce() -> Result<R>,
    ) -> std::result::Result<R, String> {
        let row = &self.dataset.rows[index];
        match m2ib_files::caught(work) {
            Ok(result) => result.map_err(|error| RowFailure::new(row, &error).reason),
            Err(panic) => Err(format!(
                "the program failed on it, which is its fault: {panic}"
            )),
        }
    }

    /// The pair with everything that is asked of it.
    fn open_with(&self, index: usize, sanity: bool) -> Result<Opened<'_>> {
        let row = &self.dataset.rows[index];
        let (subject, truth) = self.open(row)?;
        let relatives = match &self.randomised {
            Some(randomised) if sanity => Some(Relatives {
                subjects: randomised.subjects(&subject, row)?,
                others: self.others(index)?,
            }),
            _ => None,
        };
        Ok(Opened {
            subject,
            truth,
            relatives,
        })
    }

    /// The pair, and what is known of it.
    fn open(&self, row: &Row) -> Result<(Subject<'_>, Truth)> {
        let image = row.open()?;
        let subject = held(Subject::new(self.model, &image, &row.caption)?, row)?;
        let size = (image.width(), image.height());
        let (input_size, view) = subject.covered();
        let truth = Truth::of(row, size, &view, input_size)?;
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
