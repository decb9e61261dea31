//! JSON objects, one a line or all in a list.
//!
//! Keys have the names that columns have, whoever wrote them: Hugging Face's `metadata.jsonl` says
//! `file_name` and `text`, others `image` and `caption`.

use std::io::{BufRead, Read};
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::read_error;
use crate::json::{Id, Lenient, read as read_json};
use crate::names::{CAPTION, IMAGE, normal, without_number};
use crate::rows::{Draft, Rows};
use crate::source_text::trimmed;
use crate::{DataFormat, DataResult, Region, Segmentation, Within, boxes, lines, source_text};

/// What has one name only.
#[derive(Debug, Deserialize)]
struct Line {
    id: Option<Id>,
    /// Files.
    #[serde(default)]
    masks: Vec<String>,
    split: Option<String>,
    /// Boxes among others, under any of their names.
    #[serde(flatten)]
    rest: Map<String, Value>,
}

pub(super) fn read(path: &Path, rows: &mut Rows) -> DataResult<()> {
    if is_list(path)? {
        let list: Vec<Lenient<Map<String, Value>>> = read_json(path, DataFormat::JsonLines)?;
        for (number, object) in (1..).zip(list) {
            take(&number.to_string(), object.0, rows);
        }
        return Ok(());
    }
    lines::each(path, |number, json| {
        let object = serde_json::from_slice::<Lenient<Map<String, Value>>>(json);
        let object = object.map_err(|error| error.to_string());
        take(
            &number.to_string(),
            object.and_then(|object| object.0),
            rows,
        );
    })
}

/// Whether the file's first sign opens a list.
fn is_list(path: &Path) -> DataResult<bool> {
    let text: Box<dyn BufRead> = source_text::open(path)?;
    for byte in text.bytes() {
        match byte.map_err(read_error(path))? {
            byte if byte.is_ascii_whitespace() => {}
            byte => return Ok(byte == b'['),
        }
    }
    Ok(false)
}

/// A row whose image is within a file of many, and whose object says the rest.
pub(super) fn take_of(id: &str, object: Map<String, Value>, image: Within, rows: &mut Rows) {
    let read = captions(&object).and_then(|captions| {
        let present = object.into_iter().filter(|(_, value)| !value.is_null());
        let line = Line::deserialize(Value::Object(present.collect()));
        let line = line.map_err(|error| error.to_string())?;
        let mut draft = draft(String::new(), line, rows)?;
        draft.within = Some(image);
        Ok((captions, draft))
    });
    match read {
        Ok((captions, draft)) => rows.take_all(id, captions, &draft),
        Err(reason) => rows.take(id, Err(reason)),
    }
}

/// A row by its number, or by the id in it.
pub(super) fn take(number: &str, object: Result<Map<String, Value>, String>, rows: &mut Rows) {
    let number = number.to_owned();
    let read = object.and_then(|object| {
        let captions = captions(&object)?;
        let image = image(&object)?;
        let present = object.into_iter().filter(|(_, value)| !value.is_null());
        let line = Line::deserialize(Value::Object(present.collect()));
        Ok((captions, image, line.map_err(|error| error.to_string())?))
    });
    match read {
        Err(reason) => rows.take(&number, Err(reason)),
        Ok((captions, image, line)) => {
            let id = line.id.as_ref().map_or(number, Id::to_string);
            match draft(image, line, rows) {
                Ok(draft) => rows.take_all(&id, captions, &draft),
                Err(reason) => rows.take(&id, Err(reason)),
            }
        }
    }
}

fn draft(image: String, line: Line, rows: &mut Rows) -> Result<Draft, String> {
    let mut rest = line.rest;
    let outlines = outlines(&mut rest)?;
    let (boxes, unknown) = boxes::of_object(&rest)?;
    rows.not_understood(&unknown);
    // The boxes are around the same.
    let regions = match outlines.is_empty() {
        true => boxes.regions,
        false => outlines,
    };
    let annotated = boxes.annotated.filter(|_| !regions.is_empty());
    let masks = line.masks.iter().map(|mask| rows.mask_file(mask));
    Ok(Draft {
        image,
        within: None,
        caption: String::new(),
        regions: regions.into_iter().chain(masks).collect(),
        annotated,
        split: line.split,
    })
}

/// Takes out what COCO calls `segmentation`, of an object `objects` in it too, as Hugging Face's data
/// sets have it for several.
fn outlines(object: &mut Map<String, Value>) -> Result<Vec<Region>, String> {
    let mut found = Vec::new();
    object.retain(|name, value| {
        let is_outline = ["segmentation", "segmentations"].contains(&normal(name).as_str());
        if is_outline {
            found.push(value.take());
        }
        !is_outline
    });
    let found = found.iter().map(Segmentation::read_all);
    let mut outlines: Vec<Region> = found
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .flatten()
        .map(|outline| Region::Segmentation(outline.into()))
        .collect();
    if let Some(Value::Object(inner)) = object.get_mut("objects") {
        outlines.extend(self::outlines(inner)?);
    }
    Ok(outlines)
}

/// What an object has under the first of these names that it has.
fn named<'a>(object: &'a Map<String, Value>, names: &[&str]) -> Vec<&'a Value> {
    let mut known = names.iter().map(|known| {
        let entries = object.iter();
        let values = entries
            .filter(|(name, value)| without_number(&normal(name)) == *known && !value.is_null());
        values.map(|(_, value)| value).collect::<Vec<_>>()
    });
    known.find(|values| !values.is_empty()).unwrap_or_default()
}

/// All captions: a text, a list of texts, or of objects with one.
fn captions(object: &Map<String, Value>) -> Result<Vec<String>, String> {
    let found = named(object, &CAPTION);
    if found.is_empty() {
        return Err(missing("caption", &CAPTION, object));
    }
    let mut captions = Vec::new();
    for value in found {
        texts(value, &mut captions)?;
    }
    if captions.len() > 1 && captions.iter().any(|caption| !trimmed(caption).is_empty()) {
        captions.retain(|caption| !trimmed(caption).is_empty());
    }
    match captions.is_empty() {
        true => Err("its list of captions is empty".into()),
        false => Ok(captions),
    }
}

fn texts(value: &Value, found: &mut Vec<String>) -> Result<(), String> {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(values) => values.iter().try_for_each(|value| texts(value, found))?,
        Value::Object(object) if !named(object, &CAPTION).is_empty() => {
            found.extend(captions(object)?);
        }
        other => return Err(format!("its caption is {other}, expected a text")),
    }
    Ok(())
}

/// The image's path; as Hugging Face's data sets hold images, it is within an object.
fn image(object: &Map<String, Value>) -> Result<String, String> {
    match named(object, &IMAGE).first() {
        None => Err(missing("image", &IMAGE, object)),
        Some(Value::String(path)) => Ok(path.clone()),
        Some(Value::Object(inner)) => image(inner),
        Some(other) => Err(format!("its image is {other}, expected a path")),
    }
}

fn missing(what: &str, names: &[&str], object: &Map<String, Value>) -> String {
    let is_asked = |name: &str| names.contains(&without_number(&normal(name)));
    if object.keys().any(|name| is_asked(name)) {
        return format!("its {what} is null");
    }
    let keys: Vec<&str> = object.keys().map(String::as_str).collect();
    format!(
        "it has no key for the {what}, found {}, expected one of {}",
        keys.join(", "),
        names.join(", ")
    )
}
