//! Every layout read from a small file of its own, with rows that are wrong on purpose.

#![allow(clippy::unwrap_used)] // A test that cannot go on fails.

mod captions;
mod dataset;
mod forms;
mod regions;
mod shards;
mod tables;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use m2ib_data::{DataError, DataFormat, Dataset, Row, Source};
use rstest::rstest;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

fn read(name: &str) -> Dataset {
    Source::new(path(name)).read().unwrap()
}

fn keys(dataset: &Dataset) -> Vec<&str> {
    dataset.rows.iter().map(|row| row.key.as_str()).collect()
}

fn captions(dataset: &Dataset) -> Vec<&str> {
    let rows = dataset.rows.iter();
    rows.map(|row| row.caption.as_str()).collect()
}

/// Rows that failed, by what follows the file's name, and a part of each reason.
#[track_caller]
fn assert_failures(dataset: &Dataset, expected: &[(&str, &str)]) {
    let found = &dataset.failures;
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (failure, (row, reason)) in found.iter().zip(expected) {
        assert!(
            failure.row.ends_with(&format!(":{row}")),
            "{failure:?} for {row}"
        );
        assert!(failure.reason.contains(reason), "{failure:?} for {reason}");
    }
}

/// The colour of the square in a row's image, by its strongest channel.
fn colour(row: &Row) -> &'static str {
    let pixel = row.open().unwrap().to_rgb8().get_pixel(3, 2).0;
    let strongest = (0..3).max_by_key(|&channel| pixel[channel]).unwrap();
    ["red", "green", "blue"][strongest]
}

#[rstest]
#[case("captions.tsv", DataFormat::Tsv)]
#[case("captions-swapped.tsv", DataFormat::Tsv)]
#[case("captions.csv", DataFormat::Csv)]
#[case("captions-header.csv", DataFormat::Csv)]
#[case("pairs.jsonl", DataFormat::JsonLines)]
#[case("folder", DataFormat::Folder)]
#[case("coco/captions_val2014.json", DataFormat::CocoCaptions)]
#[case("flickr30k/dataset_flickr30k.json", DataFormat::Karpathy)]
#[case("flickr30k/results.csv", DataFormat::FlickrResults)]
#[case("flickr30k/results_20130124.token", DataFormat::FlickrToken)]
#[case("refcoco", DataFormat::RefCoco)]
#[case("refcoco/refs(unc).json", DataFormat::RefCoco)]
#[case("ms-cxr/MS_CXR_Local_Alignment_v1.0.0.json", DataFormat::MsCxr)]
#[case("ms-cxr/MS_CXR_Local_Alignment_v1.0.0.csv", DataFormat::Csv)]
fn a_layout_is_told_and_its_rows_are_whole(#[case] name: &str, #[case] format: DataFormat) {
    assert_eq!(DataFormat::detect(&path(name)).unwrap(), format);
    let dataset = read(name);
    assert_eq!(
        Source::new(path(name)).format(format).read().unwrap(),
        dataset
    );
    let keys = keys(&dataset);
    assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len());
    for row in &dataset.rows {
        assert_eq!(row.caption.trim(), row.caption);
        assert!(!row.caption.is_empty());
        if let Ok(image) = row.open() {
            assert_eq!((image.width(), image.height()), (12, 8), "{}", row.key);
        }
    }
    let unread = dataset
        .rows
        .iter()
        .filter(|row| row.open().is_err())
        .count();
    assert_eq!(unread, if name == "captions.tsv" { 2 } else { 0 });
}

#[rstest]
#[case("half.json", r#"{"images": [{"id": 1}], "#, DataFormat::CocoCaptions)]
#[case("list.json", "[]", DataFormat::Karpathy)]
#[case("object.json", "{}", DataFormat::MsCxr)]
fn a_container_that_cannot_be_read_ends_it(
    #[case] name: &str,
    #[case] content: &str,
    #[case] format: DataFormat,
) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    std::fs::write(&file, content).unwrap();
    let error = Source::new(&file).format(format).read().unwrap_err();
    assert!(matches!(error, DataError::Parse { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains(name) && text.contains(format.name()),
        "{text}"
    );
}

#[test]
fn what_is_missing_or_empty_is_an_error_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    std::fs::write(&empty, "").unwrap();
    for format in DataFormat::ALL {
        let source = Source::new(folder.path().join("nowhere")).format(format);
        let error = source.read().unwrap_err();
        assert!(matches!(error, DataError::Read { .. }), "{format}: {error}");
        let error = Source::new(&empty).format(format).read();
        assert!(error.is_err(), "{format}");
    }
}
