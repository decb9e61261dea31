//! Telling a format from a file's name and its beginning.

use std::io::{BufRead, Read};
use std::path::Path;

use serde::Deserialize;

use crate::error::read_error;
use crate::names::{CAPTION, IMAGE, is_image_path};
use crate::outline::Outline;
use crate::{DataError, DataFormat, DataResult, flickr, ref_coco, source_text, table};

/// No first line is longer than this.
const FIRST_LINE: u64 = 1 << 16;

impl DataFormat {
    /// The format of a file or folder.
    ///
    /// # Errors
    /// [`DataError::Read`], [`DataError::Pickle`] and [`DataError::UnknownFormat`].
    pub fn detect(path: &Path) -> DataResult<Self> {
        let about = std::fs::metadata(path).map_err(read_error(path))?;
        if about.is_dir() {
            return of_folder(path);
        }
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        match extension.to_ascii_lowercase().as_str() {
            "p" | "pkl" | "pickle" => Err(DataError::Pickle { path: path.into() }),
            "jsonl" | "ndjson" => Ok(Self::JsonLines),
            "parquet" => Ok(Self::Parquet),
            "tar" | "tgz" => Ok(Self::WebDataset),
            "gz" if is_packed_tar(path) => Ok(Self::WebDataset),
            extension => of_content(path, extension),
        }
    }
}

/// `.tar.gz`, whose reader says what to do.
fn is_packed_tar(path: &Path) -> bool {
    let stem = path.file_stem().map(Path::new);
    stem.and_then(Path::extension)
        .is_some_and(|end| end == "tar")
}

/// RefCOCO is handed out as a folder; any other holds images and texts.
fn of_folder(path: &Path) -> DataResult<DataFormat> {
    match path.join(ref_coco::INSTANCES).is_file() {
        true => Ok(DataFormat::RefCoco),
        false => Ok(DataFormat::Folder),
    }
}

fn of_content(path: &Path, extension: &str) -> DataResult<DataFormat> {
    let mut reader = source_text::open(path)?;
    let mut line = Vec::new();
    let mut start = reader.by_ref().take(FIRST_LINE);
    // Blank lines at the beginning say nothing.
    while line.trim_ascii().is_empty() {
        line.clear();
        if start
            .read_until(b'\n', &mut line)
            .map_err(read_error(path))?
            == 0
        {
            return Err(DataError::Empty { path: path.into() });
        }
    }
    let line = String::from_utf8_lossy(&line);
    let line = line
        .trim_start_matches('\u{feff}')
        .trim_end_matches(['\r', '\n']);
    let format = match line.trim_start().starts_with(['{', '[']) {
        true => return of_json(path),
        false => of_first_line(line, extension),
    };
    format.ok_or_else(|| match clip_input::foreign(line.as_bytes()) {
        Some(found) => unknown(path, format!("it is {}, which is no data set", found.what)),
        None => unknown(
            path,
            "its first line has no tab, no comma and no semicolon".into(),
        ),
    })
}

fn of_first_line(line: &str, extension: &str) -> Option<DataFormat> {
    let before = |mark| line.split_once(mark).map(|(cell, _)| cell);
    let is_image = |cell: &str| is_image_path(cell) || cell.trim() == flickr::IMAGE_NAME;
    if before('\t').is_some_and(flickr::is_token) {
        Some(DataFormat::FlickrToken)
    } else if line.matches('|').count() >= 2 && before('|').is_some_and(is_image) {
        Some(DataFormat::FlickrResults)
    } else if line.contains('\t') && !(extension == "csv" && line.contains(',')) {
        Some(DataFormat::Tsv)
    } else {
        let separated = table::SEPARATORS
            .iter()
            .any(|&mark| line.contains(char::from(mark)));
        separated.then_some(DataFormat::Csv)
    }
}

fn of_json(path: &Path) -> DataResult<DataFormat> {
    let mut json = serde_json::Deserializer::from_reader(source_text::open(path)?);
    // Only the first value: a file of JSON lines may be called .json.
    let outline = Outline::deserialize(&mut json);
    let outline = outline.map_err(|error| unknown(path, format!("no JSON: {error}")))?;
    let is_list = matches!(outline, Outline::List(_));
    let names = |names: &[&str]| names.iter().any(|name| outline.has(&[name]));
    let refers = names(&["ref_id", "ann_id"]);
    let known = [
        (
            is_list && refers && outline.has(&["sentences"]),
            DataFormat::RefCoco,
        ),
        (outline.has(&["images", "sentences"]), DataFormat::Karpathy),
        (
            outline.has(&["annotations", "label_text"]),
            DataFormat::MsCxr,
        ),
        (
            outline.has(&["annotations", "caption"]),
            DataFormat::CocoCaptions,
        ),
        (names(&IMAGE) && names(&CAPTION), DataFormat::JsonLines),
        (outline.is_table_of(is_image_path), DataFormat::Prompts),
    ];
    let known = known.into_iter().find(|(is, _)| *is);
    known.map(|(_, format)| format).ok_or_else(|| {
        let found = outline.keys();
        unknown(
            path,
            format!("its JSON is {found}, which is no known layout of captions"),
        )
    })
}

fn unknown(path: &Path, reason: String) -> DataError {
    DataError::UnknownFormat {
        path: path.into(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn detect(name: &str, content: &str) -> DataResult<DataFormat> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        DataFormat::detect(&path)
    }

    #[rstest]
    #[case("a.tsv", "a cat\tcat.png\n", DataFormat::Tsv)]
    #[case("a.TXT", "\n\na cat, asleep\tcat.png\n", DataFormat::Tsv)]
    #[case("a.csv", "a cat\tcat.png\n", DataFormat::Tsv)]
    #[case("a.csv", "a\tcat,cat.png\n", DataFormat::Csv)]
    #[case("captions.txt", "image,caption\n", DataFormat::Csv)]
    #[case(
        "results.csv",
        "image_name| comment_number| comment\n",
        DataFormat::FlickrResults
    )]
    #[case("results.csv", "7.jpg| 0| A cat , asleep\n", DataFormat::FlickrResults)]
    #[case("flickr.token", "7.jpg#0\tA cat\n", DataFormat::FlickrToken)]
    #[case("a.tsv", "number #0\tcat.png\n", DataFormat::Tsv)]
    #[case("a.jsonl", "", DataFormat::JsonLines)]
    #[case("a.json", "{\"image\": 1, \"caption\": 2}\n{}", DataFormat::JsonLines)]
    #[case(
        "a.json",
        "[{\"file_name\": \"\", \"text\": \"\"}]",
        DataFormat::JsonLines
    )]
    #[case("a.csv", "caption;image\n", DataFormat::Csv)]
    #[case(
        "busi.json",
        "{\n\"benign (1).png\": \"a\", \"b.jpg\": \"\"}",
        DataFormat::Prompts
    )]
    fn name_and_first_line_tell_the_format(
        #[case] name: &str,
        #[case] content: &str,
        #[case] format: DataFormat,
    ) {
        assert_eq!(detect(name, content).unwrap(), format);
    }

    #[rstest]
    #[case(r#"[{"ref_id": 1, "sentences": []}]"#, DataFormat::RefCoco)]
    #[case(
        r#"{"dataset": "flickr30k", "images": [{"sentences": []}]}"#,
        DataFormat::Karpathy
    )]
    #[case(
        r#"{"images": [], "annotations": [{"label_text": ""}]}"#,
        DataFormat::MsCxr
    )]
    #[case(
        r#"{"annotations": [{"caption": "", "id": 1}]}"#,
        DataFormat::CocoCaptions
    )]
    fn keys_tell_the_layout(#[case] json: &str, #[case] format: DataFormat) {
        assert_eq!(detect("a.json", json).unwrap(), format);
    }

    #[rstest]
    #[case(
        "a.json",
        r#"{"images": [{"id": 1}], "annotations": [{"bbox": []}]}"#,
        "\"annotations\""
    )]
    #[case("a.json", "[1, 2]", "a list that starts with a plain value")]
    #[case("a.json", "{\"images\": [", "no JSON")]
    #[case("notes.txt", "nothing here", "no tab, no comma and no semicolon")]
    fn what_cannot_be_told_is_said(
        #[case] name: &str,
        #[case] content: &str,
        #[case] reason: &str,
    ) {
        let error = detect(name, content).unwrap_err();
        assert!(matches!(error, DataError::UnknownFormat { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(reason) && text.contains("\"tsv\""), "{text}");
    }

    #[test]
    fn a_pickle_and_nothing_are_told() {
        let error = detect("refs(unc).p", "\u{80}").unwrap_err();
        assert!(
            error.to_string().contains("json.dump(pickle.load("),
            "{error}"
        );
        assert!(matches!(
            detect("a.tsv", "\n"),
            Err(DataError::Empty { .. })
        ));
        let error = DataFormat::detect(Path::new("/nowhere.tsv")).unwrap_err();
        assert!(matches!(error, DataError::Read { .. }), "{error}");
    }
}
