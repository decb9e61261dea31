//! Where results go: a folder that is checked before the work and written whole after it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use m2ib_files::write_whole;

/// A folder for results.
pub(crate) struct Output {
    folder: PathBuf,
}

impl Output {
    /// Checks that the folder can be written, or made, without leaving a trace.
    pub(crate) fn check(folder: &Path) -> Result<Self> {
        let existing = folder
            .ancestors()
            .map(|part| {
                if part.as_os_str().is_empty() {
                    Path::new(".")
                } else {
                    part
                }
            })
            .find(|part| part.exists())
            .unwrap_or(Path::new("."));
        if !existing.is_dir() {
            bail!(
                "--out {}: {} is a file, expected a folder",
                folder.display(),
                existing.display()
            );
        }
        tempfile::tempfile_in(existing).with_context(|| {
            format!(
                "--out {}: cannot write to {}",
                folder.display(),
                existing.display()
            )
        })?;
        Ok(Self {
            folder: folder.into(),
        })
    }

    /// Writes a file and returns its path.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf> {
        std::fs::create_dir_all(&self.folder)
            .with_context(|| format!("cannot make the folder {}", self.folder.display()))?;
        let path = self.folder.join(name);
        write_whole(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

/// A file name from an image's and a caption's: letters and digits, joined by hyphens.
pub(crate) fn file_stem(image: &Path, caption: &str) -> String {
    let stem = image.file_stem().unwrap_or_default().to_string_lossy();
    let words = caption
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    let slug = words.map(str::to_lowercase).collect::<Vec<_>>().join("-");
    let slug: String = slug.chars().take(60).collect();
    format!("{stem}-{slug}").trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_readable_and_bounded() {
        let image = Path::new("photos/dog.one.jpg");
        assert_eq!(
            file_stem(image, "A dog, \"Rex\" / 2"),
            "dog.one-a-dog-rex-2"
        );
        assert_eq!(file_stem(image, "…"), "dog.one");
        assert!(file_stem(image, &"long ".repeat(99)).chars().count() < 80);
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_refused_before_the_work() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = Output::check(&file.join("below"))
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains("is a file, expected a folder"), "{error}");
        let output = Output::check(&folder.path().join("a/b")).unwrap();
        assert!(
            !folder.path().join("a").exists(),
            "checking leaves no trace"
        );
        assert!(output.write("x.txt", b"x").unwrap().is_file());
    }
}
