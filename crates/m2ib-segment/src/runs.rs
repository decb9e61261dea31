//! COCO's runs of pixels: lengths down the columns, outside and inside in turn, and their letters.
//!
//! Packed, each length from the fourth on is the difference to the one before the last, in groups of
//! five bits with a sixth that says whether another follows, written as letters from "0" on (Lin and
//! Dollár's `maskApi.c`); pycocotools reads both forms.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// A mask as runs. Serialised as COCO's `segmentation`: `size` (height, width) and packed `counts`.
///
/// ```
/// use m2ib_segment::Runs;
///
/// // Two rows and three columns: only the second column is inside.
/// let runs = Runs::of(2, 3, [false, false, true, true, false, false]);
/// assert_eq!(runs.counts(), [2, 2, 2]);
/// assert_eq!(runs.packed(), "222");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Runs {
    height: u32,
    width: u32,
    counts: Vec<u32>,
}

impl Runs {
    /// Of pixels down one column after the other; what is missing of them is outside.
    pub fn of(height: u32, width: u32, pixels: impl IntoIterator<Item = bool>) -> Self {
        let all = u64::from(height) * u64::from(width);
        let mut counts = vec![0u32];
        let (mut inside, mut seen) = (false, 0u64);
        for on in pixels.into_iter().take(all as usize) {
            if on != inside {
                counts.push(0);
                inside = on;
            }
            seen += 1;
            if let Some(last) = counts.last_mut() {
                *last += 1;
            }
        }
        let missing = (all - seen) as u32;
        if missing > 0 {
            match (inside, counts.last_mut()) {
                (false, Some(last)) => *last += missing,
                _ => counts.push(missing),
            }
        }
        Self {
            height,
            width,
            counts,
        }
    }

    /// Lengths, of what is outside first.
    pub fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// Pixels inside.
    pub fn area(&self) -> u64 {
        let inside = self.counts.iter().skip(1).step_by(2);
        inside.map(|&count| u64::from(count)).sum()
    }

    /// Height and width.
    pub fn size(&self) -> [u32; 2] {
        [self.height, self.width]
    }

    /// The counts in letters.
    pub fn packed(&self) -> String {
        let mut text = String::new();
        for (place, &count) in self.counts.iter().enumerate() {
            let before = match place {
                0..=2 => 0,
                _ => i64::from(self.counts[place - 2]),
            };
            let mut rest = i64::from(count) - before;
            loop {
                let bits = (rest & 0x1F) as u8;
                rest >>= 5;
                // The highest of five bits is the sign of what is done.
                let done = match bits & 0x10 {
                    0 => rest == 0,
                    _ => rest == -1,
                };
                let letter = bits | if done { 0 } else { 0x20 };
                text.push(char::from(b'0' + letter));
                if done {
                    break;
                }
            }
        }
        text
    }
}

impl Serialize for Runs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Runs", 2)?;
        object.serialize_field("size", &self.size())?;
        object.serialize_field("counts", &self.packed())?;
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_counts_are_those_worked_out_by_hand() {
        let runs = |counts: &[u32]| {
            let inside = [false, true].into_iter().cycle();
            let pixels = counts.iter().zip(inside);
            let pixels = pixels.flat_map(|(&count, on)| std::iter::repeat_n(on, count as usize));
            Runs::of(counts.iter().sum(), 1, pixels)
        };
        // As the reader of these letters has it.
        assert_eq!(runs(&[9, 3, 1, 3, 4]).packed(), "93103");
        // 100 = 3 · 32 + 4, and 40 − 100 = −60 = −2 · 32 + 4.
        assert_eq!(runs(&[1, 100, 5, 40]).packed(), "1T35TN");
    }

    #[test]
    fn nothing_and_everything_are_runs_too() {
        assert_eq!(Runs::of(2, 2, [false; 4]).counts(), [4]);
        assert_eq!(Runs::of(2, 2, [true; 4]).counts(), [0, 4]);
        assert_eq!(Runs::of(2, 2, [true]).counts(), [0, 1, 3]);
        assert_eq!(Runs::of(2, 2, []).counts(), [4]);
        assert_eq!(Runs::of(0, 0, []).counts(), [0]);
        assert_eq!(Runs::of(2, 2, [true; 4]).area(), 4);
    }
}
