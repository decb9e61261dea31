//! Where results go: judged before the work, written whole after it, and never over what was read.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::given::STANDARD;
use anyhow::{Context, Result, bail, ensure};
use m2ib_files::{TEMPORARY, digest, is_same, write_whole};

/// Bytes of a readable name, which everyone's file system takes: 255 is usual, with encryption 143.
const LONGEST: usize = 120;
/// Bytes of it that come from the image's name.
const LONGEST_STEM: usize = 32;
/// Bytes that are left for the caption behind stem and digest and before the longest ending.
const LONGEST_CAPTION: usize = 56;
/// Digits of the digest.
const DIGITS: usize = 12;

/// A folder for results.
#[derive(Debug)]
pub(crate) struct Output {
    folder: PathBuf,
    inputs: Vec<PathBuf>,
}

impl Output {
    /// Checks that the folder can be written, or made, without leaving a trace, and that files of
    /// these names can be put there without taking the place of an input.
    pub(crate) fn check(folder: &Path, names: &[&str], inputs: Vec<PathBuf>) -> Result<Self> {
        rehearse(folder).with_context(|| format!("--out {}", folder.display()))?;
        let output = Self {
            folder: folder.into(),
            inputs,
        };
        for name in names {
            output.check_file(name)?;
        }
        Ok(output)
    }

    /// Where it is.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// That a file may be written: nothing is there, or a file that is none of the inputs.
    fn check_file(&self, name: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        check_file(&path, &self.inputs).context("--out")?;
        Ok(path)
    }

    /// Writes a file and returns its path.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf> {
        std::fs::create_dir_all(&self.folder)
            .with_context(|| format!("cannot make the folder {}", self.folder.display()))?;
        let path = self.check_file(name)?;
        write_whole(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

/// That a file may be written: nothing is there, or a file that is none of the inputs.
pub(crate) fn check_file(path: &Path, inputs: &[PathBuf]) -> Result<()> {
    check_link(path)?;
    ensure!(
        !path.is_dir(),
        "{} is a folder, expected a file or nothing in its place",
        path.display()
    );
    let input = inputs.iter().find(|input| is_same(path, input));
    if let Some(input) = input {
        bail!(
            "{} would be overwritten, which is read as {}; choose another place for the results",
            path.display(),
            input.display()
        );
    }
    Ok(())
}

/// That a path is no link to what is not there.
fn check_link(path: &Path) -> Result<()> {
    match path.read_link() {
        Ok(target) if !path.exists() => bail!(
            "{} is a link to {}, which is not there; remove the link, or make what it leads to",
            path.display(),
            target.display()
        ),
        _ => Ok(()),
    }
}

/// Makes a folder and a file in it, and takes both away again.
pub(crate) fn rehearse(folder: &Path) -> Result<()> {
    ensure!(
        !folder.as_os_str().is_empty(),
        "it is empty, expected a folder"
    );
    ensure!(
        folder.as_os_str() != STANDARD,
        "only `m2ib explain` writes to standard output, expected a folder (one of this name is ./-)"
    );
    let mut made = Made(Vec::new());
    let parts: Vec<&Path> = folder.ancestors().collect();
    for part in parts.into_iter().rev() {
        if part.as_os_str().is_empty() || part.is_dir() {
            continue;
        }
        check_link(part)?;
        ensure!(
            !part.exists(),
            "{} is a file, expected a folder",
            part.display()
        );
        let making = std::fs::create_dir(part);
        making.with_context(|| format!("cannot make the folder {}", part.display()))?;
        made.0.push(part.into());
    }
    let mut name = OsString::from(TEMPORARY);
    name.push("x".repeat(LONGEST - TEMPORARY.len() - 6));
    let file = tempfile::Builder::new().prefix(&name).tempfile_in(folder);
    let file = file.map_err(|error| m2ib_files::unwritten(&folder.join(TEMPORARY), error));
    let file = file.with_context(|| format!("cannot write to {}", folder.display()))?;
    drop(file);
    Ok(())
}

/// Folders that go again, the innermost first.
struct Made(Vec<PathBuf>);

impl Drop for Made {
    fn drop(&mut self) {
        for folder in self.0.iter().rev() {
            // Where somebody has put something into it meanwhile, it stays.
            let _ = std::fs::remove_dir(folder);
        }
    }
}

/// A file name for an image and a caption: a readable part of either, and a digest of these and of
/// everything else that the results depend on. The same is called the same again, and nothing else
/// is.
pub(crate) fn file_stem(
    image: &Path,
    caption: &str,
    rest: impl IntoIterator<Item = Vec<u8>>,
) -> String {
    let stem = image.file_stem().unwrap_or_default().to_string_lossy();
    let known = [
        image.as_os_str().as_encoded_bytes().to_vec(),
        caption.as_bytes().to_vec(),
    ];
    let mut digest = digest(known.into_iter().chain(rest));
    digest.truncate(DIGITS);
    let parts = [
        plain(&stem, LONGEST_STEM),
        plain(&caption.to_lowercase(), LONGEST_CAPTION),
        digest,
    ];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("-")
}

/// Letters and digits joined by hyphens, of at most so many bytes.
fn plain(text: &str, longest: usize) -> String {
    let words = text.split(|char: char| !char.is_alphanumeric() && char != '_');
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let mut plain = words.join("-");
    let mut ends = (0..=longest.min(plain.len())).rev();
    let end = ends.find(|&end| plain.is_char_boundary(end));
    plain.truncate(end.unwrap_or_default());
    plain.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stem(image: &str, caption: &str, rest: &str) -> String {
        file_stem(Path::new(image), caption, [rest.as_bytes().to_vec()])
    }

    #[test]
    fn file_names_are_readable_and_bounded() {
        let name = stem("photos/dog.one.jpg", "A dog, \"Rex\" / 2", "");
        assert!(name.starts_with("dog-one-a-dog-rex-2-"), "{name}");
        assert_eq!(name.rsplit('-').next().unwrap().len(), DIGITS);
        assert_eq!(stem("../../a", "…", "").split('-').count(), 2);
        for (image, caption) in [
            ("a".repeat(240), "long ".repeat(99)),
            ("猫".repeat(80), "一只在窗台上睡觉的猫".repeat(30)),
        ] {
            let name = stem(&image, &caption, "");
            assert!(name.len() + ".patches.npy".len() <= LONGEST, "{name}");
            assert!(name.chars().all(|c| c.is_alphanumeric() || c == '-'));
        }
    }

    #[test]
    fn file_names_are_the_same_for_the_same_alone() {
        let long = "a photo of a hedgehog beside a very red and round balloon and";
        let all = [
            stem("a/1.png", "a dog!", "beta 1"),
            stem("b/1.png", "a dog!", "beta 1"),
            stem("a/1.png", "a dog?", "beta 1"),
            stem("a/1.png", "A dog!", "beta 1"),
            stem("a/1.png", "a dog!", "beta 2"),
            stem("a/1.png", &format!("{long} a cat"), ""),
            stem("a/1.png", &format!("{long} a dog"), ""),
        ];
        // Not even where letters are not told from capitals.
        let different: std::collections::BTreeSet<_> =
            all.iter().map(|name| name.to_lowercase()).collect();
        assert_eq!(different.len(), all.len(), "{all:?}");
        assert_eq!(stem("a/1.png", "a dog!", "beta 1"), all[0]);
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_refused_before_the_work() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let check = |path: &Path| Output::check(path, &["x.txt"], Vec::new());
        let refused = |path: &Path| m2ib_files::causes(check(path).unwrap_err().as_ref());
        let error = refused(&file.join("below"));
        assert!(error.contains("is a file, expected a folder"), "{error}");
        let error = refused(&folder.path().join("n".repeat(300)));
        assert!(error.contains("cannot make the folder"), "{error}");
        std::fs::create_dir_all(folder.path().join("taken/x.txt")).unwrap();
        let error = refused(&folder.path().join("taken"));
        assert!(error.contains("x.txt is a folder"), "{error}");
        let output = check(&folder.path().join("a/b")).unwrap();
        assert!(
            !folder.path().join("a").exists(),
            "checking leaves no trace"
        );
        assert!(output.write("x.txt", b"x").unwrap().is_file());
    }

    #[cfg(unix)]
    #[test]
    fn links_lead_neither_to_nowhere_nor_to_an_input() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let link = |to: &str, name: &str| std::os::unix::fs::symlink(at(to), at(name)).unwrap();
        link("nowhere", "dangling");
        let error = Output::check(&at("dangling"), &[], Vec::new()).unwrap_err();
        let error = m2ib_files::causes(error.as_ref());
        assert!(error.contains("is a link to"), "{error}");

        std::fs::write(at("input.csv"), "a").unwrap();
        link("input.csv", "soft.csv");
        std::fs::hard_link(at("input.csv"), at("hard.csv")).unwrap();
        for name in ["input.csv", "soft.csv", "hard.csv"] {
            let check = |inputs| Output::check(folder.path(), &[name], inputs);
            assert!(check(Vec::new()).is_ok());
            let error = check(vec![at("input.csv")]).unwrap_err();
            let error = m2ib_files::causes(error.as_ref());
            assert!(error.contains("would be overwritten"), "{error}");
        }
        // What came to be one since it was checked.
        let output = Output::check(folder.path(), &["new"], vec![at("input.csv")]).unwrap();
        link("input.csv", "new");
        assert!(output.write("new", b"b").is_err());
        assert_eq!(std::fs::read(at("input.csv")).unwrap(), b"a");
    }
}
