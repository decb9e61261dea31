//! Files that are either whole or not there.

use std::path::Path;

use crate::{Error, Result};

/// Writes a file under a temporary name beside its place and moves it there when it is complete.
///
/// # Errors
/// [`Error::Write`]; nothing half-written is left behind.
pub fn atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = |reason: std::io::Error| Error::Write {
        path: path.into(),
        reason: reason.to_string(),
    };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    // A temporary file is private by default; this one is to be as any other the user writes.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder
        .prefix(".m2ib-")
        .tempfile_in(folder)
        .map_err(failed)?;
    std::io::Write::write_all(&mut file, bytes).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_a_failure_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        atomically(&path, b"one").unwrap();
        atomically(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        let error = atomically(&folder.path().join("no/such/a.txt"), b"").unwrap_err();
        assert!(error.to_string().contains("no/such/a.txt"), "{error}");
        // A folder stands where the file should go.
        assert!(atomically(folder.path(), b"").is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
