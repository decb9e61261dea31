//! Files that are either whole or not there.

use std::io::{Result, Write};
use std::path::Path;

/// Writes a file under a temporary name beside its place and moves it there when it is complete
/// and on the disk, so that after a power cut the name is not there without the content.
///
/// # Errors
/// What the system reports; nothing half-written is left behind.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    // A temporary file is private by default; this one is to be as any other the user writes.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.prefix(".m2ib-").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_a_failure_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let path = folder.path().join("a.txt");
        write_whole(&path, b"one").expect("a new file");
        write_whole(&path, b"two").expect("the same again");
        assert_eq!(std::fs::read(&path).expect("it is there"), b"two");
        assert!(write_whole(&folder.path().join("no/such/a.txt"), b"").is_err());
        // A folder stands where the file should go.
        assert!(write_whole(folder.path(), b"").is_err());
        let left = std::fs::read_dir(folder.path()).expect("it is there");
        assert_eq!(left.count(), 1);
    }
}
