//! Rows of complete parts that failed, tried again.
//!
//! A part is written anew, from what it has and what came of its failed rows now, and takes the place of
//! the old one when it is whole. Until then, what came of them is in a journal, as for a part that
//! is not complete yet.

use std::collections::{BTreeMap, BTreeSet};

use m2ib_data::Item;
use m2ib_eval::journal::{Journal, Outcome};

use crate::error::failed;
use crate::job::{Job, Told};
use crate::part::PartWriter;
use crate::{Error, Folder, Part, Reader, Record, Result};

impl Job<'_> {
    /// The complete parts with wanted rows that failed, and how many those are.
    pub(crate) fn failed(&self, folder: &Folder) -> Result<Vec<(Part, u64)>> {
        let mut found = Vec::new();
        for part in folder.parts()? {
            let wanted = part.places.start < self.places.end && self.places.start < part.places.end;
            let rows = match wanted {
                true => self.failed_rows(&part)?.len() as u64,
                false => 0,
            };
            if rows > 0 {
                found.push((part, rows));
            }
        }
        Ok(found)
    }

    fn failed_rows(&self, part: &Part) -> Result<BTreeSet<u64>> {
        let rows = Reader::failed(&part.path)?.into_iter();
        Ok(rows.filter(|row| self.places.contains(row)).collect())
    }

    /// Explains the failed rows of a complete part.
    pub(crate) fn retry(&self, folder: &Folder, part: &Part, told: &Told<'_>) -> Result<()> {
        let path = folder.journal(&part.places);
        let mut journal = Journal::<Record>::open(&path, &folder.manifest().identity)?;
        // Again: another process may have done it before the journal was ours.
        let rows = self.failed_rows(part)?;
        let mut again = BTreeMap::new();
        // Where an attempt before this one was stopped.
        for entry in journal.entries() {
            if let Outcome::Result(record) = entry?.outcome {
                again.insert(record.place, record);
            }
        }
        let is_done = |row: &u64| again.get(row).is_some_and(|record| record.error.is_none());
        let (done, left): (BTreeSet<u64>, BTreeSet<u64>) = rows.iter().copied().partition(is_done);
        told.known(done.len() as u64);
        let items = self.listing.items(part.places.clone())?;
        let todo = items.iter().filter(|item| left.contains(&item.place));
        let todo: Vec<&Item> = todo.collect();
        self.explain(&mut journal, &todo, told)?;
        if !rows.is_empty() {
            replace(folder, part, &rows, &journal)?;
        }
        drop(journal);
        std::fs::remove_file(&path).map_err(failed("remove", &path))
    }
}

/// Writes a part anew, with what came of some of its rows.
fn replace(
    folder: &Folder,
    part: &Part,
    rows: &BTreeSet<u64>,
    journal: &Journal<Record>,
) -> Result<()> {
    let mut again = BTreeMap::new();
    for entry in journal.entries() {
        match entry?.outcome {
            // The last of a row counts.
            Outcome::Result(record) if rows.contains(&record.place) => {
                again.insert(record.place, record);
            }
            _ => {}
        }
    }
    let reader = Reader::open(&part.path)?;
    folder.manifest().check(&reader.manifest, &part.path)?;
    let expected = reader.rows;
    let mut writer = PartWriter::new(&part.path, folder.manifest())?;
    for records in reader {
        for record in records? {
            writer.add(again.remove(&record.place).unwrap_or(record))?;
        }
    }
    match again.is_empty() && writer.rows == expected {
        true => writer.finish(),
        false => Err(Error::Part {
            path: part.path.clone(),
            reason: format!("it has {} rows that can be read", writer.rows),
        }),
    }
}
