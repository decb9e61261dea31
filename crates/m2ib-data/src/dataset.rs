//! Rows of one source, read and drawn from.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use m2ib_files::digest;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::rows::Rows;
use crate::{
    DataError, DataFormat, DataResult, Row, RowFailure, coco, flickr, folder, json_lines, karpathy,
    ms_cxr, ref_coco, table,
};

/// Images with captions, in the order of their source.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// The file's name and format.
    pub name: String,
    /// What can be used, as far as reading tells; images are opened later.
    pub rows: Vec<Row>,
    /// What could not be read. A sample keeps all of them.
    pub failures: Vec<RowFailure>,
}

/// A data set on disk and how to read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    path: PathBuf,
    format: Option<DataFormat>,
    images: Option<PathBuf>,
    split: Option<String>,
}

impl Source {
    /// A file or folder.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            format: None,
            images: None,
            split: None,
        }
    }

    /// Its format; told from name and content if it is not said.
    pub fn format(mut self, format: DataFormat) -> Self {
        self.format = Some(format);
        self
    }

    /// The folder that relative paths of images and masks start from; else the file's own.
    pub fn images(mut self, folder: impl Into<PathBuf>) -> Self {
        self.images = Some(folder.into());
        self
    }

    /// Only rows of this split ("test"), of data sets that say to which each row belongs.
    pub fn split(mut self, split: impl Into<String>) -> Self {
        self.split = Some(split.into());
        self
    }

    /// Reads all rows, without opening an image.
    ///
    /// # Errors
    /// Of the source as a whole: [`DataError::Read`], [`DataError::Parse`],
    /// [`DataError::UnknownFormat`], [`DataError::Pickle`], [`DataError::Header`],
    /// [`DataError::Split`], [`DataError::Empty`]. What is wrong with a row is among
    /// [`failures`](Dataset::failures).
    pub fn read(&self) -> DataResult<Dataset> {
        let path = self.path.as_path();
        let format = self.format.map_or_else(|| DataFormat::detect(path), Ok)?;
        let images = match (&self.images, format) {
            // There the captions lie beside the images.
            (None, _) | (_, DataFormat::Folder) => own_folder(path),
            (Some(folder), _) => folder.clone(),
        };
        let mut rows = Rows::new(path, images, self.split.as_deref());
        match format {
            DataFormat::Tsv => table::read_tsv(path, &mut rows),
            DataFormat::Csv => table::read_csv(path, &mut rows),
            DataFormat::JsonLines => json_lines::read(path, &mut rows),
            DataFormat::Folder => folder::read(path, &mut rows),
            DataFormat::CocoCaptions => coco::read(path, &mut rows),
            DataFormat::Karpathy => karpathy::read(path, &mut rows),
            DataFormat::FlickrResults => flickr::read_results(path, &mut rows),
            DataFormat::FlickrToken => flickr::read_token(path, &mut rows),
            DataFormat::RefCoco => ref_coco::read(path, &mut rows),
            DataFormat::MsCxr => ms_cxr::read(path, &mut rows),
        }?;
        rows.finish(path, format)
    }
}

impl Dataset {
    /// How many rows the source has, those that could not be read among them.
    pub fn total(&self) -> usize {
        self.rows.len() + self.failures.len()
    }

    /// At most `count` rows, drawn by the seed and in their old order. A larger sample by the same
    /// seed contains the smaller one, so a run can be extended.
    pub fn sample(&self, count: usize, seed: u64) -> Self {
        let mut places: Vec<usize> = (0..self.rows.len()).collect();
        places.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        places.truncate(count);
        let places: BTreeSet<usize> = places.into_iter().collect();
        self.only(|place| places.contains(&place))
    }

    /// Two parts, the second with about this share of the rows, and no image in both: an image may
    /// have several captions.
    pub fn split(&self, share: f64, seed: u64) -> [Self; 2] {
        let mut known = HashMap::new();
        let pictures = self.rows.iter().map(|row| {
            let next = known.len();
            *known.entry(row.image.picture()).or_insert(next)
        });
        let pictures: Vec<usize> = pictures.collect();
        let mut order: Vec<usize> = (0..known.len()).collect();
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        order.truncate((share * known.len() as f64).round() as usize);
        let second: BTreeSet<usize> = order.into_iter().collect();
        let is_second = |place: usize| second.contains(&pictures[place]);
        [self.only(|place| !is_second(place)), self.only(is_second)]
    }

    /// Some of the rows, by their places.
    pub fn only(&self, chosen: impl Fn(usize) -> bool) -> Self {
        let rows = self.rows.iter().enumerate();
        let rows = rows.filter(|(place, _)| chosen(*place));
        Self {
            name: self.name.clone(),
            rows: rows.map(|(_, row)| row.clone()).collect(),
            failures: self.failures.clone(),
        }
    }

    /// A digest of all rows in their order, by key and [identity](Row::identity). It reads the
    /// images' files.
    pub fn fingerprint(&self) -> String {
        let rows = self.rows.iter();
        digest(rows.flat_map(|row| [row.key.clone(), row.identity()]))
    }
}

/// A folder itself, or the one a file is in.
fn own_folder(path: &Path) -> PathBuf {
    match path.parent() {
        _ if path.is_dir() => path.into(),
        Some(folder) => folder.into(),
        None => PathBuf::new(),
    }
}

/// For files that cannot be opened or read on.
pub(super) fn read_error(path: &Path) -> impl Fn(std::io::Error) -> DataError {
    move |source| DataError::Read {
        path: path.into(),
        source,
    }
}
