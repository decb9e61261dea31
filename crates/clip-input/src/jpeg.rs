//! Whether a JPEG file goes on to its end.
//!
//! The decoder paints what a truncated file lacks grey and says nothing, and grey would be
//! explained like any other part. In the file, FF starts a marker, of which all but a few are
//! followed by a segment with its length; in scan data, a plain FF is written FF 00. So the marker
//! of the end, FF D9, cannot be mistaken, not even for that of a thumbnail within a segment.
//!
//! Some cameras and programs leave the end marker out, or write their own data over it, with all of
//! the picture before. [`completed`] makes of such a file one that ends, if its scans leave nothing
//! of the picture out; whether the last of them was all there shows in that what comes behind it does
//! not matter.

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
/// None for files whose scans leave something of the picture out.
pub(crate) fn completed(file: &[u8]) -> Option<[Vec<u8>; 3]> {
    let scans = &file[..end_of_scans(file)?];
    // More than decoders read ahead; no FF in it, which would be a marker.
    let noise = |flipped: u8| -> Vec<u8> {
        let mixed = (0u32..1 << 14).map(|index| index.wrapping_add(1).wrapping_mul(2_654_435_761));
        let bytes = mixed.map(|mixed| (mixed >> 25) as u8);
        bytes.map(|byte| (byte ^ flipped).min(0xFE)).collect()
    };
    let behind = [Vec::new(), noise(0x00), noise(0xFF)];
    Some(behind.map(|noise| [scans, &noise, &END].concat()))
}

/// Where the data of the scan ends that brings the last of the picture: at the next marker, or with
/// the file.
fn end_of_scans(file: &[u8]) -> Option<usize> {
    let mut known: Option<Known> = None;
    let mut place = 2;
    loop {
        let (marker, start, end) = segment(file, place)?;
        let content = file.get(start..end)?;
        place = end;
        match marker {
            // Baseline, sequential and progressive.
            0xC0..=0xC2 => known = Some(Known::nothing(marker, content)?),
            0xDA => {
                let known = known.as_mut()?;
                known.scan(content)?;
                place = end_of_scan(file, end);
                if known.all() {
                    return Some(place);
                }
            }
            _ => {}
        }
    }
}

/// Which bits of a picture's coefficients the scans so far have brought.
struct Known {
    progressive: bool,
    /// Each component's name and, for every coefficient, the lowest bit that is known.
    components: Vec<(u8, [Option<u8>; 64])>,
}

impl Known {
    /// By a frame's header.
    fn nothing(marker: u8, frame: &[u8]) -> Option<Self> {
        let count = usize::from(*frame.get(5)?);
        let components = frame.get(6..6 + 3 * count)?.chunks_exact(3);
        Some(Self {
            progressive: marker == 0xC2,
            components: components.map(|about| (about[0], [None; 64])).collect(),
        })
    }

    /// By a scan's header: which components it has, and which bits of which coefficients.
    fn scan(&mut self, scan: &[u8]) -> Option<()> {
        let count = usize::from(*scan.first()?);
        let names = scan.get(1..1 + 2 * count)?.chunks_exact(2);
        let [first, last, bits] = scan.get(1 + 2 * count..)?.try_into().ok()?;
        let (coefficients, bit) = match self.progressive {
            true => (first..=last, bits & 0x0F),
            false => (0..=63, 0),
        };
        for name in names.map(|about| about[0]) {
            let mut components = self.components.iter_mut();
            let (_, known) = components.find(|(known, _)| *known == name)?;
            for coefficient in coefficients.clone() {
                *known.get_mut(usize::from(coefficient))? = Some(bit);
            }
        }
        Some(())
    }

    /// Whether nothing can come any more.
    fn all(&self) -> bool {
        let mut bits = self.components.iter().flat_map(|(_, bits)| bits);
        !self.components.is_empty() && bits.all(|bit| *bit == Some(0))
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

    /// A scan of these components, with these coefficients and lowest bit.
    fn scan(components: &[u8], [first, last, bit]: [u8; 3]) -> Vec<u8> {
        let named = components.iter().flat_map(|&name| [name, 0]);
        let about: Vec<u8> = named.chain([first, last, bit]).collect();
        let length = about.len() as u8 + 3;
        let header = [0xFF, 0xDA, 0, length, components.len() as u8];
        [&header[..], &about, b"12\xFF\0\xFF\xD03"].concat()
    }

    /// A file of a frame of this kind with components 1 and 2, and these scans.
    fn file(kind: u8, scans: &[Vec<u8>]) -> Vec<u8> {
        let size = [8, 0, 1, 0, 1];
        let components = [2, 1, 0x11, 0, 2, 0x11, 0];
        let frame = [&[0xFF, 0xD8, 0xFF, kind, 0, 14][..], &size, &components].concat();
        [frame, scans.concat()].concat()
    }

    #[test]
    fn a_scan_ends_where_another_marker_or_the_file_does() {
        let whole = file(0xC0, &[scan(&[1, 2], [0, 63, 0])]);
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
    fn scans_are_all_there_when_every_bit_of_every_coefficient_is() {
        let ends = |kind, scans: &[Vec<u8>]| end_of_scans(&file(kind, scans));
        let each = [scan(&[1], [0, 63, 0]), scan(&[2], [0, 63, 0])];
        assert_eq!(ends(0xC1, &each), Some(file(0xC1, &each).len()));
        assert_eq!(ends(0xC1, &each[..1]), None, "one of two components");
        let progressive = [
            scan(&[1, 2], [0, 0, 1]),
            scan(&[1], [1, 63, 2]),
            scan(&[2], [1, 63, 0]),
            scan(&[1], [1, 63, 0x21]),
            scan(&[1, 2], [0, 0, 0x10]),
            scan(&[1], [1, 63, 0x10]),
        ];
        let whole = file(0xC2, &progressive);
        assert_eq!(ends(0xC2, &progressive), Some(whole.len()));
        for missing in 1..progressive.len() {
            assert_eq!(ends(0xC2, &progressive[..missing]), None, "{missing}");
        }
        // What stands behind belongs to something else.
        let again = [&whole[..], b"\xFF\xE1trailer", &progressive[0]].concat();
        assert_eq!(end_of_scans(&again), Some(whole.len()));
    }

    #[test]
    fn headers_that_end_early_or_contradict_each_other_leave_nothing_known() {
        let whole = file(0xC0, &[scan(&[1, 2], [0, 63, 0])]);
        for length in 0..whole.len() - 7 {
            assert_eq!(completed(&whole[..length]), None, "{length}");
        }
        assert_eq!(end_of_scans(&file(0xC2, &[scan(&[3], [0, 63, 0])])), None);
        assert_eq!(end_of_scans(&file(0xC2, &[scan(&[1], [0, 64, 0])])), None);
        assert_eq!(
            end_of_scans(&file(0xC3, &[scan(&[1, 2], [0, 63, 0])])),
            None
        );
    }
}
