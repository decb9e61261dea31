//! Parts put together: one file in the order of the data set, in which every row is there once.

use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::folder::gaps;
use crate::part::PartWriter;
use crate::{Error, Folder, Manifest, Part, Reader, Result};

/// How many ranges of rows are named.
const NAMED: usize = 5;

/// What was put together.
#[derive(Debug, Clone, PartialEq)]
pub struct Merged {
    /// How many rows.
    pub rows: u64,
    /// How many of them could not be explained.
    pub failed: u64,
    /// Of how many files.
    pub parts: usize,
    /// The rows that are missing, where that is allowed.
    pub missing: Vec<Range<u64>>,
}

/// The parts of some folders, by their places, with what they are of.
///
/// # Errors
/// [`Error::NoRun`], [`Error::File`], [`Error::OtherRun`] if folders are of different runs.
pub(crate) fn parts(folders: &[PathBuf]) -> Result<(Manifest, Vec<Part>)> {
    let mut all = Vec::new();
    let mut first: Option<Manifest> = None;
    for path in folders {
        let folder = Folder::open(path)?;
        match &first {
            Some(first) => first.check(folder.manifest(), path)?,
            None => first = Some(folder.manifest().clone()),
        }
        all.extend(folder.parts()?);
    }
    let manifest = first.ok_or_else(|| Error::Setting {
        name: "the folders",
        found: "none".into(),
        expected: "at least one folder of results".into(),
    })?;
    all.sort_by_key(|part| (part.places.start, part.places.end));
    Ok((manifest, all))
}

/// Puts the parts of one or more folders into one file. With `partial`, rows may be missing.
///
/// # Errors
/// [`Error::Rows`] for rows that are missing or there twice, before anything is written;
/// [`Error::Part`] for a damaged file, [`Error::OtherRun`] for one of another run, by its own
/// account, and those of files.
pub fn merge(folders: &[PathBuf], out: &Path, partial: bool) -> Result<Merged> {
    let (manifest, parts) = parts(folders)?;
    let total = manifest.identity.data.rows;
    let missing = check(&parts, total, partial)?;
    let mut writer = PartWriter::new(out, &manifest)?;
    let mut failed = 0;
    for part in &parts {
        let reader = Reader::open(&part.path)?;
        manifest.check(&reader.manifest, &part.path)?;
        let mut next = part.places.start;
        for records in reader {
            for record in records? {
                if record.place != next {
                    return Err(Error::Part {
                        path: part.path.clone(),
                        reason: format!("it has row {} where row {next} should be", record.place),
                    });
                }
                next += 1;
                failed += u64::from(record.error.is_some());
                writer.add(record)?;
            }
        }
        if next != part.places.end {
            return Err(Error::Part {
                path: part.path.clone(),
                reason: format!("it ends before row {}", part.places.end),
            });
        }
    }
    let rows = writer.rows;
    writer.finish()?;
    Ok(Merged {
        rows,
        failed,
        parts: parts.len(),
        missing,
    })
}

/// The rows that no part has; that none has two.
fn check(parts: &[Part], total: u64, partial: bool) -> Result<Vec<Range<u64>>> {
    let mut double = Vec::new();
    let mut end = 0;
    for part in parts {
        if part.places.start < end {
            double.push(part.places.start..part.places.end.min(end));
        }
        end = end.max(part.places.end);
    }
    if !double.is_empty() {
        return Err(Error::Rows {
            total,
            found: format!("{} are there twice", named(&double)),
            advice: "name every file or folder once, and of files with the same rows one",
        });
    }
    let missing = gaps(parts.iter().map(|part| part.places.clone()), 0..total);
    match missing.is_empty() || partial {
        true => Ok(missing),
        false => Err(Error::Rows {
            total,
            found: format!("{} are missing", named(&missing)),
            advice: "run the rest with the same command, or merge what there is with --partial",
        }),
    }
}

/// Ranges of rows in words: "10 to 19, 40 to 59 and 3 ranges more".
pub(crate) fn named(ranges: &[Range<u64>]) -> String {
    let range = |range: &Range<u64>| match range.end - range.start {
        1 => range.start.to_string(),
        _ => format!("{} to {}", range.start, range.end - 1),
    };
    let first: Vec<String> = ranges.iter().take(NAMED).map(range).collect();
    let rest = ranges.len().saturating_sub(NAMED);
    match rest {
        0 => first.join(", "),
        rest => format!("{} and {rest} ranges more", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(places: Range<u64>) -> Part {
        let path = PathBuf::new();
        Part { path, places }
    }

    #[test]
    fn rows_that_are_missing_or_double_are_named() {
        let parts = [part(0..10), part(20..30)];
        let error = check(&parts, 40, false).unwrap_err().to_string();
        assert!(error.contains("10 to 19, 30 to 39 are missing"), "{error}");
        assert_eq!(check(&parts, 40, true).unwrap(), [10..20, 30..40]);
        let parts = [part(0..10), part(9..30)];
        let error = check(&parts, 30, true).unwrap_err().to_string();
        assert!(error.contains("rows, 9 are there twice"), "{error}");
        assert!(check(&[part(0..7)], 7, false).unwrap().is_empty());
    }
}
