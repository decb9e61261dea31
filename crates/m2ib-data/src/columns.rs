//! Which column of a table is what.

use crate::boxes::BoxNames;
use crate::names::{CAPTION, IMAGE, is_image_path, normal, without_number};

/// Where in a line everything is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    /// One, or several: a row may have more than one caption.
    pub(super) captions: Vec<usize>,
    pub(super) image: usize,
    /// Where the table says it (MS-CXR's does).
    pub(super) boxes: BoxNames,
    pub(super) split: Option<usize>,
    /// How many there are.
    pub(super) count: usize,
}

/// A first line that names only one of the two columns.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HalfHeader {
    pub(super) missing: &'static str,
    pub(super) expected: String,
}

impl Columns {
    /// Without a header: the caption, then the image.
    pub(super) fn plain() -> Self {
        Self {
            captions: vec![0],
            image: 1,
            boxes: BoxNames::default(),
            split: None,
            count: 2,
        }
    }

    /// The columns that a first line names, if it is a header.
    pub(super) fn named(line: &[String]) -> Result<Option<Self>, HalfHeader> {
        let names: Vec<_> = line.iter().map(|cell| normal(cell)).collect();
        let place = |name: &str| names.iter().position(|found| found == name);
        let first = |known: &[&str]| known.iter().find_map(|name| place(name));
        let half = |missing, known: &[&str]| {
            // A caption may happen to be "image", but then its row has an image as well.
            match line.iter().any(|cell| is_image_path(cell)) {
                true => Ok(None),
                false => Err(HalfHeader {
                    missing,
                    expected: known.join(", "),
                }),
            }
        };
        let (captions, image) = match (captions(&names), first(&IMAGE)) {
            (Some(captions), Some(image)) => (captions, image),
            (Some(_), None) => return half("the image", &IMAGE),
            (None, Some(_)) => return half("the caption", &CAPTION),
            (None, None) => return Ok(None),
        };
        Ok(Some(Self {
            captions,
            image,
            boxes: BoxNames::among(line.iter().map(String::as_str)),
            split: place("split"),
            count: line.len(),
        }))
    }
}

/// The places of the captions, all of one name up to numbers.
fn captions(names: &[String]) -> Option<Vec<usize>> {
    let mut known = CAPTION.iter().map(|known| {
        let places = names.iter().enumerate();
        let places = places.filter(|(_, name)| without_number(name) == *known);
        places.map(|(place, _)| place).collect::<Vec<_>>()
    });
    known.find(|places| !places.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(line: &[&str]) -> Result<Option<Columns>, HalfHeader> {
        let line: Vec<_> = line.iter().map(|&cell| cell.into()).collect();
        Columns::named(&line)
    }

    #[test]
    fn a_header_names_columns_in_any_order() {
        let columns = named(&["caption", "image"]).unwrap();
        assert_eq!(columns, Some(Columns::plain()));
        let columns = named(&["", "URL", "Image Path", " Report ", "split"])
            .unwrap()
            .unwrap();
        assert_eq!((&columns.captions[..], columns.image), (&[3][..], 2));
        assert_eq!((columns.split, columns.count), (Some(4), 5));
    }

    #[test]
    fn a_row_may_have_several_captions() {
        let line = ["file_name", "caption_1", "Caption 2", "text"];
        let columns = named(&line).unwrap().unwrap();
        assert_eq!((columns.captions, columns.image), (vec![1, 2], 0));
    }

    #[test]
    fn boxes_need_all_four_columns() {
        let columns = named(&["path", "label_text", "x", "y", "w", "h"]).unwrap();
        assert!(columns.unwrap().boxes.any());
        let columns = named(&["path", "label_text", "x", "y"]).unwrap();
        assert!(!columns.unwrap().boxes.any());
    }

    #[test]
    fn a_row_is_no_header() {
        assert_eq!(named(&["a cat on a mat", "cat.png"]), Ok(None));
        assert_eq!(named(&["image", "https://somewhere/1"]), Ok(None));
        assert_eq!(named(&["text", "a.JPG"]), Ok(None));
    }

    #[test]
    fn half_a_header_says_what_is_missing() {
        let missing = |line: &[&str]| named(line).unwrap_err().missing;
        assert_eq!(missing(&["caption", "shown"]), "the image");
        assert_eq!(missing(&["words", "filepath"]), "the caption");
    }
}
