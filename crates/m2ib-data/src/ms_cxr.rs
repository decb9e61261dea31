//! MS-CXR: phrases of radiology reports and the boxes they speak of (Boecking et al., *Making the
//! Most of Text Semantics to Improve Biomedical Vision–Language Processing*, ECCV 2022).
//!
//! Laid out like COCO's files, with the phrase in `label_text`. A phrase with several boxes comes
//! as several annotations; they become one row. (The CSV of the same release is read as any CSV:
//! its columns have known names.)

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;

use crate::coco::{Image, Images};
use crate::json::{Id, Lenient, read as read_json};
use crate::region::Rectangle;
use crate::rows::{Draft, Rows};
use crate::{DataFormat, DataResult, Region};

#[derive(Debug, Deserialize)]
struct File {
    images: Vec<Lenient<Image>>,
    annotations: Vec<Lenient<Annotation>>,
    #[serde(default)]
    categories: Vec<Lenient<Category>>,
}

#[derive(Debug, Deserialize)]
struct Annotation {
    id: Id,
    image_id: Id,
    bbox: [f64; 4],
    label_text: Option<String>,
    category_id: Option<Id>,
    split: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Category {
    id: Id,
    name: String,
}

pub(super) fn read(path: &Path, rows: &mut Rows) -> DataResult<()> {
    let file: File = read_json(path, DataFormat::MsCxr)?;
    rows.merge();
    let images = Images::new(file.images, rows);
    let mut categories = HashMap::new();
    for (place, category) in file.categories.into_iter().enumerate() {
        match category.0 {
            Ok(category) => drop(categories.insert(category.id, category.name)),
            Err(reason) => rows.take(&format!("categories[{place}]"), Err(reason)),
        }
    }
    for (place, annotation) in file.annotations.into_iter().enumerate() {
        match annotation.0 {
            Err(reason) => rows.take(&format!("annotations[{place}]"), Err(reason)),
            Ok(annotation) => {
                let id = annotation.id.to_string();
                rows.take(&id, draft(annotation, &images, &categories));
            }
        }
    }
    Ok(())
}

fn draft(
    annotation: Annotation,
    images: &Images,
    categories: &HashMap<Id, String>,
) -> Result<Draft, String> {
    let category = annotation.category_id.and_then(|id| categories.get(&id));
    let phrase = annotation.label_text.filter(|text| !text.trim().is_empty());
    let caption = phrase.or(category.cloned());
    let image = images.get(&annotation.image_id)?;
    Ok(Draft {
        within: None,
        image: image.path.clone(),
        annotated: image.size,
        caption: caption.ok_or("it has neither a label_text nor a known category")?,
        regions: vec![Region::Box(Rectangle::new(annotation.bbox)?)],
        split: annotation.split,
    })
}
