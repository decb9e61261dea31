//! A locked file of whole lines.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{JournalError, JournalResult};

/// Room that must be left on the disk for the next line.
const ROOM: usize = 1 << 16;

/// A longer line is none of a journal: what has such was never one.
const LONGEST: u64 = 1 << 28;

/// Where a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u64,
    /// Without its end.
    pub(super) length: usize,
}

/// Lines are added at its end and reach the disk one by one. They are read from there when they are
/// asked for, so that the memory they take does not grow with their length.
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
        if path.exists() {
            // A pipe would be waited for.
            m2ib_files::open(path).map_err(failed(path, "open"))?;
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let file = options.open(path).map_err(failed(path, "open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(JournalError::Locked { path: path.into() });
            }
            // Better without than not at all: most such file systems are in one process's hands.
            Err(TryLockError::Error(source)) if knows_no_locks(&source) => {}
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

    /// Hands out every whole line, without its end.
    pub(super) fn each(
        &mut self,
        mut take: impl FnMut(Span, &[u8]) -> JournalResult<()>,
    ) -> JournalResult<()> {
        let mut reader = BufReader::with_capacity(1 << 20, &self.file);
        let mut line = Vec::new();
        self.whole = 0;
        loop {
            line.clear();
            let read = reader.by_ref().take(LONGEST).read_until(b'\n', &mut line);
            let read = read.map_err(failed(&self.path, "read"))?;
            if read as u64 == LONGEST && !line.ends_with(b"\n") {
                return Err(JournalError::NotAJournal {
                    path: self.path.clone(),
                    reason: format!("it has a line of more than {} MiB", LONGEST >> 20),
                });
            }
            match line.split_last() {
                Some((b'\n', text)) => {
                    let span = Span {
                        start: self.whole,
                        length: text.len(),
                    };
                    take(span, text)?;
                    self.whole += read as u64;
                }
                _ => break,
            }
        }
        self.torn = line;
        Ok(())
    }

    /// A line, without its end.
    pub(super) fn line(&self, span: Span) -> JournalResult<Vec<u8>> {
        let mut line = vec![0; span.length];
        let read = read_at(&self.file, &mut line, span.start);
        read.map_err(failed(&self.path, "read"))?;
        Ok(line)
    }

    /// That a line is not what it was.
    pub(super) fn changed(&self, reason: String) -> JournalError {
        let path = self.path.clone();
        JournalError::Changed { path, reason }
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
            self.torn = Vec::new();
        }
        Ok(())
    }

    /// Adds a line, its end included, and waits until it is on the disk. If that fails, what was
    /// written of it is taken back, now or before the next line.
    pub(super) fn append(&mut self, line: &[u8]) -> JournalResult<Span> {
        self.put(line)?;
        let span = Span {
            start: self.whole,
            length: line.len() - 1,
        };
        self.dirty = false;
        self.whole += line.len() as u64;
        Ok(span)
    }

    /// Makes sure that there is room for a line, before its content is worked for.
    pub(super) fn check_room(&mut self) -> JournalResult<()> {
        // Killed here, it leaves what looks like a torn line.
        self.put(&[b' '; ROOM])?;
        self.take_back().map_err(failed(&self.path, "repair"))
    }

    /// Writes behind the whole lines.
    fn put(&mut self, bytes: &[u8]) -> JournalResult<()> {
        if self.dirty {
            self.take_back().map_err(failed(&self.path, "repair"))?;
        }
        self.dirty = true;
        if let Err(source) = self.write(bytes) {
            // The first error is the one to report; another attempt is made by the next line.
            let _ = self.take_back();
            return Err(failed(&self.path, "write")(source));
        }
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
        m2ib_files::sync_folder(&self.path).map_err(failed(&self.path, "create"))
    }
}

/// Whether it is not this file that cannot be locked, but none of its file system.
fn knows_no_locks(error: &io::Error) -> bool {
    // What NFS says without its lock daemon (37 is ENOLCK on Linux), and what others say.
    let no_daemon = cfg!(target_os = "linux") && error.raw_os_error() == Some(37);
    no_daemon || error.kind() == io::ErrorKind::Unsupported
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], start: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, start)
}

#[cfg(not(unix))]
fn read_at(mut file: &File, bytes: &mut [u8], start: u64) -> io::Result<()> {
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(bytes)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_without_locks_is_told_from_a_lock_that_failed() {
        let unsupported = io::Error::from(io::ErrorKind::Unsupported);
        assert!(knows_no_locks(&unsupported));
        assert!(!knows_no_locks(&io::ErrorKind::PermissionDenied.into()));
        #[cfg(target_os = "linux")]
        for code in [37, 38, 95] {
            let error = io::Error::from_raw_os_error(code);
            assert!(knows_no_locks(&error), "{error}");
        }
    }
}
