//! Files that are read only if they are files, and not larger than what is read of them may be.
//!
//! A pipe would be waited for, and a device such as `/dev/zero` read until the memory is full.

use std::fs::{File, Metadata};
use std::io::{Error, ErrorKind, Read, Result, Take};
use std::path::Path;

/// Opens a file, or what a link leads to if that is one.
///
/// # Errors
/// What the system reports; [`ErrorKind::InvalidInput`] with what was found in place of a file.
pub fn open(path: &Path) -> Result<File> {
    // Before it is opened: to open a pipe is to wait for its writer.
    let about = std::fs::metadata(path).map_err(|error| meant(path, error))?;
    check(&about)?;
    let file = File::open(path)?;
    check(&file.metadata()?)?;
    Ok(file)
}

/// Opens a file of at most `limit` bytes.
///
/// # Errors
/// As [`open`], and [`ErrorKind::FileTooLarge`].
pub fn open_within(path: &Path, limit: u64) -> Result<Take<File>> {
    let file = open(path)?;
    let found = file.metadata()?.len();
    if found > limit {
        return Err(too_large(&amount(found), limit));
    }
    // Some say that they are empty and are not.
    Ok(file.take(limit))
}

/// Reads a file of at most `limit` bytes.
///
/// # Errors
/// As [`open_within`].
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let mut file = open_within(path, limit)?;
    file.set_limit(limit.saturating_add(1));
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    match bytes.len() as u64 > limit {
        true => Err(too_large("more", limit)),
        false => Ok(bytes),
    }
}

/// Reads a file of text.
///
/// # Errors
/// As [`read`], and [`ErrorKind::InvalidData`] for what is not UTF-8.
pub fn read_text(path: &Path, limit: u64) -> Result<String> {
    let invalid = |error| Error::new(ErrorKind::InvalidData, format!("it is not UTF-8: {error}"));
    String::from_utf8(read(path, limit)?).map_err(invalid)
}

/// The lines of a file as text, without the blanks around them and without the empty ones.
///
/// # Errors
/// As [`read_text`].
pub fn read_lines(path: &Path, limit: u64) -> Result<Vec<String>> {
    let text = read_text(path, limit)?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    Ok(lines.map(String::from).collect())
}

/// What a path that is not there was meant as, where that can be told.
fn meant(path: &Path, error: Error) -> Error {
    let text = path.to_string_lossy();
    let reason = match error.kind() {
        ErrorKind::NotFound if text.is_empty() => "its name is empty",
        ErrorKind::NotFound if text.starts_with("http://") || text.starts_with("https://") => {
            "it is an address, expected a file; download it first"
        }
        ErrorKind::NotFound if text.starts_with('~') => {
            "only a shell knows what ~ stands for; write the folder out"
        }
        _ => return error,
    };
    Error::new(error.kind(), reason)
}

fn check(about: &Metadata) -> Result<()> {
    match kind(about) {
        None => Ok(()),
        Some(kind) => Err(Error::new(
            ErrorKind::InvalidInput,
            format!("it is {kind}, expected a file"),
        )),
    }
}

/// What it is, if it is no file.
fn kind(about: &Metadata) -> Option<&'static str> {
    let kind = about.file_type();
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return Some("a pipe");
        }
        if kind.is_char_device() || kind.is_block_device() {
            return Some("a device");
        }
        if kind.is_socket() {
            return Some("a socket");
        }
    }
    match (kind.is_file(), kind.is_dir()) {
        (true, _) => None,
        (_, true) => Some("a folder"),
        _ => Some("something else"),
    }
}

fn too_large(found: &str, limit: u64) -> Error {
    let limit = amount(limit);
    Error::new(
        ErrorKind::FileTooLarge,
        format!("it has {found}, at most {limit} are read"),
    )
}

/// A number of bytes as people write it.
fn amount(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|&(size, _)| bytes >= size) {
        Some((size, unit)) if bytes.is_multiple_of(size) => format!("{} {unit}", bytes / size),
        Some((size, unit)) => format!("{:.1} {unit}", bytes as f64 / size as f64),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(path: &Path) -> String {
        let error = read(path, 4).expect_err("it is not read");
        error.to_string()
    }

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let path = folder.path().join("a");
        std::fs::write(&path, b"four").expect("it is written");
        assert_eq!(read(&path, 4).expect("it is not too large"), b"four");
        std::fs::write(&path, b"fiver").expect("it is written");
        let error = refused(&path);
        assert!(error.contains("5 bytes, at most 4 bytes"), "{error}");
        for (meant, reason) in [
            ("", "its name is empty"),
            ("https://example.com/cat.jpg", "download it first"),
            ("~/cat.jpg", "a shell"),
            ("cat.jpg", "os error 2"),
        ] {
            let error = refused(Path::new(meant));
            assert!(error.contains(reason), "{error}");
        }
        assert!(refused(folder.path()).contains("a folder"));
        std::fs::write(&path, b"\xff").expect("it is written");
        let error = read_text(&path, 4).expect_err("it is no text").to_string();
        assert!(error.contains("not UTF-8"), "{error}");
        assert_eq!(amount(1 << 20), "1 MiB");
        assert_eq!(amount(3 << 29), "1.5 GiB");
    }

    #[cfg(unix)]
    #[test]
    fn what_has_no_end_is_not_begun() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/dev/zero", &link).expect("a link");
        for path in [Path::new("/dev/zero"), &link] {
            assert!(refused(path).contains("a device"), "{}", path.display());
        }
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.expect("mkfifo is there").success());
        assert!(refused(&pipe).contains("a pipe"));
        // These say that they are empty.
        if Path::new("/proc/self/stat").exists() {
            assert!(refused(Path::new("/proc/self/stat")).contains("it has more"));
        }
    }
}
