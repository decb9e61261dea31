//! Data sets in several files: `train-{000..150}.tar`, `shards/*.parquet`, or a folder of such.

use std::path::{Path, PathBuf};

use crate::error::{read_error, shard_error};
use crate::names::EXTENSIONS;
use crate::{DataError, DataResult};

/// More files are none of one data set.
const MAX_SHARDS: usize = 1_000_000;

/// Endings of files that hold many pictures.
const ENDINGS: [&str; 2] = ["tar", "parquet"];

/// The files of a data set in their order: the path itself, if it is there and no folder of shards; else
/// those that its braces and asterisks stand for.
pub(super) fn shards(path: &Path) -> DataResult<Vec<PathBuf>> {
    if path.is_dir() {
        let inside = inside(path)?;
        return Ok(match inside.is_empty() {
            true => vec![path.into()],
            false => inside,
        });
    }
    let (Some(text), false) = (path.to_str(), path.exists()) else {
        return Ok(vec![path.into()]);
    };
    let mut all = Vec::new();
    let named = braces(text).map_err(shard_error(path))?;
    let is_glob = |name: &str| name.contains(['*', '?', '[']);
    let mut missing = Vec::new();
    let several = named.len() > 1;
    for name in named {
        match is_glob(&name) {
            true => all.extend(globbed(path, &name)?),
            false => {
                if several && !Path::new(&name).exists() {
                    missing.push(name.clone());
                }
                all.push(name.into());
            }
        }
    }
    if let Some(first) = missing.first() {
        return Err(DataError::MissingShards {
            path: path.into(),
            missing: missing.len(),
            shards: all.len(),
            first: first.into(),
        });
    }
    match all.is_empty() {
        true => Err(shard_error(path)("there is no file of that name".into())),
        false => Ok(all),
    }
}

/// Those in a folder, unless it has pictures of its own.
fn inside(folder: &Path) -> DataResult<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(read_error(folder))? {
        let path = entry.map_err(read_error(folder))?.path();
        let ending = path.extension().unwrap_or_default().to_string_lossy();
        let ending = ending.to_ascii_lowercase();
        if EXTENSIONS.contains(&ending.as_str()) {
            return Ok(Vec::new());
        }
        if ENDINGS.contains(&ending.as_str()) && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn globbed(path: &Path, pattern: &str) -> DataResult<Vec<PathBuf>> {
    let refused = |reason: String| shard_error(path)(reason);
    let found = glob::glob(pattern).map_err(|error| refused(error.to_string()))?;
    let found = found.take(MAX_SHARDS).collect::<Result<Vec<_>, _>>();
    let mut found = found.map_err(|error| refused(error.to_string()))?;
    found.retain(|path| path.is_file());
    found.sort();
    Ok(found)
}

/// All texts that a text with braces stands for: `{a,b}`, and `{000..150}` with as many digits as the
/// first number has.
fn braces(text: &str) -> Result<Vec<String>, String> {
    let parts = text
        .find('{')
        .and_then(|open| Some((open, open + text[open..].find('}')?)));
    let Some((open, close)) = parts else {
        return Ok(vec![text.into()]);
    };
    let inner = &text[open + 1..close];
    let choices: Vec<String> = match inner.split_once("..") {
        Some((from, to)) => {
            let number = |text: &str| {
                let number = text.parse::<usize>();
                number.map_err(|_| {
                    format!("\"{{{inner}}}\" is no range, expected one as in {{000..150}}")
                })
            };
            let (first, last) = (number(from)?, number(to)?);
            if last < first {
                return Err(format!("the range {{{inner}}} ends before it begins"));
            }
            if last - first >= MAX_SHARDS {
                return Err(format!(
                    "the range {{{inner}}} is of {} files, at most {MAX_SHARDS} are read",
                    last - first + 1
                ));
            }
            let digits = from.len();
            (first..=last)
                .map(|number| format!("{number:0digits$}"))
                .collect()
        }
        None => inner.split(',').map(str::to_owned).collect(),
    };
    let rests = braces(&text[close + 1..])?;
    if choices.len().saturating_mul(rests.len()) > MAX_SHARDS {
        return Err(format!("it stands for more than {MAX_SHARDS} files"));
    }
    let before = &text[..open];
    let all = choices.iter().flat_map(|choice| {
        rests
            .iter()
            .map(move |rest| format!("{before}{choice}{rest}"))
    });
    Ok(all.collect())
}

/// What a shard is called in keys: its path without the folders that all have in common.
pub(super) fn names(shards: &[PathBuf]) -> Vec<String> {
    let folder = |path: &PathBuf| path.parent().map(Path::to_path_buf).unwrap_or_default();
    let mut common = shards.first().map(folder).unwrap_or_default();
    for shard in shards {
        while !shard.starts_with(&common) && common.pop() {}
    }
    let name = |path: &PathBuf| {
        let inside = path.strip_prefix(&common).unwrap_or(path).iter();
        let parts: Vec<_> = inside.map(|part| part.to_string_lossy()).collect();
        parts.join("/")
    };
    shards.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_stand_for_all_they_say() {
        let all = |text: &str| braces(text).unwrap();
        assert_eq!(all("a.tar"), ["a.tar"]);
        assert_eq!(all("{08..10}.tar"), ["08.tar", "09.tar", "10.tar"]);
        assert_eq!(all("{a,b}/{1..2}"), ["a/1", "a/2", "b/1", "b/2"]);
        assert_eq!(all("a{"), ["a{"]);
        for (text, reason) in [
            ("{a..b}", "no range"),
            ("{3..1}", "ends before"),
            ("{0..99999999999}", "at most"),
            ("{0..9999}{0..9999}", "more than"),
        ] {
            let error = braces(text).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn shards_are_called_by_what_they_differ_in() {
        let named = |paths: &[&str]| names(&paths.iter().map(PathBuf::from).collect::<Vec<_>>());
        assert_eq!(named(&["data/a.tar"]), ["a.tar"]);
        assert_eq!(named(&["/d/x/0.tar", "/d/x/1.tar"]), ["0.tar", "1.tar"]);
        assert_eq!(named(&["/d/x/0.tar", "/d/y/0.tar"]), ["x/0.tar", "y/0.tar"]);
    }
}
