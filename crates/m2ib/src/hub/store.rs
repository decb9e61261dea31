//! The cache: contents under their etag, links to them by commit and name.
//!
//! A download grows as `ETAG.part` under a lock, and becomes a content only when it has the length
//! it should have, and the checksum where the etag is one.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use clip_input::MAX_FILE;
use hf_hub::{Cache, CacheRepo};
use m2ib_core::Scope;
use sha2::{Digest, Sha256};

use super::client::{Answer, Client};
use super::id::ModelId;
use super::{HubReason, Progress};
use crate::source::CALIBRATION;

/// A commit's name has 40 letters.
const MAX_COMMIT: u64 = 1024;

/// One model's place in the cache.
pub(super) struct Store {
    repo: CacheRepo,
    revision: PathBuf,
    commit: Option<String>,
}

impl Store {
    pub(super) fn new(cache: &Path, model: &ModelId) -> Self {
        let repo = model.repo();
        Self {
            revision: cache
                .join(repo.folder_name())
                .join("refs")
                .join(repo.revision()),
            commit: model.commit().map(Into::into),
            repo: Cache::new(cache.into()).repo(repo),
        }
    }

    /// The folder of the revision's commit, if the commit is known.
    pub(super) fn cached(&self) -> Option<PathBuf> {
        let named = || m2ib_files::read_text(&self.revision, MAX_COMMIT).ok();
        let commit = self.commit.clone().or_else(named)?;
        let folder = self.snapshot(commit.trim());
        folder.is_dir().then_some(folder)
    }

    pub(super) fn snapshot(&self, commit: &str) -> PathBuf {
        self.repo.pointer_path(commit)
    }

    pub(super) fn has(&self, commit: &str, file: &str) -> bool {
        self.snapshot(commit).join(file).is_file()
    }

    /// Makes the revision point at a commit whose files are all there.
    pub(super) fn finish(&self, commit: &str) -> Result<(), HubReason> {
        match self.commit {
            Some(_) => Ok(()),
            None => self.repo.create_ref(commit).map_err(at(&self.revision)),
        }
    }

    /// Reads an answer into the cache.
    pub(super) fn save(
        &self,
        client: &Client,
        commit: &str,
        file: &str,
        answer: Answer,
        progress: &mut dyn Progress,
    ) -> Result<(), HubReason> {
        let etag = answer.etag()?;
        let blob = self.repo.blob_path(&etag);
        create_parent(&blob)?;
        let _lock = lock(&blob.with_extension("lock"))?;
        if !blob.is_file() {
            let part = blob.with_extension("part");
            let done = fs::metadata(&part).map_or(0, |part| part.len());
            if answer.size != Some(done) {
                let answer = resume(client, commit, file, answer, done)?;
                receive(&part, file, answer, progress)?;
            }
            check(&part, &etag)?;
            fs::rename(&part, &blob).map_err(at(&blob))?;
        }
        let link = self.snapshot(commit).join(file);
        create_parent(&link)?;
        // A link whose content was deleted would be in the way.
        fs::remove_file(&link).ok();
        connect(&blob, &link).map_err(at(&link))
    }
}

/// Asks for the rest of a file, if a part of it is there; else takes the answer as it is.
fn resume(
    client: &Client,
    commit: &str,
    file: &str,
    whole: Answer,
    done: u64,
) -> Result<Answer, HubReason> {
    if done == 0 || whole.size.is_none_or(|size| done > size) {
        return Ok(whole);
    }
    let rest = client.get(file, Some(commit), done)?;
    let fits = rest.start == done && rest.etag()? == whole.etag()?;
    Ok(if fits { rest } else { whole })
}

fn receive(
    part: &Path,
    file: &str,
    answer: Answer,
    progress: &mut dyn Progress,
) -> Result<(), HubReason> {
    let Some(expected) = answer.size else {
        return Err(HubReason::Answer {
            detail: "it does not state the file's length".into(),
        });
    };
    // Weights may have any length; everything else is read whole by whoever uses it.
    let kinds = [".json", ".txt", CALIBRATION];
    let is_read_whole = kinds.iter().any(|kind| file.ends_with(kind));
    if expected > MAX_FILE && is_read_whole {
        return Err(HubReason::Answer {
            detail: format!("it states a length of {expected} bytes, at most {MAX_FILE} are read"),
        });
    }
    let mut received = answer.start;
    let mut output = match received {
        0 => File::create(part),
        _ => File::options().append(true).open(part),
    }
    .map_err(at(part))?;
    progress.start(file, received, expected);
    // A byte more than there should be says enough.
    let rest = expected.saturating_sub(received).saturating_add(1);
    let mut body = answer.body.take(rest);
    let mut buffer = vec![0; 1 << 16];
    let mut problem = "the connection was closed".to_owned();
    loop {
        if let Err(stopped) = Scope::check() {
            problem = stopped.to_string();
            break;
        }
        match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                output.write_all(&buffer[..count]).map_err(at(part))?;
                received += count as u64;
                progress.advance(count as u64);
            }
            Err(error) => {
                problem = error.to_string();
                break;
            }
        }
    }
    // Before the rename: after a power cut the name must not be there without the content.
    output.sync_all().map_err(at(part))?;
    if received != expected {
        if received > expected {
            problem = "there is more than there should be".into();
            fs::remove_file(part).map_err(at(part))?;
        }
        return Err(HubReason::Interrupted {
            received,
            expected,
            detail: problem,
        });
    }
    progress.finish();
    Ok(())
}

/// Holds a file's content against its etag, which for large files is its SHA-256; what differs is
/// deleted.
fn check(part: &Path, etag: &str) -> Result<(), HubReason> {
    let is_sum = etag.len() == 64 && etag.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !is_sum {
        return Ok(());
    }
    let mut hasher = Sha256::new();
    let mut content = File::open(part).map_err(at(part))?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match content.read(&mut buffer).map_err(at(part))? {
            0 => break,
            count => hasher.update(&buffer[..count]),
        }
    }
    let found: String = hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if found.eq_ignore_ascii_case(etag) {
        return Ok(());
    }
    fs::remove_file(part).map_err(at(part))?;
    Err(HubReason::Damaged {
        found,
        expected: etag.into(),
    })
}

/// Waits for another process that downloads the same file; it is there afterwards.
fn lock(path: &Path) -> Result<File, HubReason> {
    let file = File::create(path).map_err(at(path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            tracing::info!("waiting for another download of the same file");
            file.lock().map_err(at(path))?;
            Ok(file)
        }
        // Some network file systems have no locks; a download alone needs none.
        Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => {
            Ok(file)
        }
        Err(TryLockError::Error(error)) => Err(at(path)(error)),
    }
}

/// `snapshots/COMMIT/FILE` to `blobs/ETAG`, as the hub's other clients do it.
#[cfg(unix)]
fn connect(blob: &Path, link: &Path) -> std::io::Result<()> {
    let name = blob.file_name().unwrap_or_default();
    std::os::unix::fs::symlink(Path::new("../../blobs").join(name), link)
}

/// Symbolic links take a privilege elsewhere; a second name for the file does not.
#[cfg(not(unix))]
fn connect(blob: &Path, link: &Path) -> std::io::Result<()> {
    fs::hard_link(blob, link).or_else(|_| fs::copy(blob, link).map(|_| ()))
}

fn create_parent(path: &Path) -> Result<(), HubReason> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).map_err(at(parent))
}

fn at(path: &Path) -> impl FnOnce(std::io::Error) -> HubReason {
    let path = path.to_owned();
    move |reason| HubReason::Cache { path, reason }
}
