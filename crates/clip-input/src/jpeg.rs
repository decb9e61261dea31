//! Whether a JPEG file goes on to its end.
//!
//! The decoder paints what a truncated file lacks grey and says nothing, and grey would be
//! explained like any other part. In the file, FF starts a marker, of which all but a few are
//! followed by a segment with its length; in scan data, a plain FF is written FF 00. So the marker
//! of the end, FF D9, cannot be mistaken, not even for that of a thumbnail within a segment.

use std::io::{self, BufRead, ErrorKind, Read};

/// Whether the end marker is there.
pub(crate) fn is_whole(mut file: impl BufRead) -> io::Result<bool> {
    match find_end(&mut file) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// Reads up to the end marker.
fn find_end(file: &mut impl BufRead) -> io::Result<()> {
    loop {
        if byte(file)? != 0xFF {
            continue;
        }
        let mut marker = 0xFF;
        while marker == 0xFF {
            marker = byte(file)?;
        }
        match marker {
            0xD9 => return Ok(()),
            // A stuffed byte, TEM, restarts and the start: no segment follows.
            0x00 | 0x01 | 0xD0..=0xD8 => {}
            _ => {
                let length = u16::from_be_bytes([byte(file)?, byte(file)?]);
                let rest = u64::from(length.saturating_sub(2));
                io::copy(&mut file.take(rest), &mut io::sink())?;
            }
        }
    }
}

fn byte(file: &mut impl BufRead) -> io::Result<u8> {
    let mut byte = [0];
    file.read_exact(&mut byte)?;
    Ok(byte[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Start, a segment with an end marker inside (a thumbnail's), scan data with a stuffed FF and
    /// a restart, the end, and bytes behind it.
    const FILE: &[u8] =
        b"\xFF\xD8\xFF\xE1\0\x06\xFF\xD9ab\xFF\xDA\0\x03c12\xFF\0\xFF\xD03\xFF\xD9rest";

    #[test]
    fn a_file_is_whole_up_to_its_own_end_marker() {
        let end = FILE.len() - b"rest".len();
        for length in 0..=FILE.len() {
            assert_eq!(
                is_whole(&FILE[..length]).unwrap(),
                length >= end,
                "{length}"
            );
        }
    }
}
