//! A data set on disk: where it lies, in which format, and which of its rows are wanted.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use clip_input::Adjustment;

use crate::rows::Rows;
use crate::{
    DataFormat, DataResult, Dataset, RowFailure, RowImage, coco, flickr, folder, json_lines,
    karpathy, ms_cxr, parquet_table, prompts, ref_coco, shards, table, web_data_set,
};

/// A data set on disk and how to read it.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    pub(super) path: PathBuf,
    format: Option<DataFormat>,
    images: Option<PathBuf>,
    pub(super) split: Option<String>,
    pub(super) adjustment: Adjustment,
}

impl Source {
    /// A file or folder; several files by braces, as in `{000..150}.tar`, or asterisks, or as the tar or
    /// Parquet files in a folder.
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
        if self.format_of(&shards::shards(path)?[0])? == DataFormat::Folder {
            let (images, captions, failures) = folder::parts(path)?;
            return Ok(DataParts {
                images: images.into_iter().map(RowImage::File).collect(),
                captions,
                failures,
            });
        }
        let dataset = self.read()?;
        let mut seen = HashSet::new();
        let images = dataset.rows.iter().map(|row| &row.image);
        let images = images.filter(|image| seen.insert(image.picture()));
        let images = images.cloned().collect();
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
        let shards = shards::shards(path)?;
        let mut rows = Rows::new(path, self.split.as_deref());
        let mut format = None;
        for (shard, name) in shards.iter().zip(shards::names(&shards)) {
            rows.begin(name);
            let own = self.read_into(shard, &mut rows)?;
            format.get_or_insert(own);
        }
        let format = format.unwrap_or(DataFormat::Folder);
        let mut dataset = rows.finish(path, format)?;
        for row in &mut dataset.rows {
            row.adjustment = self.adjustment;
        }
        Ok(dataset)
    }

    /// The layout of a file.
    pub(super) fn format_of(&self, path: &Path) -> DataResult<DataFormat> {
        self.format.map_or_else(|| DataFormat::detect(path), Ok)
    }

    /// Reads the rows of one file.
    pub(super) fn read_into(&self, path: &Path, rows: &mut Rows) -> DataResult<DataFormat> {
        let format = self.format_of(path)?;
        rows.images_in(match (&self.images, format) {
            // There the captions lie beside the images.
            (None, _) | (_, DataFormat::Folder) => own_folder(path),
            (Some(folder), _) => folder.clone(),
        });
        match format {
            DataFormat::Tsv => table::read_tsv(path, rows),
            DataFormat::Csv => table::read_csv(path, rows),
            DataFormat::JsonLines => json_lines::read(path, rows),
            DataFormat::Folder => folder::read(path, rows),
            DataFormat::CocoCaptions => coco::read(path, rows),
            DataFormat::Karpathy => karpathy::read(path, rows),
            DataFormat::FlickrResults => flickr::read_results(path, rows),
            DataFormat::FlickrToken => flickr::read_token(path, rows),
            DataFormat::RefCoco => ref_coco::read(path, rows),
            DataFormat::MsCxr => ms_cxr::read(path, rows),
            DataFormat::Prompts => prompts::read(path, rows),
            DataFormat::Parquet => parquet_table::read(path, rows),
            DataFormat::WebDataset => web_data_set::read(path, rows),
        }?;
        Ok(format)
    }
}

/// The images and the captions of a data set, by themselves.
#[derive(Debug, Clone, PartialEq)]
pub struct DataParts {
    /// The images, each once.
    pub images: Vec<RowImage>,
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
