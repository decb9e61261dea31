//! Rows as they are read: checked, given their keys, counted when they fail.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use clip_input::Adjustment;

use crate::source_text::trimmed;
use crate::{DataError, DataFormat, DataResult, Dataset, Region, Row, RowFailure, RowImage, boxes};

/// What a reader makes of a row.
#[derive(Debug, Clone, Default)]
pub(super) struct Draft {
    /// A path relative to the images' folder, or an absolute one.
    pub(super) image: String,
    pub(super) caption: String,
    pub(super) regions: Vec<Region>,
    /// Width and height of the image that the regions were drawn on, where that is said.
    pub(super) annotated: Option<[u32; 2]>,
    /// Which part of the data set it belongs to, where that is said.
    pub(super) split: Option<String>,
}

/// The rows so far.
pub(super) struct Rows<'a> {
    /// The start of every key.
    source: String,
    images: PathBuf,
    split: Option<&'a str>,
    rows: Vec<Row>,
    failures: Vec<RowFailure>,
    notes: BTreeSet<String>,
    keys: HashSet<String>,
    splits: BTreeSet<String>,
    /// Where a pair of image and caption is, if its regions come one by one.
    pairs: Option<HashMap<(PathBuf, String), usize>>,
}

impl<'a> Rows<'a> {
    /// None yet, of this file.
    pub(super) fn new(source: &Path, images: PathBuf, split: Option<&'a str>) -> Self {
        Self {
            source: source
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into(),
            images,
            split,
            rows: Vec::new(),
            failures: Vec::new(),
            notes: BTreeSet::new(),
            keys: HashSet::new(),
            splits: BTreeSet::new(),
            pairs: None,
        }
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
            self.failures.push(RowFailure { row: key, reason });
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
        let path = self.path(checked(image)?);
        if !self.keys.insert(key.into()) {
            return Err("its id occurs more than once; the first row with it is kept".into());
        }
        let pair = (path, caption.to_owned());
        if let Some(pairs) = &mut self.pairs {
            let place = *pairs.entry(pair.clone()).or_insert(self.rows.len());
            if let Some(row) = self.rows.get_mut(place) {
                row.regions.extend(draft.regions);
                row.annotated = row.annotated.or(draft.annotated);
                return Ok(());
            }
        }
        let (path, caption) = pair;
        self.rows.push(Row {
            key: key.into(),
            image: RowImage::File(path),
            caption,
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

    /// What was read of the file.
    pub(super) fn finish(self, path: &Path, format: DataFormat) -> DataResult<Dataset> {
        if let Some(wanted) = self.split.filter(|&wanted| !self.splits.contains(wanted)) {
            let names: Vec<_> = self
                .splits
                .iter()
                .map(|name| format!("\"{name}\""))
                .collect();
            return Err(DataError::Split {
                path: path.into(),
                wanted: wanted.into(),
                found: match names.is_empty() {
                    true => "none: its rows do not say which split they belong to".into(),
                    false => names.join(", "),
                },
            });
        }
        if self.rows.is_empty() && self.failures.is_empty() {
            return Err(DataError::Empty { path: path.into() });
        }
        Ok(Dataset {
            name: format!("{} ({format})", self.source),
            rows: self.rows,
            failures: self.failures,
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
