//! A data set on disk: where it lies, in which format, and which of its rows are wanted.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use clip_input::Adjustment;

use crate::rows::Rows;
use crate::{
    DataFormat, DataResult, Dataset, RowFailure, RowImage, coco, flickr, folder, json_lines,
    karpathy, ms_cxr, ref_coco, table,
};

/// A data set on disk and how to read it.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    path: PathBuf,
    format: Option<DataFormat>,
    images: Option<PathBuf>,
    split: Option<String>,
    adjustment: Adjustment,
}

impl Source {
    /// A file or folder.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            format: None,
            images: None,
            split: None,
            adjustment: Adjustment::default(),
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

    /// What is done to every image when it is opened.
    pub fn adjustment(mut self, adjustment: Adjustment) -> Self {
        self.adjustment = adjustment;
        self
    }

    /// Reads all images and all captions, whether they belong together or not, without opening an
    /// image: for statistics over either. Of a folder these are its images and the lines of its
    /// text files, of any other layout what its rows have, each image once.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parts(&self) -> DataResult<DataParts> {
        let path = self.path.as_path();
        let format = self.format.map_or_else(|| DataFormat::detect(path), Ok)?;
        if format == DataFormat::Folder {
            let (images, captions, failures) = folder::parts(path)?;
            return Ok(DataParts {
                images,
                captions,
                failures,
            });
        }
        let dataset = self.clone().format(format).read()?;
        let mut seen = HashSet::new();
        let rows = dataset.rows.iter();
        let images = rows.filter_map(|row| match &row.image {
            RowImage::File(path) => seen.insert(path).then(|| path.clone()),
            RowImage::Picture { .. } => None,
        });
        let images = images.collect();
        let rows = dataset.rows.into_iter();
        Ok(DataParts {
            images,
            captions: rows.map(|row| (row.key, row.caption)).collect(),
            failures: dataset.failures,
        })
    }

    /// Reads all rows, without opening an image.
    ///
    /// # Errors
    /// Of the source as a whole, a [`DataError`](crate::DataError): it cannot be read or parsed, its
    /// format is not known or a pickle, its header lacks a column, it has no such split or no rows.
    /// What is wrong with a row is among [`failures`](Dataset::failures).
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
        let mut dataset = rows.finish(path, format)?;
        for row in &mut dataset.rows {
            row.adjustment = self.adjustment;
        }
        Ok(dataset)
    }
}

/// The images and the captions of a data set, by themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataParts {
    /// The images' files.
    pub images: Vec<PathBuf>,
    /// The captions, each with where it stands.
    pub captions: Vec<(String, String)>,
    /// What could not be read.
    pub failures: Vec<RowFailure>,
}

/// A folder itself, or the one a file is in.
fn own_folder(path: &Path) -> PathBuf {
    match path.parent() {
        _ if path.is_dir() => path.into(),
        Some(folder) => folder.into(),
        None => PathBuf::new(),
    }
}
