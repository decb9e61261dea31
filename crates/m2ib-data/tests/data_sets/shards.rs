//! Pictures inside Parquet and tar files: the same rows as of files side by side, and every damage told.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{
    Array, ArrayRef, BinaryArray, Int64Array, RecordBatch, StringArray, StructArray,
};
use arrow_schema::{DataType, Field, Fields};
use m2ib_data::{DataError, Listing, Region, Source};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use rstest::rstest;
use tempfile::TempDir;

use super::colour;

const COLOURS: [(&str, [u8; 3]); 3] = [
    ("red", [250, 0, 0]),
    ("green", [0, 250, 0]),
    ("blue", [0, 0, 250]),
];

fn png([r, g, b]: [u8; 3]) -> Vec<u8> {
    let picture = image::RgbImage::from_pixel(12, 8, image::Rgb([r, g, b]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}

/// A tar file of members.
fn tar(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        archive
            .append_data(&mut header, name, bytes.as_slice())
            .unwrap();
    }
    archive.into_inner().unwrap()
}

/// The three colours, each with its caption, by numbers from `first` on.
fn members(first: usize) -> Vec<(String, Vec<u8>)> {
    let rows = COLOURS.iter().enumerate();
    rows.flat_map(|(place, (name, rgb))| {
        let key = format!("{:04}", first + place);
        [
            (format!("{key}.png"), png(*rgb)),
            (
                format!("{key}.txt"),
                format!("a {name} square\n").into_bytes(),
            ),
        ]
    })
    .collect()
}

fn web_shard(first: usize) -> Vec<u8> {
    let members = members(first);
    let members: Vec<_> = members
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.clone()))
        .collect();
    tar(&members)
}

fn columns(image: ArrayRef) -> Vec<(&'static str, ArrayRef)> {
    let captions = COLOURS.map(|(name, _)| format!("a {name} square"));
    let captions: ArrayRef = Arc::new(StringArray::from(captions.to_vec()));
    vec![("image", image), ("text", captions)]
}

fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    // Groups of two rows: pictures are found behind the first of them too.
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(2))
        .build();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn pngs() -> ArrayRef {
    let pictures: Vec<Vec<u8>> = COLOURS.iter().map(|(_, rgb)| png(*rgb)).collect();
    let pictures: Vec<&[u8]> = pictures.iter().map(Vec::as_slice).collect();
    Arc::new(BinaryArray::from(pictures))
}

/// As Hugging Face has them.
fn bytes_and_paths(bytes: Option<ArrayRef>, paths: [&str; 3]) -> ArrayRef {
    let bytes = bytes.unwrap_or_else(|| Arc::new(BinaryArray::from(vec![None::<&[u8]>; 3])));
    let paths: ArrayRef = Arc::new(StringArray::from(paths.to_vec()));
    let fields = Fields::from(vec![
        Field::new("bytes", DataType::Binary, true),
        Field::new("path", DataType::Utf8, true),
    ]);
    Arc::new(StructArray::new(fields, vec![bytes, paths], None))
}

fn written(name: &str, bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    for (name, rgb) in COLOURS {
        std::fs::write(folder.path().join(format!("{name}.png")), png(rgb)).unwrap();
    }
    (folder, path)
}

#[rstest]
#[case("rows.tar", web_shard(0))]
#[case("rows.parquet", parquet(columns(pngs())))]
#[case(
    "rows.parquet",
    parquet(columns(bytes_and_paths(Some(pngs()), ["1.png", "2.png", ""])))
)]
#[case(
    "rows.parquet",
    parquet(columns(bytes_and_paths(None, ["red.png", "green.png", "blue.png"])))
)]
#[case(
    "rows.parquet",
    parquet(columns(Arc::new(StringArray::from(vec!["red.png", "green.png", "blue.png"]))))
)]
fn rows_are_the_same_however_they_are_packed(#[case] name: &str, #[case] bytes: Vec<u8>) {
    let (folder, path) = written(name, &bytes);
    let table = folder.path().join("rows.tsv");
    let lines = COLOURS.map(|(name, _)| format!("a {name} square\t{name}.png\n"));
    std::fs::write(&table, lines.concat()).unwrap();
    let plain = Source::new(&table).read().unwrap();
    let packed = Source::new(&path).read().unwrap();
    assert!(packed.failures.is_empty(), "{:?}", packed.failures);
    assert_eq!(packed.rows.len(), 3);
    // From the last on: what was read once is found again.
    for (packed, plain) in packed.rows.iter().zip(&plain.rows).rev() {
        assert_eq!(packed.caption, plain.caption);
        assert_eq!(format!("a {} square", colour(packed)), packed.caption);
        assert_eq!(packed.identity(), plain.identity());
    }
}

#[test]
fn a_web_data_set_may_have_json_boxes_and_members_in_any_order() {
    let json = br#"{"text": "a red square", "url": "https://x", "bbox": [1, 2, 3, 4]}"#;
    let bytes = tar(&[
        ("b/0.png", png([250, 0, 0])),
        ("b/1.seg.png", png([0, 0, 250])),
        ("b/1.PNG", png([0, 250, 0])),
        ("b/1.txt", b"a green square".to_vec()),
        ("b/0.json", json.to_vec()),
        ("b/2.txt", b"no picture".to_vec()),
        ("b/3.png", png([0, 0, 250])),
        ("b/4.png", png([0, 0, 250])),
        ("b/4.json", b"{\"text\": ".to_vec()),
        ("b/5.cls", b"7".to_vec()),
    ]);
    let (_folder, path) = written("rows.tar", &bytes);
    let dataset = Source::new(&path).read().unwrap();
    assert_eq!(super::keys(&dataset), ["rows.tar:b/0", "rows.tar:b/1"]);
    let regions = &dataset.rows[0].regions;
    assert!(matches!(regions[..], [Region::Box(_)]), "{regions:?}");
    assert_eq!(dataset.rows[1].caption, "a green square");
    assert_eq!(colour(&dataset.rows[1]), "green");
    super::assert_failures(
        &dataset,
        &[
            ("b/2", "no image"),
            ("b/3", "no .txt or .json"),
            ("b/4", "its .json"),
        ],
    );
    assert!(dataset.notes[0].contains(".cls"), "{:?}", dataset.notes);
}

#[test]
fn long_names_are_read_whole() {
    let name = format!("{}/0", "folder".repeat(30));
    let bytes = tar(&[
        (&format!("{name}.png"), png([250, 0, 0])),
        (&format!("{name}.txt"), b"a red square".to_vec()),
    ]);
    let (_folder, path) = written("rows.tar", &bytes);
    let dataset = Source::new(&path).read().unwrap();
    assert_eq!(dataset.rows[0].key, format!("rows.tar:{name}"));
    assert_eq!(colour(&dataset.rows[0]), "red");
}

#[test]
fn several_captions_of_a_picture_are_rows_and_ids_are_kept() {
    let mut captions = ListBuilder::new(StringBuilder::new());
    for (name, _) in COLOURS {
        captions.append_value([Some(name), Some("a square")]);
    }
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![7, 8, 9]));
    let captions: ArrayRef = Arc::new(captions.finish());
    let bytes = parquet(vec![("id", ids), ("captions", captions), ("jpg", pngs())]);
    let (_folder, path) = written("rows.parquet", &bytes);
    let dataset = Source::new(&path).read().unwrap();
    assert_eq!(dataset.rows.len(), 6);
    assert_eq!(dataset.rows[3].key, "rows.parquet:8#2");
    assert_eq!(colour(&dataset.rows[3]), "green");
    assert_eq!(dataset.images(), 3);
}

#[test]
fn shards_are_one_data_set_and_a_part_of_it_is_read_alone() {
    let folder = tempfile::tempdir().unwrap();
    for number in 8..=10 {
        let path = folder.path().join(format!("{number:02}.tar"));
        std::fs::write(path, web_shard(10 * number)).unwrap();
    }
    let at = |pattern: &str| folder.path().join(pattern);
    let whole = Source::new(at("{08..10}.tar")).read().unwrap();
    assert_eq!(whole.rows.len(), 9);
    assert_eq!(whole.rows[4].key, "09.tar:0091");
    for pattern in ["*.tar", "{08,09,10}.tar", ""] {
        let same = Source::new(at(pattern)).read().unwrap();
        assert_eq!(same.rows, whole.rows, "{pattern}");
    }
    let listing = Listing::of(Source::new(at("{08..10}.tar")), 2).unwrap();
    assert_eq!((listing.total(), listing.captions().len()), (9, 2));
    for places in [0..9, 2..4, 5..9, 8..8, 3..99] {
        let items = listing.items(places.clone()).unwrap();
        let rows: Vec<_> = items.iter().map(|item| item.row.clone().unwrap()).collect();
        let end = places.end.min(9) as usize;
        assert_eq!(rows, whole.rows[places.start as usize..end]);
    }
    let before = listing.identity().clone();
    std::fs::write(at("09.tar"), web_shard(900)).unwrap();
    let after = Listing::of(Source::new(at("{08..10}.tar")), 2).unwrap();
    assert_ne!(*after.identity(), before);

    let error = Source::new(at("{08..20}.tar")).read().unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("10 of 13 files") && text.contains("11.tar"),
        "{text}"
    );
    let error = Source::new(at("*.parquet")).read().unwrap_err().to_string();
    assert!(error.contains("there is no file"), "{error}");
}

#[test]
fn failures_have_their_places_among_the_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.tsv");
    std::fs::write(&path, "a\ta.png\nno image\nb\tb.png\n").unwrap();
    let listing = Listing::of(Source::new(&path), 10).unwrap();
    assert_eq!(listing.total(), 3);
    let items = listing.items(1..3).unwrap();
    assert_eq!(items[0].place, 1);
    assert_eq!(items[0].row.as_ref().unwrap_err().row, "rows.tsv:2");
    assert_eq!(items[1].row.as_ref().unwrap().caption, "b");
}

fn refused(path: &Path) -> String {
    let error = Source::new(path).read().unwrap_err();
    let text = error.to_string();
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(text.contains(name), "{text}");
    assert!(!text.contains('\n'), "{text}");
    text
}

#[test]
fn a_tar_file_that_ends_early_or_is_none_is_told() {
    let whole = web_shard(0);
    let zeros = 1024;
    let content = whole.iter().rposition(|&byte| byte != 0).unwrap() + 1;
    let ends = content.next_multiple_of(512);
    for (length, reason) in [
        (ends + 100, "ends early, within the header"),
        (ends, "without the mark"),
        (ends - 512, "ends early: its member 0002.txt"),
        (520, "ends early: its member 0000.png"),
        (300, "no tar file"),
        (0, "it is empty"),
    ] {
        // Blocks of zeros that are cut off are no end.
        let bytes = match length > ends {
            true => [&whole[..ends], &[1; 100]].concat(),
            false => whole[..length].to_vec(),
        };
        let (_folder, path) = written("half.tar", &bytes);
        let text = refused(&path);
        assert!(text.contains(reason), "{length}: {text}");
    }
    let (_folder, path) = written("whole.tar", &whole[..ends + zeros / 2]);
    assert_eq!(Source::new(&path).read().unwrap().rows.len(), 3);

    let mut damaged = whole.clone();
    damaged[3] ^= 1;
    let (_folder, path) = written("damaged.tar", &damaged);
    assert!(refused(&path).contains("no tar file"));
    let mut damaged = whole.clone();
    let second = damaged.windows(8).position(|at| at == b"0001.png").unwrap();
    damaged[second] ^= 1;
    let (_folder, path) = written("damaged.tar", &damaged);
    assert!(refused(&path).contains("does not fit its checksum"));
    let (_folder, path) = written("packed.tar.gz", b"\x1f\x8b\x08rest");
    assert!(refused(&path).contains("gunzip"));
}

#[test]
fn a_header_that_claims_too_much_is_refused_before_it_is_read() {
    let mut header = tar::Header::new_gnu();
    header.set_path("0.png").unwrap();
    header.set_size(1 << 40);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.write_all(&[0; 2048]).unwrap();
    let (_folder, path) = written("huge.tar", &bytes);
    assert!(refused(&path).contains("should reach byte"));
    header.set_entry_type(tar::EntryType::GNULongName);
    header.set_size(1 << 17);
    header.set_cksum();
    let bytes = [header.as_bytes().to_vec(), vec![b'a'; 1 << 18]].concat();
    let (_folder, path) = written("long.tar", &bytes);
    assert!(refused(&path).contains("at most 65536"));
}

#[test]
fn a_parquet_file_that_is_damaged_or_of_other_types_is_told() {
    let whole = parquet(columns(pngs()));
    for length in [0, 4, whole.len() / 2, whole.len() - 1] {
        let (_folder, path) = written("half.parquet", &whole[..length]);
        let text = refused(&path);
        let words = if length == 0 {
            "it is empty"
        } else {
            "ends early"
        };
        assert!(text.contains(words), "{length}: {text}");
    }
    // Its description ends in its length.
    let mut damaged = whole.clone();
    let place = damaged.len() - 6;
    damaged[place] = 0xFF;
    let (_folder, path) = written("damaged.parquet", &damaged);
    assert!(refused(&path).contains("what it says of itself"));

    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let (_folder, path) = written("typed.parquet", &parquet(columns(numbers.clone())));
    let text = refused(&path);
    assert!(text.contains("\"image\" holds Int64"), "{text}");
    let mut typed = columns(pngs());
    typed[1].1 = numbers.clone();
    let (_folder, path) = written("typed.parquet", &parquet(typed));
    let text = refused(&path);
    assert!(text.contains("\"text\" holds Int64"), "{text}");
    let (_folder, path) = written("bare.parquet", &parquet(vec![("image", pngs())]));
    let error = Source::new(&path).read().unwrap_err();
    assert!(matches!(error, DataError::Header { .. }), "{error}");
    let (_folder, path) = written("bare.parquet", &parquet(vec![("text", numbers)]));
    let error = Source::new(&path).read().unwrap_err().to_string();
    assert!(error.contains("the image"), "{error}");
}

#[test]
fn what_is_no_parquet_file_or_packed_in_another_way_is_told() {
    for (bytes, words) in [
        (&b""[..], "it is empty"),
        (b"PAR1 and no more", "it ends early"),
        (b"<html>not found</html>", "it is no Parquet file"),
        (
            include_bytes!("../data/brotli.parquet"),
            "its column \"image\" is packed by brotli, which is not read",
        ),
    ] {
        let (_folder, path) = written("other.parquet", bytes);
        let text = refused(&path);
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn a_caption_that_is_null_says_so() {
    let captions = StringArray::from(vec![Some("a red square"), None, Some(" ")]);
    let mut with_nulls = columns(pngs());
    with_nulls[1].1 = Arc::new(captions);
    let pairs = "{\"image\": \"red.png\", \"text\": \"a red square\"}\n\
                 {\"image\": \"green.png\", \"text\": null}\n\
                 {\"image\": \"blue.png\", \"text\": \" \"}\n";
    for (name, bytes) in [
        ("nulls.parquet", parquet(with_nulls)),
        ("nulls.jsonl", pairs.as_bytes().to_vec()),
    ] {
        let (_folder, path) = written(name, &bytes);
        let listing = Listing::of(Source::new(&path), 10).unwrap();
        let reasons = listing.items(0..3).unwrap().into_iter();
        let reasons: Vec<_> = reasons
            .map(|item| item.row.err().map(|failure| failure.reason))
            .collect();
        let reasons: Vec<_> = reasons.iter().map(Option::as_deref).collect();
        let expected = [
            None,
            Some("its caption is null"),
            Some("its caption is empty"),
        ];
        assert_eq!(reasons, expected, "{name}");
    }
}

#[test]
fn a_picture_that_is_missing_or_broken_costs_its_row_alone() {
    let pictures = [Some(png([250, 0, 0])), None, Some(b"no picture".to_vec())];
    let pictures: BinaryArray = pictures.iter().map(|it| it.as_deref()).collect();
    assert_eq!(pictures.null_count(), 1);
    let (_folder, path) = written("rows.parquet", &parquet(columns(Arc::new(pictures))));
    let dataset = Source::new(&path).read().unwrap();
    let opened: Vec<_> = dataset.rows.iter().map(|row| row.open()).collect();
    assert!(opened[0].is_ok());
    for (row, reason) in [(1, "row 2 has no bytes"), (2, "no known format")] {
        let error = opened[row].as_ref().unwrap_err();
        let text = m2ib_files::causes(error);
        assert!(
            text.contains(reason) && text.contains("rows.parquet:"),
            "{text}"
        );
    }
}

#[rstest]
#[case::tar("pairs.tar", web_shard(0))]
#[case::parquet("pairs.parquet", parquet(columns(pngs())))]
fn the_parts_of_shards_are_their_pictures_and_captions(#[case] name: &str, #[case] bytes: Vec<u8>) {
    let (_folder, path) = written(name, &bytes);
    let parts = Source::new(path).parts().unwrap();
    assert_eq!((parts.images.len(), parts.captions.len()), (3, 3));
    for (image, (_, rgb)) in parts.images.iter().zip(COLOURS) {
        let picture = image.open(Default::default()).unwrap();
        assert_eq!(picture.to_rgb8().get_pixel(0, 0).0, rgb);
    }
}
