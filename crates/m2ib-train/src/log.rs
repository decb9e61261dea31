//! The course of a run as lines of JSON.

use std::io::Write;
use std::path::{Path, PathBuf};

use m2ib_tune::{Error, Result, write_whole};
use serde::{Deserialize, Serialize};

use crate::Measures;

/// Logs are read up to this many bytes, 256 MiB: a million lines.
const MAX_LOG: u64 = 256 << 20;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The last step it is about.
    pub step: u64,
    /// Mean over the steps since the line before.
    pub loss: f64,
    /// The learning rate of the step.
    pub rate: f64,
    /// What cosines are multiplied with.
    pub scale: f64,
    /// What is added to their multiples, where something is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bias: Option<f64>,
    /// The norm of the step's gradients before it was bounded.
    pub gradient_norm: f64,
    /// Since the line before, without measuring and saving.
    pub images_per_second: f64,
    /// On the validation split, where it was measured.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub validation: Option<Measures>,
}

/// A log file that is added to.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: std::fs::File,
}

impl Log {
    /// Opens the log of a folder and drops lines of steps after `step`: the run goes on from there
    /// and writes them again.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn open(folder: &Path, step: u64) -> Result<Self> {
        let path = folder.join("log.jsonl");
        let kept: String = Self::read(folder)?
            .iter()
            .filter(|line| line.step <= step)
            .map(text)
            .collect();
        write_whole(&path, kept.as_bytes())?;
        let file = std::fs::OpenOptions::new().append(true).open(&path);
        let file = file.map_err(|source| Error::File {
            action: "open",
            path: path.clone(),
            source,
        })?;
        Ok(Self { path, file })
    }

    /// The lines of a folder's log; none if there is no log. A line that an interruption cut
    /// short is left out.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn read(folder: &Path) -> Result<Vec<Line>> {
        let path = folder.join("log.jsonl");
        match m2ib_files::read_text(&path, MAX_LOG) {
            Ok(text) => Ok(text
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok())
                .collect()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(Error::File {
                action: "read",
                path,
                source,
            }),
        }
    }

    /// Adds a line.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn add(&mut self, line: &Line) -> Result<()> {
        let written = self.file.write_all(text(line).as_bytes());
        written.map_err(|source| Error::File {
            action: "write",
            path: self.path.clone(),
            source,
        })
    }
}

fn text(line: &Line) -> String {
    let json = serde_json::to_string(line).expect("plain numbers");
    json + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_a_log_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = std::fs::File::create(folder.path().join("log.jsonl")).unwrap();
        file.set_len(MAX_LOG + 1).unwrap();
        let error = Log::read(folder.path()).unwrap_err();
        let text = m2ib_files::causes(&error);
        assert!(
            text.contains("log.jsonl") && text.contains("at most 256 MiB"),
            "{text}"
        );
    }

    #[test]
    fn lines_after_the_checkpoint_and_cut_ones_are_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let line = |step| Line {
            step,
            loss: 0.1,
            rate: 1e-3,
            scale: 14.0,
            bias: Some(-10.0),
            gradient_norm: 2.0,
            images_per_second: 300.0,
            validation: None,
        };
        let mut log = Log::open(folder.path(), 0).unwrap();
        for step in [20, 40, 60] {
            log.add(&line(step)).unwrap();
        }
        log.file.write_all(b"{\"step\": 80, \"lo").unwrap();
        drop(log);
        let mut log = Log::open(folder.path(), 40).unwrap();
        log.add(&line(60)).unwrap();
        let steps: Vec<u64> = Log::read(folder.path())
            .unwrap()
            .iter()
            .map(|line| line.step)
            .collect();
        assert_eq!(steps, [20, 40, 60]);
    }
}
