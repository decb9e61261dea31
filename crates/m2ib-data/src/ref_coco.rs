//! RefCOCO, RefCOCO+ and RefCOCOg: expressions that single out an object of a COCO image.
//!
//! `refs(unc).p` holds the expressions as a Python pickle, a list of objects with `ref_id`,
//! `ann_id`, `image_id`, `split` and `sentences`; its conversion to JSON is read. `instances.json`
//! beside it holds images, and outlines and boxes of objects. The file names in the expressions are
//! not those of COCO, so an image's comes from `instances.json`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::coco::{Image, Images};
use crate::error::read_error;
use crate::json::{Id, Lenient, read as read_json};
use crate::region::Rectangle;
use crate::rows::{Draft, Rows};
use crate::{DataError, DataFormat, DataResult, Region, Segmentation};

/// The file with the objects.
pub(super) const INSTANCES: &str = "instances.json";

#[derive(Debug, Deserialize)]
struct Instances {
    images: Vec<Lenient<Image>>,
    annotations: Vec<Lenient<Annotation>>,
}

#[derive(Debug, Deserialize)]
struct Annotation {
    id: Id,
    bbox: [f64; 4],
    #[serde(default = "no_outline", deserialize_with = "outline")]
    segmentation: Result<Option<Segmentation>, String>,
}

/// Objects by their ids, each with where it is or why that is not known.
type Objects = HashMap<Id, Result<Region, String>>;

/// An object and what it was called.
#[derive(Debug, Deserialize)]
struct Reference {
    ref_id: Id,
    ann_id: Id,
    image_id: Id,
    split: Option<String>,
    sentences: Vec<Lenient<Sentence>>,
}

#[derive(Debug, Deserialize)]
struct Sentence {
    sent_id: Option<Id>,
    /// In lower case and without punctuation, as it is evaluated.
    sent: Option<String>,
    raw: Option<String>,
}

/// A row an expression; its key is the reference's id and its own.
pub(super) fn read(path: &Path, rows: &mut Rows) -> DataResult<()> {
    let references = references_in(path)?;
    let instances = references.with_file_name(INSTANCES);
    let list: Vec<Lenient<Reference>> = read_json(&references, DataFormat::RefCoco)?;
    let Instances {
        images,
        annotations,
    } = read_json(&instances, DataFormat::RefCoco)?;
    let images = Images::new(images, rows);
    let objects = objects(annotations, rows);
    for (place, reference) in list.into_iter().enumerate() {
        match reference.0 {
            Err(reason) => rows.take(&format!("refs[{place}]"), Err(reason)),
            Ok(reference) => take(reference, &images, &objects, rows),
        }
    }
    rows.note_boxes_among_outlines();
    Ok(())
}

/// The file of expressions that is meant, which may be given by its folder.
fn references_in(path: &Path) -> DataResult<PathBuf> {
    if is_pickle(path) {
        return Err(DataError::Pickle { path: path.into() });
    }
    if !path.is_dir() {
        return Ok(path.into());
    }
    let entries = std::fs::read_dir(path).map_err(read_error(path))?;
    let files = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut files = files
        .collect::<Result<Vec<_>, _>>()
        .map_err(read_error(path))?;
    files.retain(|file| name(file).starts_with("refs"));
    files.sort();
    let [json, pickles] = [is_json, is_pickle].map(|is| {
        let files = files.iter().filter(|file| is(file));
        files.cloned().collect::<Vec<_>>()
    });
    match (json.as_slice(), pickles.as_slice()) {
        ([only], _) => Ok(only.clone()),
        ([], [pickle, ..]) => Err(DataError::Pickle {
            path: pickle.clone(),
        }),
        (found, _) => {
            let found: Vec<_> = found.iter().map(|file| name(file)).collect();
            let reason = match found.is_empty() {
                true => {
                    "it holds no file of expressions, expected refs(….json) beside instances.json"
                        .into()
                }
                false => format!(
                    "it holds several files of expressions, give one of {}",
                    found.join(", ")
                ),
            };
            Err(DataError::Parse {
                path: path.into(),
                format: DataFormat::RefCoco,
                reason,
            })
        }
    }
}

fn objects(list: Vec<Lenient<Annotation>>, rows: &mut Rows) -> Objects {
    let mut objects = HashMap::with_capacity(list.len());
    for (place, annotation) in list.into_iter().enumerate() {
        match annotation.0 {
            Ok(annotation) => {
                objects.insert(annotation.id.clone(), region(annotation));
            }
            Err(reason) => rows.take(&format!("annotations[{place}]"), Err(reason)),
        }
    }
    objects
}

/// The outline, or the box of an object that has none.
fn region(of: Annotation) -> Result<Region, String> {
    match of.segmentation? {
        Some(outline) => Ok(Region::Segmentation(outline.into())),
        None => Rectangle::new(of.bbox).map(Region::Box),
    }
}

fn no_outline() -> Result<Option<Segmentation>, String> {
    Ok(None)
}

fn outline<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Result<Option<Segmentation>, String>, D::Error> {
    Value::deserialize(deserializer).map(|value| Segmentation::read(&value))
}

fn take(reference: Reference, images: &Images, objects: &Objects, rows: &mut Rows) {
    let Reference {
        ref_id,
        ann_id,
        image_id,
        split,
        sentences,
    } = reference;
    if sentences.is_empty() {
        rows.take(&ref_id.to_string(), Err("it has no sentences".into()));
    }
    let image = images.get(&image_id);
    let region = objects.get(&ann_id).cloned().unwrap_or_else(|| {
        let reason = format!("its object {ann_id} is not among the annotations of {INSTANCES}");
        Err(reason)
    });
    for (place, sentence) in sentences.into_iter().enumerate() {
        let sentence = sentence.0;
        let named = sentence.as_ref().ok().and_then(|said| said.sent_id.clone());
        let id = named.map_or_else(|| place.to_string(), |id| id.to_string());
        let draft = sentence.and_then(|said| {
            let image = image.clone()?;
            Ok(Draft {
                within: None,
                image: image.path.clone(),
                annotated: image.size,
                caption: said.sent.or(said.raw).ok_or("missing field `sent`")?,
                regions: vec![region.clone()?],
                split: split.clone(),
            })
        });
        rows.take(&format!("{ref_id}/{id}"), draft);
    }
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into()
}

fn is_json(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "json")
}

fn is_pickle(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "p")
}
