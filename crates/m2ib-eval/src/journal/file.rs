//! A locked file of whole lines.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{JournalError, JournalResult};

/// Lines are added at its end and reach the disk one by one.
#[derive(Debug)]
pub(super) struct LineFile {
    path: PathBuf,
    file: File,
    /// Bytes up to the end of the last whole line.
    whole: u64,
    /// What comes after them: a line that was not written to its end.
    torn: Vec<u8>,
    /// Whether a failed write may have left bytes after the whole lines.
    dirty: bool,
}

impl LineFile {
    /// Opens or creates it and keeps others from it until it is closed; the system does so too
    /// when the process is killed.
    pub(super) fn open(path: &Path) -> JournalResult<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(path).map_err(failed(path, "open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(JournalError::Locked { path: path.into() });
            }
            Err(TryLockError::Error(source)) => return Err(failed(path, "lock")(source)),
        }
        Ok(Self {
            path: path.into(),
            file,
            whole: 0,
            torn: Vec::new(),
            dirty: false,
        })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// All whole lines, without their ends.
    pub(super) fn read(&mut self) -> JournalResult<Vec<Vec<u8>>> {
        let mut bytes = Vec::new();
        let read = self.file.read_to_end(&mut bytes);
        read.map_err(failed(&self.path, "read"))?;
        let last = bytes.iter().rposition(|&byte| byte == b'\n');
        self.torn = bytes.split_off(last.map_or(0, |last| last + 1));
        self.whole = bytes.len() as u64;
        let lines = bytes.split_inclusive(|&byte| byte == b'\n');
        Ok(lines.map(|line| line[..line.len() - 1].to_vec()).collect())
    }

    /// Makes sure that a torn line is the beginning of the one expected, so that no other file's
    /// content is dropped.
    pub(super) fn check_torn(&self, expected: &[u8]) -> JournalResult<()> {
        match expected.starts_with(&self.torn) {
            true => Ok(()),
            false => Err(JournalError::NotAJournal {
                path: self.path.clone(),
                reason: "it has no line that ends, and does not begin like one".into(),
            }),
        }
    }

    /// Cuts a torn line off.
    pub(super) fn drop_torn(&mut self) -> JournalResult<()> {
        if !self.torn.is_empty() {
            cut(&self.file, self.whole).map_err(failed(&self.path, "repair"))?;
            self.torn.clear();
        }
        Ok(())
    }

    /// Adds a line, its end included, and waits until it is on the disk. If that fails, what was
    /// written of it is taken back, now or before the next line.
    pub(super) fn append(&mut self, line: &[u8]) -> JournalResult<()> {
        if self.dirty {
            self.take_back().map_err(failed(&self.path, "repair"))?;
        }
        self.dirty = true;
        if let Err(source) = self.write(line) {
            // The first error is the one to report; another attempt is made by the next line.
            let _ = self.take_back();
            return Err(failed(&self.path, "write")(source));
        }
        self.dirty = false;
        self.whole += line.len() as u64;
        Ok(())
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.whole))?;
        self.file.write_all(line)?;
        self.file.flush()?;
        self.file.sync_data()
    }

    fn take_back(&mut self) -> io::Result<()> {
        cut(&self.file, self.whole)?;
        self.dirty = false;
        Ok(())
    }

    /// Brings a new file's name to the disk, not only its content.
    pub(super) fn sync_folder(&self) -> JournalResult<()> {
        // Elsewhere a folder cannot be opened as a file.
        #[cfg(unix)]
        {
            let folder = match self.path.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder,
                _ => Path::new("."),
            };
            let synced = File::open(folder).and_then(|folder| folder.sync_all());
            synced.map_err(failed(&self.path, "create"))?;
        }
        Ok(())
    }
}

fn cut(file: &File, length: u64) -> io::Result<()> {
    file.set_len(length)?;
    file.sync_all()
}

fn failed(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> JournalError {
    let path = path.to_path_buf();
    move |source| JournalError::File {
        path,
        action,
        source,
    }
}
