//! A folder of images, each beside a text file with its captions.

use std::collections::{BTreeMap, HashSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use clip_input::{START, foreign, is_image};
use walkdir::{DirEntry, WalkDir};

use crate::error::read_error;
use crate::names::EXTENSIONS;
use crate::rows::{Draft, Rows};
use crate::{DataError, DataResult, RowFailure, source_text};

/// The files of one stem.
#[derive(Default)]
struct Stem {
    images: Vec<PathBuf>,
    text: Option<PathBuf>,
    /// Whether another file of that name is a failure by itself.
    others: bool,
}

/// What a folder and those in it hold.
#[derive(Default)]
struct Files {
    stems: BTreeMap<PathBuf, Stem>,
    /// What is neither image nor text, and what cannot be looked at.
    failures: Vec<RowFailure>,
}

/// A caption's key is its image's path and its line.
pub(super) fn read(path: &Path, rows: &mut Rows) -> DataResult<()> {
    let files = Files::of(path)?;
    for failure in files.failures {
        rows.take(&failure.row, Err(failure.reason));
    }
    for stem in files.stems.into_values() {
        take(path, stem, rows);
    }
    Ok(())
}

/// All images and all captions, whether they belong together or not; captions with the names of
/// their files and their lines.
pub(super) fn parts(path: &Path) -> DataResult<(Vec<PathBuf>, Captions, Vec<RowFailure>)> {
    let Files {
        stems,
        mut failures,
    } = Files::of(path)?;
    let (mut images, mut all) = (Vec::new(), Vec::new());
    // By whatever links they are reached.
    let mut known = HashSet::new();
    let mut is_new = |path: &PathBuf| {
        let path = path.canonicalize().unwrap_or_else(|_| path.clone());
        known.insert(path)
    };
    for stem in stems.into_values() {
        images.extend(stem.images.into_iter().filter(&mut is_new));
        let Some(text) = stem.text.filter(&mut is_new) else {
            continue;
        };
        let name = name(path, &text);
        match captions(&text) {
            Ok(lines) => {
                let named = |(line, caption)| (format!("{name}:{line}"), caption);
                all.extend(lines.into_iter().map(named));
            }
            Err(reason) => failures.push(RowFailure { row: name, reason }),
        }
    }
    Ok((images, all, failures))
}

/// Captions with where they are from.
pub(super) type Captions = Vec<(String, String)>;

impl Files {
    /// Looks into folders in folders too.
    fn of(path: &Path) -> DataResult<Self> {
        let mut files = Self::default();
        let root = path.canonicalize().unwrap_or_else(|_| path.into());
        let walk = WalkDir::new(path).follow_links(true).sort_by_file_name();
        let mut walk = walk.into_iter();
        while let Some(entry) = walk.next() {
            match entry {
                // All would be there twice, and that again.
                Ok(entry) if leads_up(&entry, &root) => {
                    walk.skip_current_dir();
                    files.failures.push(RowFailure {
                        row: name(path, entry.path()),
                        reason: "it is a link to a folder that holds all of it".into(),
                    });
                }
                Ok(entry) => files.sort(path, &entry),
                Err(error) if error.depth() == 0 => return Err(read_error(path)(error.into())),
                Err(error) => files.failures.push(RowFailure {
                    row: name(path, error.path().unwrap_or(path)),
                    reason: error.to_string(),
                }),
            }
        }
        if path.is_file() {
            let source = std::io::Error::other("it is a file, expected a folder of images");
            return Err(read_error(path)(source));
        }
        Ok(files)
    }

    fn sort(&mut self, folder: &Path, entry: &DirEntry) {
        let path = entry.path();
        let own = path.file_name().unwrap_or_default().to_string_lossy();
        // What systems leave behind: .DS_Store, Thumbs.db.
        let left = own.starts_with('.') || own.eq_ignore_ascii_case("thumbs.db");
        if !entry.file_type().is_file() || left {
            return;
        }
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        let extension = extension.to_ascii_lowercase();
        let stem = || path.with_extension("");
        if extension == "txt" {
            self.stems.entry(stem()).or_default().text = Some(path.into());
        } else if EXTENSIONS.contains(&extension.as_str()) {
            self.stems
                .entry(stem())
                .or_default()
                .images
                .push(path.into());
        } else {
            match unknown(path) {
                Ok(()) => self
                    .stems
                    .entry(stem())
                    .or_default()
                    .images
                    .push(path.into()),
                Err(reason) => {
                    self.stems.entry(stem()).or_default().others = true;
                    self.failures.push(RowFailure {
                        row: name(folder, path),
                        reason,
                    });
                }
            }
        }
    }
}

/// Whether an entry is a link to the folder that is read, or to one above it.
fn leads_up(entry: &DirEntry, root: &Path) -> bool {
    let is_link = entry.depth() > 0 && entry.path_is_symlink();
    let target = is_link.then(|| entry.path().canonicalize().ok()).flatten();
    target.is_some_and(|target| root.starts_with(&target))
}

/// Whether a file of an unknown extension is an image all the same, or what it is.
fn unknown(path: &Path) -> Result<(), String> {
    let mut start = Vec::new();
    let file =
        m2ib_files::open(path).and_then(|file| file.take(START as u64).read_to_end(&mut start));
    file.map_err(|error| format!("it cannot be read: {error}"))?;
    match foreign(&start) {
        _ if is_image(&start) => Ok(()),
        Some(found) => Err(format!("it is {}; {}", found.what, found.advice)),
        None => Err("it is no image and no .txt file with captions".into()),
    }
}

/// A file's path within the folder.
fn name(folder: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(folder).unwrap_or(path).iter();
    let parts: Vec<_> = inside.map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

fn take(folder: &Path, stem: Stem, rows: &mut Rows) {
    let name = |path: &Path| name(folder, path);
    let captions = match &stem.text {
        None => Err("no .txt file with its captions is beside it".into()),
        Some(_) if stem.images.is_empty() && stem.others => return,
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
    let bytes = source_text::read(path).map_err(|error| match error {
        DataError::Read { source, .. } => failed(source.to_string()),
        error => error.to_string(),
    })?;
    let text = String::from_utf8(bytes).map_err(|error| failed(error.to_string()))?;
    let lines = (1..).zip(text.lines().map(source_text::trimmed));
    let lines: Vec<_> = lines
        .filter(|(_, line)| !line.is_empty())
        .map(|(number, line)| (number, line.to_owned()))
        .collect();
    match lines.is_empty() {
        true => Err(failed("it has no caption in it".into())),
        false => Ok(lines),
    }
}
