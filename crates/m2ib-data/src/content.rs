//! Files as part of a row's identity.

use std::path::Path;

/// A file's content, marked as one, or the mark of none.
pub(crate) fn file_bytes(path: &Path) -> Vec<u8> {
    match std::fs::read(path) {
        Ok(content) => [&b"file"[..], &content].concat(),
        Err(_) => b"unreadable".to_vec(),
    }
}
