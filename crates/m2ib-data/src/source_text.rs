//! A data set's file as UTF-8, whatever it was written in.
//!
//! Excel saves "Unicode text" as UTF-16, and PowerShell writes it by default.

use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use crate::error::read_error;
use crate::{DataError, DataResult, MAX_FILE};

/// So many bytes tell an encoding that has no byte order mark.
const START: usize = 64;

/// The marks that a text may begin with, or that are left in it where files were put together.
const MARK: char = '\u{feff}';

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Utf16LittleEndian,
    Utf16BigEndian,
    Utf32,
}

/// Opens a file that is text; a byte order mark at its beginning is left out.
pub(super) fn open(path: &Path) -> DataResult<Box<dyn BufRead>> {
    let failed = read_error(path);
    let mut reader = BufReader::new(m2ib_files::open_within(path, MAX_FILE).map_err(&failed)?);
    let mut start = Vec::new();
    let mut begin = reader.by_ref().take(START as u64);
    begin.read_to_end(&mut start).map_err(&failed)?;
    let encoding = Encoding::of(&start);
    let mark = encoding.mark(&start);
    start.drain(..mark);
    let rest = Cursor::new(start).chain(reader);
    match encoding {
        Encoding::Utf8 => Ok(Box::new(rest)),
        Encoding::Utf32 => Err(DataError::Encoding {
            path: path.into(),
            found: "UTF-32",
        }),
        wide => {
            let text = wide.decode(rest).map_err(&failed)?;
            let text = text.ok_or_else(|| DataError::Encoding {
                path: path.into(),
                found: "damaged UTF-16",
            })?;
            Ok(Box::new(Cursor::new(text.into_bytes())))
        }
    }
}

/// The whole file.
pub(super) fn read(path: &Path) -> DataResult<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?
        .read_to_end(&mut bytes)
        .map_err(read_error(path))?;
    Ok(bytes)
}

/// A text without spaces and byte order marks around it.
pub(super) fn trimmed(text: &str) -> &str {
    text.trim_matches(|char: char| char.is_whitespace() || char == MARK)
}

impl Encoding {
    fn of(start: &[u8]) -> Self {
        match start {
            [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => Self::Utf32,
            [0xFF, 0xFE, ..] => Self::Utf16LittleEndian,
            [0xFE, 0xFF, ..] => Self::Utf16BigEndian,
            _ => Self::unmarked(start),
        }
    }

    /// Without a mark: of the characters that tables and JSON begin with, UTF-16 has one byte 0.
    fn unmarked(start: &[u8]) -> Self {
        let zeros = |odd: usize| {
            let bytes = start.iter().skip(odd).step_by(2);
            bytes.filter(|&&byte| byte == 0).count()
        };
        match (zeros(0), zeros(1)) {
            (0, odd) if odd > start.len() / 4 => Self::Utf16LittleEndian,
            (even, 0) if even > start.len() / 4 => Self::Utf16BigEndian,
            _ => Self::Utf8,
        }
    }

    /// The length of the mark at the beginning.
    fn mark(self, start: &[u8]) -> usize {
        let marks: [&[u8]; 3] = [b"\xEF\xBB\xBF", b"\xFF\xFE", b"\xFE\xFF"];
        let mark = marks.into_iter().find(|mark| start.starts_with(mark));
        mark.map_or(0, <[u8]>::len)
    }

    /// The text of a UTF-16 file, if it is one.
    fn decode(self, mut file: impl Read) -> io::Result<Option<String>> {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let (pairs, rest) = bytes.as_chunks::<2>();
        let units = pairs.iter().map(|&pair| match self {
            Self::Utf16BigEndian => u16::from_be_bytes(pair),
            _ => u16::from_le_bytes(pair),
        });
        let text: Result<String, _> = char::decode_utf16(units).collect();
        Ok(text.ok().filter(|_| rest.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn written(bytes: &[u8]) -> DataResult<String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, bytes).unwrap();
        read(file.path()).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    fn utf_16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[rstest]
    fn a_text_is_the_same_in_every_encoding(#[values("", "\u{feff}")] mark: &str) {
        let text = "caption\timage\r\nबिल्ली 👩\u{200d}🚀\tcat.png\r\n";
        let marked = format!("{mark}{text}");
        for bytes in [
            marked.clone().into_bytes(),
            utf_16(&marked, u16::to_le_bytes),
            utf_16(&marked, u16::to_be_bytes),
        ] {
            assert_eq!(written(&bytes).unwrap(), text);
        }
    }

    #[test]
    fn short_and_empty_files_are_read() {
        for text in ["", "a", "\n"] {
            assert_eq!(written(text.as_bytes()).unwrap(), text);
        }
    }

    #[test]
    fn what_cannot_be_decoded_is_called_by_its_name() {
        let mut half = utf_16("\u{feff}caption\timage\n", u16::to_le_bytes);
        half.pop();
        let error = written(&half).unwrap_err().to_string();
        assert!(error.contains("damaged UTF-16"), "{error}");
        let error = written(b"\xFF\xFE\0\0c\0\0\0").unwrap_err().to_string();
        assert!(
            error.contains("UTF-32") && error.contains("as UTF-8"),
            "{error}"
        );
    }
}
