//! A data set explained, part by part.
//!
//! What is known of a part that is not complete is in a journal, on the disk row by row: a process that
//! dies, whenever it does, loses the rows that it was at. When a part's rows are all there, its file is
//! written and the journal goes. Nothing is held in memory but the part that is worked on.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::sync::Mutex;

use m2ib_data::{Item, Listing};
use m2ib_eval::journal::{Journal, JournalError, Outcome};

use crate::error::failed;
use crate::part::PartWriter;
use crate::{Engine, Error, Folder, Identity, Manifest, Origin, Record, Result};

const UNBROKEN: &str = "no thread panics while it holds the journal";

/// A data set to explain.
#[derive(Debug)]
pub struct Job<'a> {
    /// The rows.
    pub listing: &'a Listing,
    /// What explains.
    pub engine: &'a Engine,
    /// Which rows, by their places.
    pub places: Range<u64>,
    /// How many rows a file has; parts end at the multiples of it.
    pub rows_per_file: u64,
    /// Where the data set is, for whoever shows its pictures.
    pub origin: Origin,
    /// Whether rows of complete parts that failed are tried again.
    pub retry_failed: bool,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Rows that need nothing more.
    pub done: u64,
    /// How many of them were there when it began.
    pub known: u64,
    /// How many of the others failed.
    pub failed: u64,
    /// All that were asked for.
    pub of: u64,
}

/// Who is told how far a job is.
pub(crate) struct Told<'a> {
    progress: Mutex<Progress>,
    told: &'a (dyn Fn(Progress) + Sync),
}

impl Told<'_> {
    /// Rows that turn out to be done.
    pub(crate) fn known(&self, rows: u64) {
        self.tell(|progress| {
            progress.done += rows;
            progress.known += rows;
        });
    }

    /// A row that is done now.
    fn done(&self, failed: bool) {
        self.tell(|progress| {
            progress.done += 1;
            progress.failed += u64::from(failed);
        });
    }

    fn tell(&self, change: impl FnOnce(&mut Progress)) {
        let mut progress = self.progress.lock().expect(UNBROKEN);
        change(&mut progress);
        (self.told)(*progress);
    }
}

impl Job<'_> {
    /// What the results are of.
    ///
    /// # Errors
    /// As [`Engine::bank`].
    pub fn manifest(&self) -> Result<Manifest> {
        let provenance = self.engine.provenance().clone();
        Ok(Manifest {
            m2ib_run: Manifest::VERSION,
            identity: Identity {
                data: self.listing.identity().clone(),
                model: provenance.identity.clone(),
                method: serde_json::to_value(&provenance.method).unwrap_or_default(),
                seed: provenance.seed,
                precision: provenance.precision.clone(),
                bank: self.engine.bank()?,
                grid: self.engine.grid(),
                rows_per_file: self.rows_per_file,
            },
            provenance,
            units: self.engine.units(),
            origin: self.origin.clone(),
        })
    }

    /// Explains what a folder does not have yet, and what failed if that is
    /// [wanted](Self::retry_failed).
    ///
    /// # Errors
    /// [`Error::OtherRun`] for a folder of another run, before anything is explained;
    /// [`Error::Journal`] for a part that another process is at, or a result that cannot be kept:
    /// nothing more is done then, and what was kept stays. [`Error::Data`] for a data set that has
    /// changed.
    pub fn run(&self, folder: &Folder, told: &(dyn Fn(Progress) + Sync)) -> Result<Progress> {
        let missing = folder.missing(self.places.clone())?;
        let failed = match self.retry_failed {
            true => self.failed(folder)?,
            false => Vec::new(),
        };
        let of = self.places.end - self.places.start;
        let left: u64 = missing.iter().map(|part| part.end - part.start).sum();
        let left = left + failed.iter().map(|(_, rows)| rows).sum::<u64>();
        let progress = Progress {
            of,
            ..Progress::default()
        };
        let told = Told {
            progress: Mutex::new(progress),
            told,
        };
        told.known(of - left);
        for (part, _) in &failed {
            self.retry(folder, part, &told)?;
        }
        for part in missing {
            self.part(folder, part, &told)?;
        }
        Ok(told.progress.into_inner().expect(UNBROKEN))
    }

    fn part(&self, folder: &Folder, part: Range<u64>, told: &Told<'_>) -> Result<()> {
        let path = folder.journal(&part);
        let mut journal = Journal::<Record>::open(&path, &folder.manifest().identity)?;
        let items = self.listing.items(part.clone())?;
        // Of what failed, another attempt is made; what changed meanwhile is another row.
        let known: HashSet<(String, String)> = journal
            .entries()
            .filter_map(|entry| match entry {
                Ok(entry) => match entry.outcome {
                    Outcome::Result(record) if record.error.is_some() => None,
                    _ => Some(Ok((entry.row, entry.setting))),
                },
                Err(error) => Some(Err(error)),
            })
            .collect::<Result<_, JournalError>>()?;
        let is_known = |item: &&Item| {
            !known.is_empty() && known.contains(&(item.place.to_string(), identity(item)))
        };
        let (there, todo): (Vec<&Item>, Vec<&Item>) = items.iter().partition(is_known);
        told.known(there.len() as u64);
        self.explain(&mut journal, &todo, told)?;
        self.finish(folder, &part, &items, &journal)?;
        drop(journal);
        std::fs::remove_file(&path).map_err(failed("remove", &path))
    }

    /// Explains rows into a journal.
    pub(crate) fn explain(
        &self,
        journal: &mut Journal<Record>,
        todo: &[&Item],
        told: &Told<'_>,
    ) -> Result<()> {
        if !todo.is_empty() {
            journal.check_room()?;
        }
        let kept = Mutex::new(journal);
        for chunk in todo.chunks(self.engine.chunk()?) {
            self.engine.explain(chunk, &|record| {
                let failed = record.error.is_some();
                keep(&mut kept.lock().expect(UNBROKEN), record)?;
                told.done(failed);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Writes the part's file from its journal.
    fn finish(
        &self,
        folder: &Folder,
        part: &Range<u64>,
        items: &[Item],
        journal: &Journal<Record>,
    ) -> Result<()> {
        let mut records = BTreeMap::new();
        // The last of a place counts.
        for entry in journal.entries() {
            if let Outcome::Result(record) = entry?.outcome {
                records.insert(record.place, record);
            }
        }
        let mut writer = PartWriter::new(&folder.part(part), folder.manifest())?;
        for item in items {
            let record = records.remove(&item.place).ok_or_else(|| Error::Part {
                path: journal.path().into(),
                reason: format!("it lacks row {}", item.place),
            });
            writer.add(record?)?;
        }
        writer.finish()
    }
}

/// What tells a row from others, and from itself when something of it changes.
fn identity(item: &Item) -> String {
    match &item.row {
        Ok(row) => row.identity(),
        Err(failure) => failure.reason.clone(),
    }
}

fn keep(journal: &mut Journal<Record>, record: Record) -> Result<()> {
    let place = record.place.to_string();
    let setting = match (&record.digest, &record.error) {
        (digest, Some(reason)) if digest.is_empty() => reason.clone(),
        (digest, _) => digest.clone(),
    };
    match journal.append(&place, &setting, Outcome::Result(record.clone())) {
        // Of this row alone: numbers that are none.
        Err(error @ JournalError::Unwritable { .. }) => {
            let record = Record {
                finding: None,
                error: Some(error.to_string()),
                seconds: 0.0,
                ..record
            };
            Ok(journal.append(&place, &setting, Outcome::Result(record))?)
        }
        kept => Ok(kept?),
    }
}

/// The rows of the `number`th of `of` shares, from 1: whole parts, as even as they go.
pub fn share(places: Range<u64>, number: u64, of: u64, rows_per_file: u64) -> Range<u64> {
    let rows = rows_per_file.max(1);
    let first = places.start / rows;
    let parts = places.end.div_ceil(rows).saturating_sub(first);
    let edge = |share: u64| {
        let part = (u128::from(parts) * u128::from(share) / u128::from(of.max(1))) as u64;
        ((first + part) * rows).clamp(places.start, places.end)
    };
    let end = match number == of {
        true => places.end,
        false => edge(number),
    };
    edge(number.saturating_sub(1))..end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_whole_parts_and_leave_nothing_out() {
        for (places, rows) in [
            (0..10_500, 1000),
            (300..2_100, 500),
            (0..3, 1000),
            (7..8, 1),
        ] {
            for of in [1, 2, 3, 7, 20] {
                let mut next = places.start;
                for number in 1..=of {
                    let share = share(places.clone(), number, of, rows);
                    assert_eq!(share.start, next, "{number} of {of}");
                    assert!(
                        share.start == places.start
                            || share.start.is_multiple_of(rows)
                            || share.is_empty()
                    );
                    next = share.end;
                }
                assert_eq!(next, places.end);
            }
        }
    }
}
