//! A run's results on disk, a line each: a run that is killed goes on where it was.
//!
//! The first line says what was run. Each line after it holds an [`Outcome`] of one row under one
//! setting and is on the disk before [`append`](Journal::append) returns, so a process that dies,
//! whenever it does, loses no more than the line it was writing. Every line has a checksum. One
//! process at a time writes. In memory there is only where each line is.
//!
//! ```
//! use m2ib_eval::journal::{Journal, Outcome};
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("run.jsonl");
//! let run = serde_json::json!({"seed": 7, "steps": 10});
//!
//! let mut journal = Journal::<f64>::open(&path, &run)?;
//! journal.append("pairs.tsv:1", "matched", Outcome::Result(0.25))?;
//! drop(journal); // Or killed.
//!
//! let mut journal = Journal::<f64>::open(&path, &run)?;
//! assert_eq!(journal.get("pairs.tsv:1", "matched")?.results, [0.25]);
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
use std::marker::PhantomData;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use error::{JournalError, JournalResult};

use file::{LineFile, Span};
use header::Header;
pub use header::differences;

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

/// All that is known of a row under a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known<T> {
    /// What was measured, in the order in which it was: later runs may have measured more.
    pub results: Vec<T>,
    /// Why the last attempt failed, if it did.
    pub failure: Option<String>,
}

/// Results of a run on disk. Nobody else can write them while this lives.
#[derive(Debug)]
pub struct Journal<T> {
    file: LineFile,
    index: Index,
    outcome: PhantomData<fn() -> T>,
}

impl<T: Serialize + DeserializeOwned + PartialEq> Journal<T> {
    /// Goes on with a journal, or begins one. `run` is everything that results depend on and rows'
    /// and settings' keys do not say; it must be the same each time.
    ///
    /// A last line that was not written to its end is dropped.
    ///
    /// # Errors
    /// [`JournalError::Locked`] while another process writes it, [`JournalError::OtherRun`],
    /// [`JournalError::OtherVersion`], [`JournalError::NotAJournal`], [`JournalError::Corrupt`],
    /// [`JournalError::File`] and [`JournalError::Unwritable`] for a `run` that is no JSON.
    pub fn open(path: impl AsRef<Path>, run: &impl Serialize) -> JournalResult<Self> {
        let path = path.as_ref();
        let header = Header::new(run)?;
        let mut file = LineFile::open(path)?;
        let mut index = Index::default();
        let mut number = 0;
        file.each(|span, text| {
            number += 1;
            if number == 1 {
                return header.check(text, path);
            }
            let entry = line::parse::<T>(text).map_err(|reason| JournalError::Corrupt {
                path: path.into(),
                line: number,
                reason,
            })?;
            index.place(entry.row, entry.setting, span);
            Ok(())
        })?;
        if number == 0 {
            // Killed while it wrote the header, or new; any other content is left alone.
            file.check_torn(&header.line()?)?;
            file.drop_torn()?;
            file.append(&header.line()?)?;
            file.sync_folder()?;
        }
        file.drop_torn()?;
        Ok(Self {
            file,
            index,
            outcome: PhantomData,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Whether it is known what came of a row under a setting, success or failure.
    pub fn contains(&self, row: &str, setting: &str) -> bool {
        self.index.spans(row, setting).next().is_some()
    }

    /// What came of a row under a setting; nothing where it was not tried.
    ///
    /// # Errors
    /// [`JournalError::File`] if it cannot be read any more, [`JournalError::Changed`] if somebody
    /// has written to it.
    pub fn get(&self, row: &str, setting: &str) -> JournalResult<Known<T>> {
        let mut known = Known {
            results: Vec::new(),
            failure: None,
        };
        for span in self.index.spans(row, setting) {
            match self.entry(span)?.outcome {
                Outcome::Result(result) => {
                    known.results.push(result);
                    known.failure = None;
                }
                Outcome::Failure(reason) => known.failure = Some(reason),
            }
        }
        Ok(known)
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.index.lines.len()
    }

    /// Whether there are none yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All lines, in the order in which they were written.
    pub fn entries(&self) -> impl Iterator<Item = JournalResult<Entry<T>>> {
        self.index.lines.iter().map(|&span| self.entry(span))
    }

    fn entry(&self, span: Span) -> JournalResult<Entry<T>> {
        let line = self.file.line(span)?;
        line::parse(&line).map_err(|reason| self.file.changed(reason))
    }

    /// Makes sure that there is room on the disk for another line, before it is worked for.
    ///
    /// # Errors
    /// [`JournalError::File`] if there is none.
    pub fn check_room(&mut self) -> JournalResult<()> {
        self.file.check_room()
    }

    /// Writes what came of a row under a setting, beside what is known of them; it is on the disk
    /// when this returns.
    ///
    /// # Errors
    /// [`JournalError::Unwritable`] for a value that would not read back (JSON knows no NaN),
    /// [`JournalError::File`]. The journal stays as it was.
    pub fn append(&mut self, row: &str, setting: &str, outcome: Outcome<T>) -> JournalResult<()> {
        let entry = Entry {
            row: row.into(),
            setting: setting.into(),
            outcome,
        };
        let span = self.file.append(&line::text(&entry)?)?;
        self.index.place(entry.row, entry.setting, span);
        Ok(())
    }
}

/// Where what is.
#[derive(Debug, Default)]
struct Index {
    /// By their numbers.
    settings: HashMap<String, usize>,
    /// Of each row, the numbers of settings and where their lines are.
    rows: HashMap<String, Vec<(usize, Span)>>,
    /// In the order in which they were written.
    lines: Vec<Span>,
}

impl Index {
    fn place(&mut self, row: String, setting: String, span: Span) {
        let next = self.settings.len();
        let setting = *self.settings.entry(setting).or_insert(next);
        self.rows.entry(row).or_default().push((setting, span));
        self.lines.push(span);
    }

    fn spans(&self, row: &str, setting: &str) -> impl Iterator<Item = Span> {
        let setting = self.settings.get(setting);
        let lines = self.rows.get(row).into_iter().flatten();
        let own = lines.filter(move |(number, _)| Some(number) == setting);
        own.map(|(_, span)| *span)
    }
}

#[cfg(test)]
mod tests;
