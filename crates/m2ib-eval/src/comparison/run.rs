//! Running a plan: pair by pair, several at once, each result kept as it is made.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use m2ib::clip_input::View;
use m2ib::{Backend, Pretrained};
use m2ib_data::{Dataset, Row, RowFailure};
use m2ib_methods::{Method, Subject};
use m2ib_metrics::Metric;
use ndarray::Array2;

use super::sanity::Randomised;
use super::{Plan, Trial};
use crate::Result;
use crate::journal::{Journal, Outcome};

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
    model: &'a Pretrained,
    dataset: &'a Dataset,
    methods: Vec<Bound>,
    randomised: Option<Randomised>,
    journal: Mutex<&'a mut Journal<Trial>>,
}

impl Plan {
    /// Explains and measures whatever the journal holds no result of yet. A pair that fails is kept
    /// there with its reason and ends nothing; the next run tries it again.
    ///
    /// # Errors
    /// [`Error::Method`](crate::Error::Method) for a method that does not fit the model, and
    /// [`Error::RepeatedMethod`](crate::Error::RepeatedMethod), before anything is explained;
    /// [`Error::Journal`](crate::Error::Journal) if a result cannot be kept.
    pub fn run(
        &self,
        model: &Pretrained,
        dataset: &Dataset,
        journal: &mut Journal<Trial>,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<()> {
        let methods = self.build(model)?;
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
            methods: methods.collect::<Result<_>>()?,
            randomised,
            journal: Mutex::new(journal),
        };
        let lanes = Backend::lanes(&model.clip.device(), usize::MAX)?;
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
        let missing: Vec<&Bound> = {
            let journal = self.journal.lock().expect(UNBROKEN);
            let missing = self.methods.iter();
            missing
                .filter(|bound| {
                    let outcome = journal.get(&row.key, &bound.key);
                    !matches!(outcome, Some(Outcome::Result(_)))
                })
                .collect()
        };
        if missing.is_empty() {
            return Ok(());
        }
        let opened = self.open(row).and_then(|(subject, mask)| {
            let repeat = index < self.plan.repeated;
            let relatives = match &self.randomised {
                Some(randomised) if repeat => Some(randomised.subjects(&subject)?),
                _ => None,
            };
            let others = match &relatives {
                Some(_) => self.others(index)?,
                None => Vec::new(),
            };
            Ok((subject, mask, repeat, relatives, others))
        });
        for bound in missing {
            let trial = opened.as_ref().map_err(|error| reason(row, error));
            let trial = trial.and_then(|(subject, mask, repeat, relatives, others)| {
                let method = bound.method.as_ref();
                let trial = self.plan.trial(subject, method, mask.as_ref(), *repeat);
                let mut trial = trial.map_err(|error| reason(row, &error))?;
                if let Some(relatives) = relatives {
                    let sane = self.plan.sanity(&bound.randomised, relatives, others);
                    trial
                        .values
                        .extend(sane.map_err(|error| reason(row, &error))?);
                }
                Ok(trial)
            });
            let outcome = match trial {
                Ok(trial) => Outcome::Result(trial),
                Err(reason) => Outcome::Failure(reason),
            };
            let mut journal = self.journal.lock().expect(UNBROKEN);
            journal.append(&row.key, &bound.key, outcome)?;
        }
        Ok(())
    }

    /// The pair, and its object's mask in the model's input.
    fn open(&self, row: &Row) -> Result<(Subject<'_>, Option<Array2<bool>>)> {
        let image = row.open()?;
        let mask = row.mask(image.width(), image.height())?;
        let subject = Subject::new(self.model, &image, &row.caption)?;
        let mask = mask.map(|mask| seen(&mask, &subject.pixels().view, subject.input_size()));
        // An object outside the view can't be pointed at.
        let mask = mask.filter(|mask| mask.iter().any(|&on| on));
        Ok((subject, mask))
    }

    /// The next pairs with other captions.
    fn others(&self, index: usize) -> Result<Vec<Subject<'_>>> {
        let rows = &self.dataset.rows;
        let following = (1..rows.len()).map(|step| &rows[(index + step) % rows.len()]);
        let others = following.filter(|row| row.caption != rows[index].caption);
        let opened = others.filter_map(|row| self.open(row).ok());
        let subjects = opened.map(|(subject, _)| subject);
        Ok(subjects.take(self.plan.partners).collect())
    }
}

/// A mask of the original image in the model's input, `[height, width]`, pixel by nearest pixel.
fn seen(mask: &Array2<bool>, view: &View, [height, width]: [usize; 2]) -> Array2<bool> {
    let place = |at: usize, count: usize, start: f64, length: f64| {
        let place = start + (at as f64 + 0.5) / count as f64 * length;
        (place >= 0.0).then_some(place as usize)
    };
    Array2::from_shape_fn((height, width), |(row, column)| {
        let row = place(row, height, view.top, view.height);
        let column = place(column, width, view.left, view.width);
        let at = row.zip(column);
        at.and_then(|at| mask.get(at)).is_some_and(|&on| on)
    })
}

fn reason(row: &Row, error: &dyn std::error::Error) -> String {
    RowFailure::new(row, error).reason
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_is_seen_through_the_crop_and_at_the_models_size() {
        // Of 6 × 2 pixels, the model sees the square in the middle, at twice the size.
        let mask = Array2::from_shape_fn((2, 6), |(row, column)| row == 0 && column >= 3);
        let view = View {
            image_width: 6,
            image_height: 2,
            left: 2.0,
            top: 0.0,
            width: 2.0,
            height: 2.0,
        };
        let seen = seen(&mask, &view, [4, 4]);
        let expected = Array2::from_shape_fn((4, 4), |(row, column)| row < 2 && column >= 2);
        assert_eq!(seen, expected);
    }
}
