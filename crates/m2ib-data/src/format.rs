//! The layouts that are read, and their names.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{DataError, DataResult};

/// How images and captions are laid out on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DataFormat {
    /// Caption, tab, image: Conceptual Captions, as the released M2IB script reads it. A header
    /// may name the columns, in any order. Quotation marks are text, unless they enclose a cell.
    Tsv,
    /// The same with commas or semicolons; cells in quotation marks may hold commas and line breaks.
    Csv,
    /// An object a line, or a list of them: `image`, `caption` (or what columns may be called, and
    /// a list of captions too), and optionally `boxes`, `segmentation`, `masks`, `id` and `split`.
    JsonLines,
    /// Images, each beside a `.txt` file of the same stem with a caption a line.
    Folder,
    /// `captions_val2014.json` and its like: `images` and `annotations` with a `caption`.
    CocoCaptions,
    /// `dataset_flickr30k.json` and its like, by Karpathy: `images` with `sentences`.
    Karpathy,
    /// Flickr30k's `results.csv`: image, number and caption between `|`.
    FlickrResults,
    /// Flickr's `results_20130124.token`: image, `#`, number, tab, caption.
    FlickrToken,
    /// RefCOCO, RefCOCO+ and RefCOCOg: `refs(….).json`, converted from the pickle, beside
    /// `instances.json`. A row an expression, with the outline of its object, or its box where it
    /// has none.
    RefCoco,
    /// Parquet, a row a picture: `image` (bytes, a path, or `{bytes, path}` as Hugging Face has it) and
    /// `caption` or `text`; all else as in JSON lines.
    Parquet,
    /// Tar files of `KEY.jpg` beside `KEY.txt` or `KEY.json`.
    WebDataset,
    /// MedCLIP-SAM's: an object of captions by pictures' names, with a folder of pictures beside one of
    /// masks (`val_images` and `val_masks`).
    Prompts,
    /// MS-CXR's JSON: `images` with a `path`, `annotations` with a box and `label_text`. A row a
    /// phrase and image, with all its boxes.
    MsCxr,
}

impl DataFormat {
    /// Every format.
    pub const ALL: [Self; 13] = [
        Self::Tsv,
        Self::Csv,
        Self::JsonLines,
        Self::Folder,
        Self::CocoCaptions,
        Self::Karpathy,
        Self::FlickrResults,
        Self::FlickrToken,
        Self::RefCoco,
        Self::MsCxr,
        Self::Prompts,
        Self::Parquet,
        Self::WebDataset,
    ];

    /// The name it is chosen by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tsv => "tsv",
            Self::Csv => "csv",
            Self::JsonLines => "json-lines",
            Self::Folder => "folder",
            Self::CocoCaptions => "coco-captions",
            Self::Karpathy => "karpathy",
            Self::FlickrResults => "flickr-results",
            Self::FlickrToken => "flickr-token",
            Self::RefCoco => "ref-coco",
            Self::MsCxr => "ms-cxr",
            Self::Prompts => "prompts",
            Self::Parquet => "parquet",
            Self::WebDataset => "web-dataset",
        }
    }

    /// All names, for messages.
    pub(super) fn names() -> String {
        Self::ALL.map(|format| format!("\"{format}\"")).join(", ")
    }
}

impl fmt::Display for DataFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for DataFormat {
    type Err = DataError;

    fn from_str(name: &str) -> DataResult<Self> {
        let found = Self::ALL.into_iter().find(|format| format.name() == name);
        found.ok_or_else(|| DataError::FormatName { found: name.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_are_those_of_serde() {
        for format in DataFormat::ALL {
            assert_eq!(format.name().parse::<DataFormat>().unwrap(), format);
            let json = serde_json::to_string(&format).unwrap();
            assert_eq!(json, format!("\"{format}\""));
        }
        let error = "xlsx".parse::<DataFormat>().unwrap_err().to_string();
        assert!(
            error.contains("\"xlsx\"") && error.contains("\"ms-cxr\""),
            "{error}"
        );
    }
}
