//! Karpathy's splits of Flickr8k, Flickr30k and COCO: images with their sentences.

use std::path::Path;

use serde::Deserialize;

use crate::json::{Id, Lenient, read as read_json};
use crate::rows::{Draft, Rows};
use crate::{DataFormat, DataResult};

#[derive(Debug, Deserialize)]
struct File {
    images: Vec<Lenient<Image>>,
}

#[derive(Debug, Deserialize)]
struct Image {
    filename: String,
    /// The folder of COCO's images: "val2014".
    filepath: Option<String>,
    split: Option<String>,
    sentences: Vec<Lenient<Sentence>>,
}

#[derive(Debug, Deserialize)]
struct Sentence {
    raw: String,
    sentid: Option<Id>,
}

/// A row a sentence.
pub(super) fn read(path: &Path, rows: &mut Rows) -> DataResult<()> {
    let file: File = read_json(path, DataFormat::Karpathy)?;
    for (place, image) in file.images.into_iter().enumerate() {
        match image.0 {
            Err(reason) => rows.take(&format!("images[{place}]"), Err(reason)),
            Ok(image) => take(place, image, rows),
        }
    }
    Ok(())
}

fn take(place: usize, image: Image, rows: &mut Rows) {
    let path = match image.filepath.as_deref() {
        Some(folder) if !folder.is_empty() => format!("{folder}/{}", image.filename),
        _ => image.filename,
    };
    if image.sentences.is_empty() {
        let reason = "it has no sentences".into();
        rows.take(&format!("images[{place}]"), Err(reason));
    }
    for (number, sentence) in image.sentences.into_iter().enumerate() {
        let somewhere = || format!("images[{place}].sentences[{number}]");
        match sentence.0 {
            Err(reason) => rows.take(&somewhere(), Err(reason)),
            Ok(sentence) => {
                let id = sentence.sentid.map_or_else(somewhere, |id| id.to_string());
                let draft = Draft {
                    image: path.clone(),
                    caption: sentence.raw,
                    split: image.split.clone(),
                    ..Draft::default()
                };
                rows.take(&id, Ok(draft));
            }
        }
    }
}
