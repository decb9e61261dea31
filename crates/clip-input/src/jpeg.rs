//! Whether a JPEG file goes on to its end.
//!
//! The decoder paints what a truncated file lacks grey and says nothing, and grey would be
//! explained like any other part. In the file, FF starts a marker, of which all but a few are
//! followed by a segment with its length; in scan data, a plain FF is written FF 00. So the marker
//! of the end, FF D9, cannot be mistaken, not even for that of a thumbnail within a segment.
//!
//! Some cameras and programs leave the end marker out, or write their own data over it, with all of
//! the picture before. [`completed`] makes of such a file one that ends; whether the picture was all
//! there shows in that what comes behind it does not matter.

use std::io::{self, BufRead, ErrorKind, Read};

const END: [u8; 2] = [0xFF, 0xD9];

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

/// A file without end marker with one behind its scan data, and the same with two kinds of noise
/// before it, whose bits differ from the first on: if all decode to the same picture, none of the
/// noise was needed for it.
///
/// None for files whose picture comes in several scans: there nobody can tell whether one is
/// missing (and Pillow refuses them as well).
pub(crate) fn completed(file: &[u8]) -> Option<[Vec<u8>; 3]> {
    let scan = &file[..end_of_only_scan(file)?];
    // More than decoders read ahead; no FF in it, which would be a marker.
    let noise = |flipped: u8| -> Vec<u8> {
        let mixed = (0u32..1 << 14).map(|index| index.wrapping_add(1).wrapping_mul(2_654_435_761));
        let bytes = mixed.map(|mixed| (mixed >> 25) as u8);
        bytes.map(|byte| (byte ^ flipped).min(0xFE)).collect()
    };
    let behind = [Vec::new(), noise(0x00), noise(0xFF)];
    Some(behind.map(|noise| [scan, &noise, &END].concat()))
}

/// Where the data of a picture's only scan ends: at the next marker, or with the file.
fn end_of_only_scan(file: &[u8]) -> Option<usize> {
    let mut components = None;
    let mut place = 2;
    loop {
        let (marker, start, end) = segment(file, place)?;
        let content = file.get(start..end)?;
        match marker {
            // Sequential frames; how many components the picture has.
            0xC0 | 0xC1 => components = content.get(5).copied(),
            0xDA => {
                let all = components.is_some() && components == content.first().copied();
                return all.then(|| end_of_scan(file, end));
            }
            _ => {}
        }
        place = end;
    }
}

/// The marker at a place, and where its segment's content begins and ends.
fn segment(file: &[u8], place: usize) -> Option<(u8, usize, usize)> {
    let fill = file.get(place..)?.iter().take_while(|&&byte| byte == 0xFF);
    let fill = fill.count();
    let marker = place + fill;
    let length = [*file.get(marker + 1)?, *file.get(marker + 2)?];
    let length = usize::from(u16::from_be_bytes(length));
    (fill > 0 && length >= 2).then_some((file[marker], marker + 3, marker + 1 + length))
}

fn end_of_scan(file: &[u8], start: usize) -> usize {
    let marker = |pair: &[u8]| pair[0] == 0xFF && !matches!(pair[1], 0x00 | 0xD0..=0xD7 | 0xFF);
    let end = file[start..].windows(2).position(marker);
    end.map_or(file.len(), |end| start + end)
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

    /// A frame of so many components, and a scan of one.
    fn frame(kind: u8, components: u8) -> Vec<u8> {
        let frame = [0xFF, kind, 0, 9, 8, 0, 1, 0, 1, components, 7];
        [
            &b"\xFF\xD8"[..],
            &frame,
            b"\xFF\xDA\0\x03\x0112\xFF\0\xFF\xD03",
        ]
        .concat()
    }

    #[test]
    fn a_scan_ends_where_another_marker_or_the_file_does() {
        let whole = frame(0xC0, 1);
        let [ended, noisy, other] = completed(&whole).unwrap();
        assert_eq!(ended, [&whole[..], &END].concat());
        for noisy in [&noisy, &other] {
            assert!(noisy.len() > ended.len() && noisy.ends_with(&END));
            assert!(!noisy[whole.len()..noisy.len() - 2].contains(&0xFF));
        }
        let [first, second] = [noisy, other].map(|noisy| noisy[whole.len()]);
        assert_eq!(first & 0x80, 0);
        assert_eq!(second & 0x80, 0x80);
        let trailed = [&whole[..], b"\xFF\xE5trailer"].concat();
        assert_eq!(completed(&trailed).unwrap()[0], ended);
    }

    #[test]
    fn of_several_scans_nothing_is_known() {
        assert_eq!(completed(&frame(0xC2, 1)), None, "progressive");
        assert_eq!(completed(&frame(0xC0, 3)), None, "one of three components");
        for length in 0..15 {
            assert_eq!(completed(&frame(0xC0, 1)[..length]), None);
        }
    }
}
