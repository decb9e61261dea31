//! A run's results on disk, a line each: a run that is killed goes on where it was.
//!
//! The first line says what was run. Each line after it holds the [`Outcome`] of one row under one
//! setting and is on the disk before [`append`](Journal::append) returns, so a process that dies,
//! whenever it does, loses no more than the line it was writing. One process at a time writes.
//!
//! ```
//! use m2ib_eval::journal::{Journal, Outcome};
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("run.jsonl");
//! let run = serde_json::json!({"seed": 7, "steps": 10});
//!
//! let mut journal = Journal::open(&path, &run)?;
//! journal.append("pairs.tsv:1", "matched", Outcome::Result(0.25))?;
//! drop(journal); // Or killed.
//!
//! let mut journal = Journal::open(&path, &run)?;
//! assert_eq!(journal.get("pairs.tsv:1", "matched"), Some(&Outcome::Result(0.25)));
//! if !journal.contains("pairs.tsv:2", "matched") {
//!     journal.append("pairs.tsv:2", "matched", Outcome::Failure("no such file".into()))?;
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod file;
mod header;
mod line;

use std::collections::HashMap;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use error::{JournalError, JournalResult};

use file::LineFile;
use header::Header;

/// What came of a row under a setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome<T> {
    /// What was measured.
    Result(T),
    /// Why nothing could be.
    Failure(String),
}

/// A line of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry<T> {
    /// The row's key.
    pub row: String,
    /// The setting's key.
    pub setting: String,
    /// What came of it.
    pub outcome: Outcome<T>,
}

/// Results of a run, in memory and on disk. Nobody else can write them while this lives.
#[derive(Debug)]
pub struct Journal<T> {
    file: LineFile,
    entries: Vec<Entry<T>>,
    /// Row, setting, place among the entries.
    places: HashMap<String, HashMap<String, usize>>,
}

impl<T: Serialize + DeserializeOwned> Journal<T> {
    /// Goes on with a journal, or begins one. `run` is everything that results depend on: settings,
    /// seeds, the model, the data set's fingerprint; it must be the same each time.
    ///
    /// A last line that was not written to its end is dropped.
    ///
    /// # Errors
    /// [`JournalError::Locked`] while another process writes it, [`JournalError::OtherRun`],
    /// [`JournalError::NotAJournal`], [`JournalError::Corrupt`], [`JournalError::File`] and
    /// [`JournalError::Unwritable`] for a `run` that is no JSON.
    pub fn open(path: impl AsRef<Path>, run: &impl Serialize) -> JournalResult<Self> {
        let path = path.as_ref();
        let header = Header::new(run)?;
        let mut file = LineFile::open(path)?;
        let lines = file.read()?;
        let mut journal = Self {
            entries: Vec::new(),
            places: HashMap::new(),
            file,
        };
        let Some((first, rest)) = lines.split_first() else {
            // Killed while it wrote the header, or new; any other content is left alone.
            journal.file.check_torn(&header.line()?)?;
            journal.file.drop_torn()?;
            journal.file.append(&header.line()?)?;
            journal.file.sync_folder()?;
            return Ok(journal);
        };
        header.check(first, path)?;
        for (number, text) in (2..).zip(rest) {
            let entry = line::parse(text);
            let kept = entry.and_then(|entry| journal.keep(entry));
            kept.map_err(|reason| JournalError::Corrupt {
                path: path.into(),
                line: number,
                reason,
            })?;
        }
        journal.file.drop_torn()?;
        Ok(journal)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Whether it is known what came of a row under a setting, success or failure.
    pub fn contains(&self, row: &str, setting: &str) -> bool {
        self.get(row, setting).is_some()
    }

    /// What came of a row under a setting.
    pub fn get(&self, row: &str, setting: &str) -> Option<&Outcome<T>> {
        let place = *self.places.get(row)?.get(setting)?;
        Some(&self.entries[place].outcome)
    }

    /// All entries, in the order in which their row and setting came first.
    pub fn entries(&self) -> &[Entry<T>] {
        &self.entries
    }

    /// What failed, and why.
    pub fn failures(&self) -> impl Iterator<Item = (&Entry<T>, &str)> {
        self.entries
            .iter()
            .filter_map(|entry| match &entry.outcome {
                Outcome::Failure(reason) => Some((entry, reason.as_str())),
                Outcome::Result(_) => None,
            })
    }

    /// Writes what came of a row under a setting; it is on the disk when this returns. A failure
    /// may be tried again and overwritten, a result may not.
    ///
    /// # Errors
    /// [`JournalError::Repeated`] for a result that is there, [`JournalError::Unwritable`] for a
    /// value that would not read back (JSON knows no NaN), [`JournalError::File`]. The journal
    /// stays as it was.
    pub fn append(&mut self, row: &str, setting: &str, outcome: Outcome<T>) -> JournalResult<()> {
        if let Some(Outcome::Result(_)) = self.get(row, setting) {
            return Err(JournalError::Repeated {
                row: row.into(),
                setting: setting.into(),
            });
        }
        let entry = Entry {
            row: row.into(),
            setting: setting.into(),
            outcome,
        };
        let text = line::text(&entry)?;
        self.file.append(&text)?;
        self.place(entry);
        Ok(())
    }

    /// Takes an entry that was read.
    fn keep(&mut self, entry: Entry<T>) -> Result<(), String> {
        if let Some(Outcome::Result(_)) = self.get(&entry.row, &entry.setting) {
            let Entry { row, setting, .. } = entry;
            return Err(format!(
                "row \"{row}\" under \"{setting}\" has a result already"
            ));
        }
        self.place(entry);
        Ok(())
    }

    fn place(&mut self, entry: Entry<T>) {
        let row = self.places.entry(entry.row.clone()).or_default();
        match row.get(&entry.setting) {
            Some(&place) => self.entries[place] = entry,
            None => {
                row.insert(entry.setting.clone(), self.entries.len());
                self.entries.push(entry);
            }
        }
    }
}

#[cfg(test)]
mod tests;
