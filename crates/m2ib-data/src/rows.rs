//! Rows as they are read: checked, given their keys and places, counted when they fail.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::path::{Path, PathBuf};

use clip_input::Adjustment;
use m2ib_files::Digester;

use crate::source_text::trimmed;
use crate::thinned::Thinned;
use crate::{
    DataError, DataFormat, DataResult, Dataset, Region, Row, RowFailure, RowImage, Within, boxes,
};

/// What a reader makes of a row.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    /// A path relative to the images' folder, or an absolute one.
    pub(super) image: String,
    /// The image, where it is within a file of many.
    pub(super) within: Option<Within>,
    pub(super) caption: String,
    pub(super) regions: Vec<Region>,
    /// Width and height of the image that the regions were drawn on, where that is said.
    pub(super) annotated: Option<[u32; 2]>,
    /// Which part of the data set it belongs to, where that is said.
    pub(super) split: Option<String>,
}

/// What is told of rows that are not kept.
#[derive(Debug)]
pub(super) struct Summary {
    pub(super) captions: Thinned,
    /// Of all keys and captions.
    pub(super) digester: Digester,
}

/// The rows so far.
pub(super) struct Rows<'a> {
    /// The start of every key.
    source: String,
    images: PathBuf,
    split: Option<&'a str>,
    rows: Vec<Row>,
    /// Their places among all that was read, failures too.
    places: Vec<u64>,
    failures: Vec<(u64, RowFailure)>,
    /// The place of what is read next.
    next: u64,
    /// The places that are kept; all others are only counted.
    kept: Range<u64>,
    /// What is told of all rows, if it is wanted.
    summary: Option<Summary>,
    notes: BTreeSet<String>,
    /// Digests of them: two of a billion rows are alike once in a hundred years of reading.
    keys: HashSet<u64>,
    splits: BTreeSet<String>,
    /// Where a pair of image and caption is, if its regions come one by one.
    pairs: Option<HashMap<(PathBuf, String), usize>>,
}

impl<'a> Rows<'a> {
    /// None yet, of this file.
    pub(super) fn new(source: &Path, split: Option<&'a str>) -> Self {
        Self {
            source: source
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into(),
            images: PathBuf::new(),
            split,
            rows: Vec::new(),
            places: Vec::new(),
            failures: Vec::new(),
            next: 0,
            kept: 0..u64::MAX,
            summary: None,
            notes: BTreeSet::new(),
            keys: HashSet::new(),
            splits: BTreeSet::new(),
            pairs: None,
        }
    }

    /// Goes on with another file of the same data set.
    pub(super) fn begin(&mut self, source: String) {
        self.source = source;
    }

    /// The folder that paths of images start from.
    pub(super) fn images_in(&mut self, folder: PathBuf) {
        self.images = folder;
    }

    /// That folder.
    pub(super) fn images(&self) -> &Path {
        &self.images
    }

    /// Keeps only what is at these places, and counts the rest.
    pub(super) fn keep(&mut self, places: Range<u64>) {
        self.kept = places;
    }

    /// Sums up all rows, kept or not.
    pub(super) fn sum_up(&mut self, captions: Thinned) {
        self.summary = Some(Summary {
            captions,
            digester: Digester::default(),
        });
    }

    /// What keys begin with.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// Remembers something else that is to be said.
    pub(super) fn note(&mut self, note: String) {
        self.notes.insert(note);
    }

    /// From here on rows of equal image and caption are one row with the regions of all.
    pub(super) fn merge(&mut self) {
        self.pairs.get_or_insert_default();
    }

    /// A region in a file, relative to the images' folder.
    pub(super) fn mask_file(&self, path: &str) -> Region {
        Region::MaskFile(self.path(path))
    }

    /// A file's place, whichever way the slashes lean.
    fn path(&self, path: &str) -> PathBuf {
        let own = self.images.join(path);
        match path.contains('\\') && !own.exists() {
            true => self.images.join(path.replace('\\', "/")),
            false => own,
        }
    }

    /// Records what a reader made of the captions of one image: the row `id`, or several with
    /// their numbers.
    pub(super) fn take_all(&mut self, id: &str, captions: Vec<String>, draft: &Draft) {
        let several = captions.len() > 1;
        for (number, caption) in (1..).zip(captions) {
            let id = match several {
                true => format!("{id}#{number}"),
                false => id.into(),
            };
            let draft = Draft {
                caption,
                ..draft.clone()
            };
            self.take(&id, Ok(draft));
        }
    }

    /// Remembers names that look like a box's and are none that is known.
    pub(super) fn not_understood(&mut self, names: &[String]) {
        if !names.is_empty() {
            self.notes.insert(format!(
                "{} is not understood as a box and is not used; known are {}",
                names.join(", "),
                boxes::known()
            ));
        }
    }

    /// Remembers that some rows have the outline of their object and others only its box: shares of
    /// a region are not the same of both.
    pub(super) fn note_boxes_among_outlines(&mut self) {
        let regions = || self.rows.iter().flat_map(|row| &row.regions);
        let boxes = regions().filter(|region| matches!(region, Region::Box(_)));
        let (boxes, all) = (boxes.count(), regions().count());
        if boxes > 0 && boxes < all {
            self.notes.insert(format!(
                "{boxes} of {all} objects have a box and no outline, so that the box is taken"
            ));
        }
    }

    /// Records what a reader made of the row `id`, or why it could not.
    pub(super) fn take(&mut self, id: &str, draft: Result<Draft, String>) {
        let key = format!("{}:{id}", self.source);
        if let Err(reason) = draft.and_then(|draft| self.add(&key, draft)) {
            let place = self.next;
            self.next += 1;
            if self.kept.contains(&place) {
                self.failures.push((place, RowFailure { row: key, reason }));
            }
        }
    }

    fn add(&mut self, key: &str, draft: Draft) -> Result<(), String> {
        if !self.wants(draft.split.as_deref())? {
            return Ok(());
        }
        let [image, caption] = [&draft.image, &draft.caption].map(|text| trimmed(text));
        if caption.is_empty() {
            return Err("its caption is empty".into());
        }
        let image = match draft.within {
            Some(within) => RowImage::Within(within),
            None => RowImage::File(self.path(checked(image)?)),
        };
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        if !self.keys.insert(hasher.finish()) {
            return Err("its id occurs more than once; the first row with it is kept".into());
        }
        if let (Some(pairs), RowImage::File(path)) = (&mut self.pairs, &image) {
            let pair = (path.clone(), caption.to_owned());
            let place = *pairs.entry(pair.clone()).or_insert(self.rows.len());
            if let Some(row) = self.rows.get_mut(place) {
                row.regions.extend(draft.regions);
                row.annotated = row.annotated.or(draft.annotated);
                return Ok(());
            }
        }
        let place = self.next;
        self.next += 1;
        if let Some(summary) = &mut self.summary {
            summary.captions.take(caption);
            summary.digester.add(key);
            summary.digester.add(caption);
        }
        // Where later rows may add regions to it, all are held until the end.
        if !self.kept.contains(&place) && self.pairs.is_none() {
            return Ok(());
        }
        self.places.push(place);
        self.rows.push(Row {
            key: key.into(),
            image,
            caption: caption.into(),
            instead_of: None,
            regions: draft.regions,
            others: Vec::new(),
            strangers: Vec::new(),
            name: None,
            absent: None,
            adjustment: Adjustment::default(),
            annotated: draft.annotated,
        });
        Ok(())
    }

    /// Whether a row belongs to what is asked for.
    fn wants(&mut self, split: Option<&str>) -> Result<bool, String> {
        let Some(wanted) = self.split else {
            return Ok(true);
        };
        let split = split.ok_or("it does not say which split it belongs to")?;
        if !self.splits.contains(split) {
            self.splits.insert(split.into());
        }
        Ok(split == wanted)
    }

    /// How many rows and failures there are, and what was summed up of them.
    pub(super) fn count(self) -> (u64, Option<Summary>) {
        (self.next, self.summary)
    }

    /// What is kept, in the order in which it was read.
    pub(super) fn items(self) -> Vec<(u64, Result<Row, RowFailure>)> {
        let rows = self.places.into_iter().zip(self.rows.into_iter().map(Ok));
        let failures = self.failures.into_iter();
        let all = rows.chain(failures.map(|(place, failure)| (place, Err(failure))));
        let kept = self.kept;
        let mut all: Vec<_> = all.filter(|(place, _)| kept.contains(place)).collect();
        all.sort_by_key(|(place, _)| *place);
        all
    }

    /// That there is the split that was asked for.
    pub(super) fn check_split(&self, path: &Path) -> DataResult<()> {
        let Some(wanted) = self.split.filter(|&wanted| !self.splits.contains(wanted)) else {
            return Ok(());
        };
        let names: Vec<_> = self
            .splits
            .iter()
            .map(|name| format!("\"{name}\""))
            .collect();
        Err(DataError::Split {
            path: path.into(),
            wanted: wanted.into(),
            found: match names.is_empty() {
                true => "none: its rows do not say which split they belong to".into(),
                false => names.join(", "),
            },
        })
    }

    /// What was read of the file.
    pub(super) fn finish(self, path: &Path, format: DataFormat) -> DataResult<Dataset> {
        self.check_split(path)?;
        if self.next == 0 {
            return Err(DataError::Empty { path: path.into() });
        }
        let failures = self.failures.into_iter();
        // Of several files, the name that stands for all of them.
        let name = path.file_name().map(|name| name.to_string_lossy());
        let name = name.unwrap_or_else(|| self.source.into());
        Ok(Dataset {
            name: format!("{name} ({format})"),
            rows: self.rows,
            failures: failures.map(|(_, failure)| failure).collect(),
            notes: self.notes.into_iter().collect(),
        })
    }
}

/// An image's path that can be one.
fn checked(image: &str) -> Result<&str, String> {
    if image.is_empty() {
        return Err("it names no image".into());
    }
    if image.contains(['\n', '\r', '\0']) {
        return Err("the image's path has a line break in it: a quotation mark before it may never be closed".into());
    }
    if image.starts_with("http://") || image.starts_with("https://") {
        return Err(format!(
            "its image is an address, {image}: nothing is downloaded here; fetch the images first and give their paths"
        ));
    }
    Ok(image)
}
