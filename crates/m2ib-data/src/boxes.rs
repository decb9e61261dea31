//! Boxes under the names that people give them: of columns in tables, of keys in JSON lines.

use serde_json::{Map, Value};

use crate::Region;
use crate::region::Rectangle;

/// What four numbers say of a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The upper left corner, width and height: COCO's.
    Size,
    /// The upper left and the lower right corner: Pascal VOC's.
    Corners,
}

/// Four names for the four numbers, `bbox_` before them and underscores aside.
const FOURS: [([&str; 4], Form); 9] = [
    (["x", "y", "w", "h"], Form::Size),
    (["x", "y", "width", "height"], Form::Size),
    (["left", "top", "width", "height"], Form::Size),
    (["x1", "y1", "x2", "y2"], Form::Corners),
    (["x0", "y0", "x1", "y1"], Form::Corners),
    (["xmin", "ymin", "xmax", "ymax"], Form::Corners),
    (["xmin", "ymin", "width", "height"], Form::Size),
    (["xmin", "ymin", "w", "h"], Form::Size),
    (["left", "top", "right", "bottom"], Form::Corners),
];
/// Names for all four at once, or for several boxes.
const LISTS: [(&str, Form); 11] = [
    ("boxes", Form::Size),
    ("bboxes", Form::Size),
    ("box", Form::Size),
    ("bbox", Form::Size),
    ("boundingbox", Form::Size),
    ("boundingboxes", Form::Size),
    ("xywh", Form::Size),
    ("boxxywh", Form::Size),
    ("bboxxywh", Form::Size),
    ("xyxy", Form::Corners),
    ("bboxxyxy", Form::Corners),
];
/// Names for width and height of the image.
const SIZES: [[&str; 2]; 3] = [
    ["imagewidth", "imageheight"],
    ["imgwidth", "imgheight"],
    ["width", "height"],
];
/// Parts of a box in other forms, by which an unknown one shows.
const PARTS: [&str; 16] = [
    "x1",
    "y1",
    "x2",
    "y2",
    "xmin",
    "ymin",
    "xmax",
    "ymax",
    "cx",
    "cy",
    "xcenter",
    "ycenter",
    "xc",
    "yc",
    "polygon",
    "segmentation",
];

/// Which of some names say where a box is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct BoxNames {
    boxes: Option<(Places, Form)>,
    /// Width and height of the image.
    size: Option<[usize; 2]>,
    /// Those that look like a box's and are not understood.
    pub(super) unknown: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Places {
    Four([usize; 4]),
    List(usize),
}

/// What a row says of where its caption's object is.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Boxes {
    pub(super) regions: Vec<Region>,
    /// Width and height of the image that was annotated.
    pub(super) annotated: Option<[u32; 2]>,
}

impl BoxNames {
    /// Looks through the names of a table's columns.
    pub(super) fn among<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let names: Vec<&str> = names.into_iter().collect();
        let plain: Vec<String> = names.iter().map(|name| plain(name)).collect();
        let short: Vec<&str> = plain.iter().map(|name| without_prefix(name)).collect();
        let place = |name: &str| short.iter().position(|found| *found == name);
        let four = |names: [&str; 4]| {
            let places = names.map(place);
            let places: Vec<usize> = places.into_iter().flatten().collect();
            <[usize; 4]>::try_from(places).ok()
        };
        let list = |name: &str| plain.iter().position(|found| found == name);
        let lists = LISTS
            .into_iter()
            .filter_map(|(name, form)| Some((Places::List(list(name)?), form)));
        let fours = FOURS
            .into_iter()
            .filter_map(|(names, form)| Some((Places::Four(four(names)?), form)));
        let boxes = lists.chain(fours).next();
        let used = |at: usize| match &boxes {
            Some((Places::Four(places), _)) => places.contains(&at),
            Some((Places::List(place), _)) => *place == at,
            None => false,
        };
        let sizes = SIZES
            .into_iter()
            .filter_map(|[width, height]| Some([list(width)?, list(height)?]));
        let size = sizes
            .into_iter()
            .find(|size| !size.iter().any(|&at| used(at)));
        let suspect = |at: &usize| {
            let name = plain[*at].as_str();
            name.contains("box")
                || name.contains("xyxy")
                || name.contains("xywh")
                || PARTS.contains(&short[*at])
        };
        let unknown = (0..names.len())
            .filter(|&at| boxes.is_none() && !used(at))
            .filter(suspect);
        Self {
            size,
            unknown: unknown.map(|at| names[at].trim().to_owned()).collect(),
            boxes,
        }
    }

    /// Whether a box is among them.
    pub(super) fn any(&self) -> bool {
        self.boxes.is_some()
    }

    /// What a line's cells say; an empty box is none.
    pub(super) fn read(&self, cells: &[String]) -> Result<Boxes, String> {
        let cell = |place: usize| cells[place].trim();
        let regions = match &self.boxes {
            None => Vec::new(),
            Some((Places::List(place), form)) => boxes(&numbers(cell(*place))?, *form)?,
            Some((Places::Four(places), form)) => {
                let cells = places.map(cell);
                if cells.iter().all(|cell| cell.is_empty()) {
                    return Ok(Boxes::default());
                }
                let numbers = cells
                    .map(number)
                    .into_iter()
                    .collect::<Result<Vec<_>, _>>()?;
                boxes(&numbers, *form)?
            }
        };
        let annotated = self.boxes.as_ref().and_then(|_| self.annotated(cells));
        Ok(Boxes { regions, annotated })
    }

    fn annotated(&self, cells: &[String]) -> Option<[u32; 2]> {
        let side = |place: usize| cells[place].trim().parse().ok().and_then(pixels);
        let [width, height] = self.size?;
        Some([side(width)?, side(height)?])
    }
}

/// What an object's keys say, those of an object `objects` in it among them, and which of them look
/// like a box's and are not understood. The image's size is told without a box too: outlines need it.
pub(super) fn of_object(object: &Map<String, Value>) -> Result<(Boxes, Vec<String>), String> {
    let inner = object.get("objects").and_then(Value::as_object);
    let all: Vec<(&String, &Value)> = object.iter().chain(inner.into_iter().flatten()).collect();
    let names = BoxNames::among(all.iter().map(|(name, _)| name.as_str()));
    let cells: Vec<String> = all.iter().map(|(_, value)| text(value)).collect();
    let boxes = Boxes {
        annotated: names.annotated(&cells),
        ..names.read(&cells)?
    };
    Ok((boxes, names.unknown))
}

/// Whether a column or key of this name has all of a box in it.
pub(super) fn is_list(name: &str) -> bool {
    let name = plain(name);
    LISTS.iter().any(|(known, _)| *known == name)
}

/// The names that are understood, for messages.
pub(super) fn known() -> String {
    let fours = FOURS.map(|(names, _)| names.join(", "));
    format!(
        "bbox or boxes with [x, y, width, height], or four of {}",
        fours.join("; ")
    )
}

/// Width or height, if it is one.
pub(super) fn pixels(side: f64) -> Option<u32> {
    (side >= 1.0 && side <= f64::from(u32::MAX) && side.fract() == 0.0).then_some(side as u32)
}

/// As a table has it.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// "Box X_Min" as "boxxmin".
fn plain(name: &str) -> String {
    let name = name.trim_start_matches('\u{feff}').trim().to_lowercase();
    name.replace([' ', '-', '_'], "")
}

fn without_prefix(name: &str) -> &str {
    let rest = name
        .strip_prefix("bbox")
        .or_else(|| name.strip_prefix("box"));
    rest.filter(|rest| !rest.is_empty()).unwrap_or(name)
}

/// The numbers of a cell, whatever stands between them.
fn numbers(cell: &str) -> Result<Vec<f64>, String> {
    let between = |char: char| char.is_whitespace() || "[](){},;".contains(char);
    let parts = cell.split(between).filter(|part| !part.is_empty());
    parts.map(number).collect()
}

fn number(cell: &str) -> Result<f64, String> {
    let number = cell.trim_matches('"').parse();
    number.map_err(|_| format!("\"{cell}\" in its box is no number"))
}

/// Four by four.
fn boxes(numbers: &[f64], form: Form) -> Result<Vec<Region>, String> {
    let (fours, rest) = numbers.as_chunks::<4>();
    if !rest.is_empty() {
        let count = numbers.len();
        return Err(format!("its box has {count} numbers, expected four a box"));
    }
    let rectangles = fours.iter().map(|&four| match form {
        Form::Size => Rectangle::new(four),
        Form::Corners => Rectangle::between(four),
    });
    rectangles
        .map(|rectangle| rectangle.map(Region::Box))
        .collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn table(names: &[&str], cells: &[&str]) -> Result<Boxes, String> {
        let cells: Vec<String> = cells.iter().map(|&cell| cell.into()).collect();
        BoxNames::among(names.iter().copied()).read(&cells)
    }

    fn region(xywh: [f64; 4]) -> Region {
        Region::Box(Rectangle::new(xywh).unwrap())
    }

    #[rstest]
    #[case(&["x", "y", "w", "h"], &["1", "2", "3", "4"])]
    #[case(&["X", "Y", "Width", "Height"], &["1", "2", "3", "4"])]
    #[case(&["x1", "y1", "x2", "y2"], &["1", "2", "4", "6"])]
    #[case(&["ymax", "x_min", "ymin", "xmax"], &["6", "1", "2", "4"])]
    #[case(&["left", "top", "right", "bottom"], &["1", "2", "4", "6"])]
    #[case(&["bbox_x", "bbox_y", "bbox_w", "bbox_h"], &["1", "2", "3", "4"])]
    #[case(&["bbox"], &["[1, 2, 3, 4]"])]
    #[case(&["box"], &["1 2 3 4"])]
    #[case(&["bounding_box"], &["(1;2;3;4)"])]
    #[case(&["bbox_xyxy"], &["[[1.0, 2.0, 4.0, 6.0]]"])]
    fn one_box_under_many_names(#[case] names: &[&str], #[case] cells: &[&str]) {
        let found = table(names, cells).unwrap();
        assert_eq!(found.regions, [region([1.0, 2.0, 3.0, 4.0])], "{names:?}");
    }

    #[test]
    fn the_images_size_is_told_from_the_boxs() {
        let names = [
            "filename", "width", "height", "xmin", "ymin", "xmax", "ymax",
        ];
        let found = table(&names, &["a.png", "640", "480", "1", "2", "4", "6"]).unwrap();
        assert_eq!(found.annotated, Some([640, 480]));
        assert_eq!(found.regions, [region([1.0, 2.0, 3.0, 4.0])]);
        let names = ["x", "y", "width", "height", "image_width", "image_height"];
        let found = table(&names, &["1", "2", "3", "4", "640", "480"]).unwrap();
        assert_eq!(found.annotated, Some([640, 480]));
        let found = table(&names[..4], &["1", "2", "3", "4"]).unwrap();
        assert_eq!(found.annotated, None);
    }

    #[test]
    fn what_looks_like_a_box_and_is_none_of_these_is_named() {
        let unknown = |names: &[&str]| BoxNames::among(names.iter().copied()).unknown;
        assert_eq!(unknown(&["caption", "cx", "cy", "w", "h"]), ["cx", "cy"]);
        assert_eq!(unknown(&["image", "Box_File"]), ["Box_File"]);
        assert_eq!(unknown(&["x1", "y1"]), ["x1", "y1"]);
        assert!(unknown(&["caption", "image", "x", "bbox"]).is_empty());
        assert!(unknown(&["caption", "image", "split"]).is_empty());
    }

    #[test]
    fn what_is_no_box_says_so() {
        let error = |names: &[&str], cells: &[&str]| table(names, cells).unwrap_err();
        assert!(error(&["bbox"], &["1, 2, 3"]).contains("3 numbers"));
        assert!(
            error(&["x1", "y1", "x2", "y2"], &["4", "2", "1", "6"]).contains("encloses nothing")
        );
        assert!(error(&["bbox"], &["one"]).contains("\"one\" in its box is no number"));
        assert_eq!(table(&["bbox"], &[""]).unwrap(), Boxes::default());
        assert_eq!(
            table(&["x", "y", "w", "h"], &["", " ", "", ""]).unwrap(),
            Boxes::default()
        );
    }

    #[test]
    fn an_objects_keys_are_read_like_columns() {
        let of = |json: &str| of_object(&serde_json::from_str(json).unwrap()).unwrap();
        let two = [region([1.0, 2.0, 3.0, 4.0]), region([5.0, 6.0, 7.0, 8.0])];
        let (found, _) = of(r#"{"boxes": [[1, 2, 3, 4], [5, 6, 7, 8]], "width": 9, "height": 9}"#);
        assert_eq!(
            (&found.regions[..], found.annotated),
            (&two[..], Some([9, 9]))
        );
        let (found, _) = of(r#"{"objects": {"bbox": [[1, 2, 3, 4]], "categories": [0]}}"#);
        assert_eq!(found.regions, two[..1]);
        let (found, _) = of(r#"{"x1": 1, "y1": 2, "x2": 4, "y2": 6}"#);
        assert_eq!(found.regions, two[..1]);
        let (found, unknown) = of(r#"{"caption": "x", "bbox_normalised": [0.1, 0.2, 0.3, 0.4]}"#);
        assert_eq!(
            (found, unknown),
            (Boxes::default(), vec!["bbox_normalised".to_owned()])
        );
        let error = of_object(&serde_json::from_str(r#"{"bbox": {"a": "b"}}"#).unwrap());
        assert!(error.unwrap_err().contains("no number"));
    }
}
