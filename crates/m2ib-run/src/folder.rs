//! Where a run's results are: a manifest, complete parts, and journals of parts that are not.

use std::ops::Range;
use std::path::{Path, PathBuf};

use m2ib::{Provenance, Unit};
use m2ib_files::write_whole;
use serde::{Deserialize, Serialize};

use crate::error::failed;
use crate::{Error, Part, Result};

/// The manifest's name.
const MANIFEST: &str = "run.json";
/// No manifest has more bytes.
const MAX_MANIFEST: u64 = 1 << 24;

/// What a folder holds the results of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the format.
    pub m2ib_run: u32,
    /// Everything that results depend on.
    pub identity: Identity,
    /// How explanations are made, on the machine that began.
    pub provenance: Provenance,
    /// What maps and words are measured in.
    pub units: [Unit; 2],
    /// Where the data set was then, for whoever shows its pictures.
    pub origin: Origin,
}

/// Everything that the results of a run depend on. Runs of another are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// The data set.
    pub data: m2ib_data::Identity,
    /// A digest of the model.
    pub model: String,
    /// The method with its settings.
    pub method: serde_json::Value,
    /// The seed of whatever is random.
    pub seed: u64,
    /// The number format of the model's matrices.
    pub precision: String,
    /// The captions that ranks are taken among: how many, and a digest of them.
    pub bank: (usize, String),
    /// Rows and columns of maps.
    pub grid: [u32; 2],
    /// How many rows a complete part has.
    pub rows_per_file: u64,
}

/// Where a data set was when its run began. It decides nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// A path, as it was given; none for scenes.
    pub data: Option<PathBuf>,
    /// Its layout, if it was given.
    pub format: Option<String>,
    /// The folder of its images, if it was given.
    pub images: Option<PathBuf>,
    /// Its split, if it was given.
    pub split: Option<String>,
    /// Which scenes, and the seed of what is asked of them.
    pub scenes: Option<(String, u64, u64)>,
}

impl Manifest {
    /// Changes when files are written in a way that older versions would misread.
    pub const VERSION: u32 = 1;

    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// That another's results belong to the same run.
    ///
    /// # Errors
    /// [`Error::OtherRun`] with what differs.
    pub(crate) fn check(&self, found: &Self, path: &Path) -> Result<()> {
        let differences = differences(found, self);
        match differences.is_empty() {
            true => Ok(()),
            false => Err(Error::OtherRun {
                path: path.into(),
                differences,
            }),
        }
    }
}

fn differences(found: &Manifest, own: &Manifest) -> String {
    let json = |manifest: &Manifest| {
        // Through text, as what is compared was.
        let text = serde_json::to_string(&manifest.identity).unwrap_or_default();
        serde_json::from_str::<serde_json::Value>(&text).unwrap_or_default()
    };
    m2ib_eval::journal::differences(&json(found), &json(own))
}

/// A folder of results.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
    manifest: Manifest,
}

impl Folder {
    /// Makes a folder for a run, or goes on with one of the same.
    ///
    /// # Errors
    /// [`Error::OtherRun`] for a folder of another run, [`Error::File`], [`Error::NoRun`] for a manifest
    /// that cannot be read.
    pub fn begin(path: &Path, manifest: Manifest) -> Result<Self> {
        std::fs::create_dir_all(path).map_err(failed("make the folder", path))?;
        let file = path.join(MANIFEST);
        if !file.exists() {
            let json = serde_json::to_vec_pretty(&manifest).unwrap_or_default();
            write_whole(&file, &json).map_err(failed("write", &file))?;
        }
        // Another process may have been first.
        let found = Self::open(path)?.manifest;
        manifest.check(&found, path)?;
        Ok(Self {
            path: path.into(),
            manifest,
        })
    }

    /// Opens a folder of results.
    ///
    /// # Errors
    /// [`Error::NoRun`] for a folder of anything else, [`Error::File`].
    pub fn open(path: &Path) -> Result<Self> {
        let file = path.join(MANIFEST);
        let none = |reason: String| Error::NoRun {
            path: path.into(),
            reason,
        };
        if !file.exists() {
            return Err(none(format!("there is no {MANIFEST} in it")));
        }
        let text = m2ib_files::read_text(&file, MAX_MANIFEST).map_err(failed("read", &file))?;
        let manifest = serde_json::from_str::<Manifest>(&text)
            .map_err(|error| none(format!("its {MANIFEST} is damaged, {error}")))?;
        if manifest.m2ib_run != Manifest::VERSION {
            return Err(none(format!(
                "its {MANIFEST} is of version {}, expected {}",
                manifest.m2ib_run,
                Manifest::VERSION
            )));
        }
        Ok(Self {
            path: path.into(),
            manifest,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What its results are of.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The parts that are complete, by their places.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn parts(&self) -> Result<Vec<Part>> {
        let failed = failed("read", &self.path);
        let mut parts = Vec::new();
        for entry in std::fs::read_dir(&self.path).map_err(&failed)? {
            parts.extend(Part::of_path(&entry.map_err(&failed)?.path()));
        }
        parts.sort_by_key(|part| (part.places.start, part.places.end));
        Ok(parts)
    }

    /// Which of these places no part has, cut into parts.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn missing(&self, wanted: Range<u64>) -> Result<Vec<Range<u64>>> {
        let parts = self.parts()?;
        let parts = parts.into_iter().map(|part| part.places);
        let rows = self.manifest.identity.rows_per_file.max(1);
        let gaps = gaps(parts, wanted).into_iter();
        Ok(gaps.flat_map(|gap| cut(gap, rows)).collect())
    }

    /// The file of some places' rows.
    pub(crate) fn part(&self, places: &Range<u64>) -> PathBuf {
        self.path.join(format!("{}.parquet", Part::stem(places)))
    }

    /// What is known of some places while their part is not complete.
    pub(crate) fn journal(&self, places: &Range<u64>) -> PathBuf {
        self.path
            .join(format!("{}.journal.jsonl", Part::stem(places)))
    }
}

/// What some ranges, in order of their starts, leave of another.
pub(crate) fn gaps(
    ranges: impl IntoIterator<Item = Range<u64>>,
    wanted: Range<u64>,
) -> Vec<Range<u64>> {
    let mut gaps = Vec::new();
    let mut next = wanted.start;
    for range in ranges {
        let start = range.start.min(wanted.end);
        if start > next {
            gaps.push(next..start);
        }
        next = next.max(range.end);
    }
    if next < wanted.end {
        gaps.push(next..wanted.end);
    }
    gaps
}

/// A range cut at the multiples of a number.
fn cut(range: Range<u64>, rows: u64) -> impl Iterator<Item = Range<u64>> {
    let first = range.start / rows;
    let last = range.end.div_ceil(rows);
    (first..last).map(move |part| {
        let (start, end) = (part * rows, (part + 1) * rows);
        start.max(range.start)..end.min(range.end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_part_has_is_cut_where_parts_end() {
        let parts = [100..200, 250..300];
        assert_eq!(gaps(parts, 0..420), [0..100, 200..250, 300..420]);
        let one = |range: Range<u64>| vec![range.start, range.end];
        let ends = |gaps: Vec<Range<u64>>| gaps.into_iter().flat_map(one).collect::<Vec<_>>();
        assert!(gaps(std::iter::once(0..500), 100..300).is_empty());
        assert_eq!(ends(gaps([], 5..7)), [5, 7]);
        assert_eq!(ends(gaps([0..10, 3..4], 0..20)), [10, 20]);
        let all: Vec<_> = cut(150..420, 100).collect();
        assert_eq!(all, [150..200, 200..300, 300..400, 400..420]);
    }

    #[test]
    fn names_of_parts_read_back() {
        let places = 1000..2000;
        let path = PathBuf::from(format!("/x/{}.parquet", Part::stem(&places)));
        let part = Part::of_path(&path).unwrap();
        assert_eq!((part.path, part.places), (path, places));
        for name in ["rows-1-2.journal.jsonl", "rows-5-5.parquet", "a.parquet"] {
            assert_eq!(Part::of_path(Path::new(name)), None, "{name}");
        }
    }
}
