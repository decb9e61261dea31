//! Which column of a table is what.

/// Names of the column that holds captions; the first that is there counts.
const CAPTION: [&str; 9] = [
    "caption",
    "label_text",
    "text",
    "sentence",
    "report",
    "description",
    "phrase",
    "comment",
    "title",
];
/// Names of the column that holds images; local files before addresses.
const IMAGE: [&str; 13] = [
    "image_path",
    "filepath",
    "file_path",
    "path",
    "image_file",
    "filename",
    "file_name",
    "image_name",
    "image",
    "img",
    "file",
    "url",
    "image_url",
];
/// Extensions of images that can be opened.
pub(super) const EXTENSIONS: [&str; 8] =
    ["png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff"];

/// Where in a line everything is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) caption: usize,
    pub(super) image: usize,
    /// Of x, y, width and height, where the table has them (MS-CXR's does).
    pub(super) region: Option<[usize; 4]>,
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
    pub(super) const PLAIN: Self = Self {
        caption: 0,
        image: 1,
        region: None,
        split: None,
        count: 2,
    };

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
        let (caption, image) = match (first(&CAPTION), first(&IMAGE)) {
            (Some(caption), Some(image)) => (caption, image),
            (Some(_), None) => return half("the image", &IMAGE),
            (None, Some(_)) => return half("the caption", &CAPTION),
            (None, None) => return Ok(None),
        };
        let region = ["x", "y", "w", "h"].map(place);
        Ok(Some(Self {
            caption,
            image,
            region: match region {
                [Some(x), Some(y), Some(w), Some(h)] => Some([x, y, w, h]),
                _ => None,
            },
            split: place("split"),
            count: line.len(),
        }))
    }
}

/// "Image Path" as "image_path".
fn normal(name: &str) -> String {
    let name = name.trim_start_matches('\u{feff}').trim();
    name.to_lowercase().replace([' ', '-'], "_")
}

/// Whether a cell ends like the name of an image, or is an address.
pub(super) fn is_image_path(cell: &str) -> bool {
    let cell = cell.trim().to_lowercase();
    let extension = cell.rsplit_once('.').map(|(_, extension)| extension);
    cell.starts_with("http://")
        || cell.starts_with("https://")
        || extension.is_some_and(|found| EXTENSIONS.contains(&found))
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
        assert_eq!(columns, Some(Columns::PLAIN));
        let columns = named(&["", "URL", "Image Path", " Report ", "split"])
            .unwrap()
            .unwrap();
        assert_eq!((columns.caption, columns.image), (3, 2));
        assert_eq!((columns.split, columns.count), (Some(4), 5));
    }

    #[test]
    fn boxes_need_all_four_columns() {
        let columns = named(&["path", "label_text", "x", "y", "w", "h"]).unwrap();
        assert_eq!(columns.unwrap().region, Some([2, 3, 4, 5]));
        let columns = named(&["path", "label_text", "x", "y"]).unwrap();
        assert_eq!(columns.unwrap().region, None);
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
        assert_eq!(missing(&["caption", "picture"]), "the image");
        assert_eq!(missing(&["words", "filepath"]), "the caption");
    }
}
