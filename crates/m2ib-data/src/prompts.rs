//! MedCLIP-SAM's layout: a JSON object of prompts by pictures' names, a folder of pictures, and beside it
//! one of masks with the same names (Koleilat et al., *MedCLIP-SAM*, MICCAI 2024).
//!
//! ```text
//! breast_tumors/
//!   prompts.json        {"benign (1).png": "a medical breast mammogram showing …", …}
//!   val_images/         benign (1).png, …
//!   val_masks/          benign (1).png, …
//! ```
//!
//! A picture without a mask is a row without a region: it can be explained, and not measured.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::json::read as read_json;
use crate::names::EXTENSIONS;
use crate::rows::{Draft, Rows};
use crate::{DataFormat, DataResult, Region};

/// What a folder of pictures is called, and what stands for it in the name of that with their masks.
const NAMES: [&str; 2] = ["images", "masks"];

pub(super) fn read(path: &Path, rows: &mut Rows) -> DataResult<()> {
    let prompts: BTreeMap<String, Value> = read_json(path, DataFormat::Prompts)?;
    let masks = masks_beside(rows.images());
    let (mut without, all) = (0, prompts.len());
    for (image, prompt) in prompts {
        let region = masks.as_deref().and_then(|folder| mask(folder, &image));
        without += usize::from(region.is_none());
        let draft = match prompt {
            Value::String(caption) => Ok(Draft {
                image: image.clone(),
                caption,
                regions: region.into_iter().collect(),
                ..Draft::default()
            }),
            other => Err(format!("its prompt is {other}, expected a text")),
        };
        rows.take(&image, draft);
    }
    match masks {
        None => {
            let folder = rows.images().display();
            rows.note(format!(
                "no masks are taken: beside the pictures' folder {folder} there is none of that name with \"masks\" for \"images\""
            ));
        }
        Some(folder) if without > 0 => rows.note(format!(
            "{without} of {all} pictures have no mask of their name in {}",
            folder.display()
        )),
        Some(_) => {}
    }
    Ok(())
}

/// The folder whose name has "masks" for "images", if it is there.
fn masks_beside(images: &Path) -> Option<PathBuf> {
    let name = images.file_name()?.to_str()?;
    let [own, other] = NAMES;
    let masks = images.with_file_name(name.replace(own, other));
    (name.contains(own) && masks.is_dir()).then_some(masks)
}

/// The picture of this name, or of its stem with another ending.
fn mask(folder: &Path, image: &str) -> Option<Region> {
    let own = folder.join(image);
    let others = EXTENSIONS
        .iter()
        .map(|extension| own.with_extension(extension));
    let mut all = [own.clone()].into_iter().chain(others);
    all.find(|path| path.is_file()).map(Region::MaskFile)
}
