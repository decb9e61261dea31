//! Files as part of a row's identity.

use std::io::Result;
use std::path::Path;

use m2ib_files::Digester;

/// What tells a file from others by its content, marked as one, or the mark of none.
pub(crate) fn file_bytes(path: &Path) -> Vec<u8> {
    match content(path) {
        Ok(digest) => [&b"file"[..], digest.as_bytes()].concat(),
        Err(_) => b"unreadable".to_vec(),
    }
}

/// The same of a content that was read.
pub(crate) fn content_bytes(content: Result<Vec<u8>>) -> Vec<u8> {
    let digested = content.and_then(|bytes| {
        let mut digester = Digester::default();
        digester.add_from(&bytes[..])?;
        Ok(digester.finish())
    });
    match digested {
        Ok(digest) => [&b"file"[..], digest.as_bytes()].concat(),
        Err(_) => b"unreadable".to_vec(),
    }
}

fn content(path: &Path) -> Result<String> {
    let mut digester = Digester::default();
    digester.add_from(m2ib_files::open(path)?)?;
    Ok(digester.finish())
}
