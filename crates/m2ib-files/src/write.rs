//! Files that are either whole or not there.

use std::fs::File;
use std::io::{Error, ErrorKind, Result, Write};
use std::path::Path;
use std::time::Duration;

/// How the names of files begin that are not complete yet.
pub const TEMPORARY: &str = ".m2ib-";

/// Older than any file that is still being made and not yet locked.
const STALE: Duration = Duration::from_secs(60);

/// Writes a file under a temporary name beside its place and moves it there when it is complete
/// and on the disk, so that after a power cut the name is not there without the content.
///
/// What a killed process left behind of the kind is cleared away.
///
/// # Errors
/// What the system reports; nothing half-written is left behind.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = folder_of(path);
    clear(folder);
    let mut builder = tempfile::Builder::new();
    // A temporary file is private by default; this one is to be as any other the user writes.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let failed = |error| unwritten(path, error);
    let file = builder.prefix(TEMPORARY).tempfile_in(folder);
    let mut file = file.map_err(failed)?;
    // Held until it has its name, so that nobody takes it for left behind; not every file system
    // knows locks, and then its age alone speaks for it.
    let _ = file.as_file().try_lock();
    file.write_all(bytes).map_err(failed)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    // The file is there; that its name will be after a power cut, not every file system can promise.
    let _ = sync_folder(path);
    Ok(())
}

/// Why `path` could not be written, without the temporary name that it had; that its folder is not there,
/// if that is why.
pub fn unwritten(path: &Path, error: Error) -> Error {
    let folder = folder_of(path);
    if error.kind() == ErrorKind::NotFound && !folder.exists() {
        let reason = format!(
            "the folder {} is not there, make it first",
            folder.display()
        );
        return Error::new(ErrorKind::NotFound, reason);
    }
    // As the crate tempfile adds it.
    match error.to_string().split_once(" at path ") {
        Some((reason, _)) => Error::new(error.kind(), reason),
        None => error,
    }
}

/// Brings a file's name to the disk, not only its content.
///
/// # Errors
/// What the system reports.
pub fn sync_folder(path: &Path) -> Result<()> {
    // Elsewhere a folder cannot be opened as a file.
    #[cfg(unix)]
    File::open(folder_of(path))?.sync_all()?;
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Removes what was being written in a folder when its process was killed. What cannot be removed
/// is in nobody's way.
fn clear(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let ours = name.to_string_lossy().starts_with(TEMPORARY);
        if ours && is_left_behind(&entry.path()) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Whether nobody is writing it any more.
fn is_left_behind(path: &Path) -> bool {
    let Ok(about) = std::fs::symlink_metadata(path) else {
        return false;
    };
    let age = about.modified().ok().and_then(|time| time.elapsed().ok());
    let old = age.is_some_and(|age| age > STALE);
    // The system lets go of a killed process's lock.
    old && about.is_file() && File::open(path).is_ok_and(|file| file.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_a_failure_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let path = folder.path().join("a.txt");
        write_whole(&path, b"one").expect("a new file");
        write_whole(&path, b"two").expect("the same again");
        assert_eq!(std::fs::read(&path).expect("it is there"), b"two");
        let error = write_whole(&folder.path().join("no/such/a.txt"), b"");
        let error = error.expect_err("no such folder").to_string();
        assert!(
            error.ends_with("no/such is not there, make it first"),
            "{error}"
        );
        // A file stands where its folder should be.
        let error = write_whole(&path.join("a.txt"), b"");
        let error = error.expect_err("no folder").to_string();
        assert!(!error.contains(TEMPORARY), "{error}");
        // A folder stands where the file should go.
        assert!(write_whole(folder.path(), b"").is_err());
        let left = std::fs::read_dir(folder.path()).expect("it is there");
        assert_eq!(left.count(), 1);
    }

    #[test]
    fn what_a_killed_process_left_is_cleared_and_what_is_being_written_is_not() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let at = |name: &str| folder.path().join(name);
        let old = SystemTime::now() - 2 * STALE;
        let open = |name: &str, time| {
            let file = File::create(at(name)).expect("a file");
            file.set_modified(time).expect("its time is set");
            file
        };
        drop(open(".m2ib-killed", old));
        drop(open(".m2ib-just-begun", SystemTime::now()));
        drop(open("yours", old));
        let held = open(".m2ib-slow", old);
        held.try_lock().expect("nobody else has it");
        write_whole(&at("a.txt"), b"").expect("it is written");
        let there = |name: &str| at(name).exists();
        assert!(!there(".m2ib-killed"));
        assert!(there(".m2ib-just-begun") && there(".m2ib-slow") && there("yours"));
    }
}
