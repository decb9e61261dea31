//! A folder of images, each beside a text file with its captions.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::DataResult;
use crate::columns::EXTENSIONS;
use crate::error::read_error;
use crate::rows::{Draft, Rows};

/// The files of one stem.
#[derive(Default)]
struct Stem {
    images: Vec<PathBuf>,
    text: Option<PathBuf>,
}

/// Looks into folders in folders too. A caption's key is its image's path and its line.
pub(super) fn read(path: &Path, rows: &mut Rows) -> DataResult<()> {
    let mut stems: BTreeMap<PathBuf, Stem> = BTreeMap::new();
    for entry in WalkDir::new(path).follow_links(true).sort_by_file_name() {
        match entry {
            Ok(entry) => sort(&entry, &mut stems),
            Err(error) if error.depth() == 0 => return Err(read_error(path)(error.into())),
            Err(error) => {
                let place = error.path().unwrap_or(path).display().to_string();
                rows.take(&place, Err(error.to_string()));
            }
        }
    }
    if path.is_file() {
        let source = std::io::Error::other("it is a file, expected a folder of images");
        return Err(read_error(path)(source));
    }
    for stem in stems.into_values() {
        take(path, stem, rows);
    }
    Ok(())
}

fn sort(entry: &DirEntry, stems: &mut BTreeMap<PathBuf, Stem>) {
    if !entry.file_type().is_file() {
        return;
    }
    let path = entry.path();
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    let extension = extension.to_ascii_lowercase();
    let stem = || path.with_extension("");
    if extension == "txt" {
        stems.entry(stem()).or_default().text = Some(path.into());
    } else if EXTENSIONS.contains(&extension.as_str()) {
        stems.entry(stem()).or_default().images.push(path.into());
    }
}

fn take(folder: &Path, stem: Stem, rows: &mut Rows) {
    let name = |path: &Path| {
        let inside = path.strip_prefix(folder).unwrap_or(path).iter();
        let parts: Vec<_> = inside.map(|part| part.to_string_lossy()).collect();
        parts.join("/")
    };
    let captions = match &stem.text {
        None => Err("no .txt file with its captions is beside it".into()),
        Some(text) if stem.images.is_empty() => {
            return rows.take(&name(text), Err("no image of its name is beside it".into()));
        }
        Some(text) => captions(text),
    };
    for image in &stem.images {
        let name = name(image);
        match &captions {
            Err(reason) => rows.take(&name, Err(reason.clone())),
            Ok(captions) => {
                for (line, caption) in captions {
                    let draft = Draft {
                        image: name.clone(),
                        caption: caption.clone(),
                        ..Draft::default()
                    };
                    rows.take(&format!("{name}:{line}"), Ok(draft));
                }
            }
        }
    }
}

/// Lines that are not blank, with their numbers from 1.
fn captions(path: &Path) -> Result<Vec<(usize, String)>, String> {
    let failed = |reason: String| format!("cannot read {}: {reason}", path.display());
    let bytes = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|error| failed(error.to_string()))?;
    let text = text.trim_start_matches('\u{feff}');
    let lines = (1..).zip(text.lines().map(str::trim));
    let lines: Vec<_> = lines
        .filter(|(_, line)| !line.is_empty())
        .map(|(number, line)| (number, line.to_owned()))
        .collect();
    match lines.is_empty() {
        true => Err(failed("it has no caption in it".into())),
        false => Ok(lines),
    }
}
