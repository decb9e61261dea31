//! The lines of a file, numbered as an editor numbers them.

use std::io::{BufRead, Error, ErrorKind, Read};
use std::path::Path;

use crate::error::read_error;
use crate::{DataResult, source_text};

/// A line of more bytes than this is none of text.
const MAX_LINE: u64 = 16 << 20;

/// Hands out each line that is not blank with its number, from 1, without its end.
pub(super) fn each(path: &Path, mut take: impl FnMut(usize, &[u8])) -> DataResult<()> {
    let mut reader = source_text::open(path)?;
    let mut bytes = Vec::new();
    for number in 1.. {
        bytes.clear();
        let mut line = reader.by_ref().take(MAX_LINE);
        let read = line.read_until(b'\n', &mut bytes);
        match read.map_err(read_error(path))? as u64 {
            0 => break,
            MAX_LINE if bytes.last() != Some(&b'\n') => {
                let found = format!("line {number} has more than {} MiB", MAX_LINE >> 20);
                return Err(read_error(path)(Error::new(ErrorKind::FileTooLarge, found)));
            }
            _ => {}
        }
        let line = without_end(without_mark(&bytes));
        if !line.trim_ascii().is_empty() {
            take(number, line);
        }
    }
    Ok(())
}

/// Without the byte order mark that a file put together from others may have in its midst.
fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes)
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_numbers_whatever_ends_them() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let content = b"\xef\xbb\xbfone\r\n\r\n two\t\n\n\nthr\xff\r\r\nfour";
        std::fs::write(&file, content).unwrap();
        let mut lines = Vec::new();
        each(file.path(), |number, line| {
            lines.push((number, line.to_vec()))
        })
        .unwrap();
        let expected = [
            (1, &b"one"[..]),
            (3, b" two\t"),
            (6, b"thr\xff\r"),
            (7, b"four"),
        ];
        assert_eq!(
            lines,
            expected.map(|(number, line)| (number, line.to_vec()))
        );
    }
}
