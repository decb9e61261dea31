//! COCO's outlines of objects: polygons, and runs of pixels with or without packing.
//!
//! Runs go down the columns, one after the other, first of what is outside. Packed, each length
//! from the fourth on is the difference to the one before the last, in groups of five bits with a
//! sixth that says whether another follows, written as letters from "0" on (Lin and Dollár's
//! `maskApi.c`).

use clip_input::MAX_PIXELS;
use ndarray::{Array2, ArrayViewMut1};
use serde_json::{Map, Value};

use crate::Rectangle;

/// An object's outline, kept as small as the file has it.
#[derive(Debug, Clone, PartialEq)]
pub enum Segmentation {
    /// Corners (x, y) in pixels, a list for each part of the object.
    Polygons(Vec<Vec<[f64; 2]>>),
    /// Lengths of runs of pixels, down one column after the other, outside and inside in turn.
    Runs {
        /// Rows of the image.
        rows: u32,
        /// Columns of the image.
        columns: u32,
        /// As many pixels in all as the image has.
        lengths: Vec<u32>,
    },
}

impl Segmentation {
    /// From what COCO's `segmentation` holds; an empty list and null are none.
    ///
    /// # Errors
    /// What is wrong with it, and for one that encloses nothing.
    pub(super) fn read(value: &Value) -> Result<Option<Self>, String> {
        match value {
            Value::Null => Ok(None),
            Value::Array(parts) if parts.is_empty() => Ok(None),
            // One polygon without the list around it.
            Value::Array(numbers) if numbers.iter().all(Value::is_number) => {
                Ok(Some(Self::Polygons(vec![polygon(value)?])))
            }
            Value::Array(parts) => {
                let parts = parts.iter().map(polygon).collect::<Result<_, _>>()?;
                Ok(Some(Self::Polygons(parts)))
            }
            Value::Object(object) => runs(object).map(Some),
            _ => Err(unlike()),
        }
    }

    /// From a list of such, or one alone.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(super) fn read_all(value: &Value) -> Result<Vec<Self>, String> {
        let is_whole = |value: &Value| match value {
            Value::Object(_) => true,
            Value::Array(parts) => parts.iter().any(Value::is_array),
            _ => false,
        };
        let several = value.as_array().filter(|list| list.iter().any(is_whole));
        let one = std::slice::from_ref(value);
        let all = several.map_or(one, Vec::as_slice).iter().map(Self::read);
        all.filter_map(Result::transpose).collect()
    }

    /// The rectangle around polygons.
    pub(super) fn bounds(polygons: &[Vec<[f64; 2]>]) -> Rectangle {
        let along = |axis: usize| {
            let corners = polygons.iter().flatten();
            corners.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], corner| {
                [low.min(corner[axis]), high.max(corner[axis])]
            })
        };
        let ([left, right], [top, bottom]) = (along(0), along(1));
        Rectangle {
            x: left,
            y: top,
            width: right - left,
            height: bottom - top,
        }
    }

    /// The pixels `[row, column]` of an image of this size: of polygons those whose middles lie in
    /// any of them, of runs those that its own size has.
    pub(super) fn mask(&self, width: u32, height: u32) -> Array2<bool> {
        match self {
            Self::Polygons(polygons) => filled(polygons, width, height),
            Self::Runs {
                rows,
                columns,
                lengths,
            } => {
                let inside = [false, true].into_iter().cycle();
                let pixels = lengths.iter().zip(inside);
                let mut pixels =
                    pixels.flat_map(|(&length, on)| std::iter::repeat_n(on, length as usize));
                let mut down = Array2::from_elem((*columns as usize, *rows as usize), false);
                down.iter_mut()
                    .for_each(|pixel| *pixel = pixels.next().unwrap_or(false));
                down.reversed_axes()
            }
        }
    }

    /// What tells it from another one.
    pub(super) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Polygons(polygons) => {
                let parts = polygons.iter().flat_map(|polygon| {
                    let count = (polygon.len() as u64).to_le_bytes();
                    let corners = polygon.iter().flatten();
                    count
                        .into_iter()
                        .chain(corners.flat_map(|number| number.to_le_bytes()))
                });
                b"polygons".iter().copied().chain(parts).collect()
            }
            Self::Runs {
                rows,
                columns,
                lengths,
            } => {
                let numbers = [rows, columns].into_iter().chain(lengths);
                let numbers = numbers.flat_map(|number| number.to_le_bytes());
                b"runs".iter().copied().chain(numbers).collect()
            }
        }
    }
}

fn unlike() -> String {
    "its segmentation is none of COCO's, expected a list of polygons [[x, y, x, y, …], …] or an \
     object with size and counts"
        .into()
}

fn polygon(value: &Value) -> Result<Vec<[f64; 2]>, String> {
    let numbers = value.as_array().ok_or_else(unlike)?;
    let numbers: Option<Vec<f64>> = numbers.iter().map(Value::as_f64).collect();
    let numbers = numbers.ok_or_else(unlike)?;
    let (points, rest) = numbers.as_chunks::<2>();
    match points.len() >= 3 && rest.is_empty() {
        true => Ok(points.to_vec()),
        false => Err(format!(
            "a polygon of its segmentation has {} numbers, expected x and y of three points or more",
            numbers.len()
        )),
    }
}

fn runs(object: &Map<String, Value>) -> Result<Segmentation, String> {
    let side = |side: &Value| u32::try_from(side.as_u64()?).ok();
    let size = object.get("size").and_then(Value::as_array);
    let size = size.and_then(|size| match size.as_slice() {
        [rows, columns] => Some((side(rows)?, side(columns)?)),
        _ => None,
    });
    let (rows, columns) = size.ok_or_else(unlike)?;
    let counts: Vec<i64> = match object.get("counts") {
        Some(Value::String(text)) => unpacked(text)?,
        Some(Value::Array(counts)) => {
            let counts: Option<Vec<i64>> = counts.iter().map(Value::as_i64).collect();
            counts.ok_or_else(unlike)?
        }
        _ => return Err(unlike()),
    };
    let pixels = u64::from(rows) * u64::from(columns);
    let lengths = counts.iter().map(|&count| u32::try_from(count).ok());
    let lengths: Option<Vec<u32>> = lengths.collect();
    let sum = |lengths: &Vec<u32>| lengths.iter().map(|&length| u64::from(length)).sum::<u64>();
    let lengths = lengths.filter(|lengths| pixels <= MAX_PIXELS && sum(lengths) == pixels);
    let lengths = lengths.ok_or_else(|| {
        format!("its segmentation's counts do not add up to its size, {rows} × {columns}")
    })?;
    match lengths.iter().skip(1).step_by(2).any(|&inside| inside > 0) {
        true => Ok(Segmentation::Runs {
            rows,
            columns,
            lengths,
        }),
        false => Err("its segmentation encloses nothing".into()),
    }
}

fn unpacked(text: &str) -> Result<Vec<i64>, String> {
    let mut counts: Vec<i64> = Vec::new();
    let (mut value, mut shift) = (0_i64, 0_u32);
    for letter in text.bytes() {
        let bits = letter.wrapping_sub(b'0');
        if bits >= 64 || shift > 55 {
            return Err("its segmentation's counts are not packed as COCO packs them".into());
        }
        value |= i64::from(bits & 0x1F) << shift;
        shift += 5;
        if bits & 0x20 == 0 {
            if bits & 0x10 != 0 {
                value |= -1 << shift;
            }
            let place = counts.len();
            let before = if place > 2 { counts[place - 2] } else { 0 };
            counts.push(value.saturating_add(before));
            (value, shift) = (0, 0);
        }
    }
    match shift {
        0 => Ok(counts),
        _ => Err("its segmentation's counts end within a number".into()),
    }
}

fn filled(polygons: &[Vec<[f64; 2]>], width: u32, height: u32) -> Array2<bool> {
    let mut mask = Array2::from_elem((height as usize, width as usize), false);
    for polygon in polygons {
        for (row, pixels) in mask.rows_mut().into_iter().enumerate() {
            fill(pixels, &crossings(polygon, row as f64 + 0.5));
        }
    }
    mask
}

/// Sets the pixels of a row whose middles lie between the first and the second crossing, the third
/// and the fourth …
fn fill(mut pixels: ArrayViewMut1<'_, bool>, crossings: &[f64]) {
    let width = pixels.len() as f64;
    let first_behind = |edge: f64| (edge - 0.5).ceil().clamp(0.0, width) as usize;
    for [enter, leave] in crossings.as_chunks::<2>().0 {
        let (from, to) = (first_behind(*enter), first_behind(*leave));
        let within = pixels.iter_mut().take(to).skip(from);
        within.for_each(|pixel| *pixel = true);
    }
}

/// Where a horizontal line crosses a polygon's edges, from left to right.
fn crossings(polygon: &[[f64; 2]], y: f64) -> Vec<f64> {
    let ends = polygon.iter().cycle().skip(1);
    let crossed = polygon.iter().zip(ends).filter_map(|(a, b)| {
        let ([x0, y0], [x1, y1]) = (*a, *b);
        ((y0 <= y) != (y1 <= y)).then(|| x0 + (y - y0) / (y1 - y0) * (x1 - x0))
    });
    let mut crossings: Vec<f64> = crossed.collect();
    crossings.sort_unstable_by(f64::total_cmp);
    crossings
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn read(json: &str) -> Result<Option<Segmentation>, String> {
        Segmentation::read(&serde_json::from_str(json).unwrap())
    }

    /// 4 rows of 5 columns with a block of three by two.
    const BLOCK: [&str; 4] = ["00000", "00110", "00110", "00110"];

    fn drawn(mask: &Array2<bool>) -> Vec<String> {
        let sign = |&on: &bool| if on { '1' } else { '0' };
        let rows = mask.rows().into_iter();
        rows.map(|row| row.iter().map(sign).collect()).collect()
    }

    #[rstest]
    #[case(r#"{"size": [4, 5], "counts": [9, 3, 1, 3, 4]}"#)]
    // The same, as pycocotools packs it.
    #[case(r#"{"size": [4, 5], "counts": "93103"}"#)]
    #[case("[[2, 1, 4, 1, 4, 4, 2, 4]]")]
    #[case("[2, 1, 4, 1, 4, 4, 2, 4]")]
    // The edges pass on the same side of the same middles.
    #[case("[[1.6, 0.7, 4.4, 0.7, 4.4, 9, 1.6, 9]]")]
    // Two parts.
    #[case("[[2, 1, 3, 1, 3, 4, 2, 4], [3, 4, 3, 1, 4, 1, 4, 4]]")]
    fn one_block_in_all_forms(#[case] json: &str) {
        let found = read(json).unwrap().unwrap();
        assert_eq!(drawn(&found.mask(5, 4)), BLOCK);
    }

    /// Counts beyond 31 and falling ones need several letters and signs: worked out by hand after
    /// `rleToString`.
    #[test]
    fn packed_counts_of_several_letters_are_read() {
        // 100 = 3 · 32 + 4, and 40 − 100 = −60 = −2 · 32 + 4.
        assert_eq!(unpacked("T35").unwrap(), [100, 5]);
        assert_eq!(unpacked("1T35TN").unwrap(), [1, 100, 5, 40]);
    }

    #[test]
    fn a_hole_is_outside_and_what_is_beyond_the_edges_is_cut_off() {
        let ring = "[[-9, -9, 9, -9, 9, 9, -9, 9, -9, -9, 1, 1, 1, 3, 4, 3, 4, 1, 1, 1]]";
        let found = read(ring).unwrap().unwrap();
        let expected = ["11111", "10001", "10001", "11111"];
        assert_eq!(drawn(&found.mask(5, 4)), expected);
    }

    #[test]
    fn several_objects_are_several_outlines() {
        let all = |json: &str| Segmentation::read_all(&serde_json::from_str(json).unwrap());
        let (polygons, runs) = (
            "[[2, 1, 4, 1, 4, 4, 2, 4], [0, 0, 1, 0, 1, 1]]",
            r#"{"size": [4, 5], "counts": "93103"}"#,
        );
        let one = |json: &str| read(json).unwrap().unwrap();
        assert_eq!(all(polygons).unwrap(), [one(polygons)]);
        assert_eq!(all(runs).unwrap(), [one(runs)]);
        let both = all(&format!("[{polygons}, {runs}, []]")).unwrap();
        assert_eq!(both, [one(polygons), one(runs)]);
        assert_eq!(all("[]").unwrap(), []);
        assert!(all(&format!("[{polygons}, 3]")).is_err());
    }

    #[test]
    fn none_is_none() {
        for json in ["null", "[]"] {
            assert_eq!(read(json), Ok(None));
        }
    }

    #[rstest]
    #[case("[[1, 2, 3, 4]]", "4 numbers, expected x and y of three points")]
    #[case("[[1, 2, 3, 4, 5, 6, 7]]", "7 numbers")]
    #[case("[[1, 2, 3, 4, 5, \"6\"]]", "none of COCO's")]
    #[case("[[1, 2, 3, 4, 5, 6], 7]", "none of COCO's")]
    #[case("\"93103\"", "none of COCO's")]
    #[case(r#"{"size": [4], "counts": [20]}"#, "none of COCO's")]
    #[case(r#"{"size": [4, 5]}"#, "none of COCO's")]
    #[case(r#"{"size": [4, 5], "counts": [9, 3]}"#, "do not add up")]
    #[case(r#"{"size": [4, 5], "counts": [25, -5]}"#, "do not add up")]
    #[case(r#"{"size": [4, 5], "counts": [20]}"#, "encloses nothing")]
    #[case(
        r#"{"size": [4294967295, 4294967295], "counts": [0, 1]}"#,
        "do not add up"
    )]
    #[case(r#"{"size": [4, 5], "counts": "9\u0001"}"#, "not packed as COCO")]
    #[case(
        r#"{"size": [4, 5], "counts": "oooooooooooooooooo"}"#,
        "not packed as COCO"
    )]
    #[case(r#"{"size": [4, 5], "counts": "9o"}"#, "end within a number")]
    fn what_is_no_outline_is_told(#[case] json: &str, #[case] words: &str) {
        let reason = read(json).unwrap_err();
        assert!(reason.contains(words), "{reason}");
    }
}
