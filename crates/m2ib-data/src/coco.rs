//! COCO's captions, and what its JSON files have in common.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::json::{Id, Lenient, read as read_json};
use crate::rows::{Draft, Rows};
use crate::{DataFormat, DataResult, boxes};

/// An image, as far as it matters here.
#[derive(Debug, Deserialize)]
pub(super) struct Image {
    id: Id,
    file_name: Option<String>,
    /// MS-CXR's, from its folder; `file_name` alone would not find the image.
    path: Option<String>,
    width: Option<Value>,
    height: Option<Value>,
}

/// The images of a file by their ids.
pub(super) struct Images(HashMap<Id, Known>);

/// Where an image is, and what its annotation takes for its size.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) path: String,
    pub(super) size: Option<[u32; 2]>,
}

#[derive(Debug, Deserialize)]
struct File {
    images: Vec<Lenient<Image>>,
    annotations: Vec<Lenient<Annotation>>,
}

#[derive(Debug, Deserialize)]
struct Annotation {
    id: Id,
    image_id: Id,
    caption: String,
}

/// A row an annotation.
pub(super) fn read(path: &Path, rows: &mut Rows) -> DataResult<()> {
    let file: File = read_json(path, DataFormat::CocoCaptions)?;
    let images = Images::new(file.images, rows);
    for (place, annotation) in file.annotations.into_iter().enumerate() {
        match annotation.0 {
            Err(reason) => rows.take(&format!("annotations[{place}]"), Err(reason)),
            Ok(Annotation {
                id,
                image_id,
                caption,
            }) => {
                let draft = images.get(&image_id).map(|image| Draft {
                    image: image.path.clone(),
                    caption,
                    ..Draft::default()
                });
                rows.take(&id.to_string(), draft);
            }
        }
    }
    Ok(())
}

impl Images {
    /// Those that are whole; the others are failures.
    pub(super) fn new(list: Vec<Lenient<Image>>, rows: &mut Rows) -> Self {
        let mut images = HashMap::with_capacity(list.len());
        for (place, image) in list.into_iter().enumerate() {
            let image = image.0.and_then(
                |Image {
                     id,
                     file_name,
                     path,
                     width,
                     height,
                 }| {
                    let path = path.or(file_name).ok_or("missing field `file_name`")?;
                    let side = |side: Option<Value>| boxes::pixels(side?.as_f64()?);
                    let size = side(width).zip(side(height)).map(<[u32; 2]>::from);
                    Ok((id, Known { path, size }))
                },
            );
            match image {
                Ok((id, known)) => {
                    images.insert(id, known);
                }
                Err(reason) => rows.take(&format!("images[{place}]"), Err(reason)),
            }
        }
        Self(images)
    }

    /// An image.
    pub(super) fn get(&self, id: &Id) -> Result<&Known, String> {
        let known = self.0.get(id);
        known.ok_or_else(|| format!("its image {id} is not among the images of the file"))
    }
}
