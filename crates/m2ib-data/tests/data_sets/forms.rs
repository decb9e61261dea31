//! One data set in every form that programs write it in.

use std::path::Path;

use m2ib_data::{DataFormat, Dataset, Source};
use rstest::rstest;

use super::{assert_failures, captions, path};

/// Reads files written into a folder, the first of them being the data set.
fn read(files: &[(&str, &[u8])]) -> Dataset {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }
    let source = Source::new(folder.path().join(files[0].0));
    source.images(path("folder")).read().unwrap()
}

fn utf_16(text: &str) -> Vec<u8> {
    let units = ["\u{feff}", text].concat();
    units.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[rstest]
#[case(
    "a.tsv",
    "caption\timage\na red square\tred.png\na blue square\tinner/blue.png\n"
)]
#[case(
    "a.tsv",
    "caption\timage\na red square\tred.png\na blue square\tinner\\blue.png\n"
)]
#[case(
    "a.tsv",
    "file_name\ttext\nred.png\ta red square\ninner/blue.png\ta blue square\n"
)]
#[case(
    "a.csv",
    "caption;image\na red square;red.png\n\"a blue square\";inner/blue.png\n"
)]
#[case("a.csv", "a red square;red.png\na blue square;inner/blue.png\n")]
#[case(
    "a.csv",
    "sep=;\r\nimage;caption\r\nred.png;a red square\r\ninner/blue.png;a blue square\r\n"
)]
#[case(
    "a.csv",
    "image|caption\nred.png|a red square\ninner/blue.png|a blue square\n"
)]
#[case(
    "a.jsonl",
    r#"{"file_name": "red.png", "text": "a red square"}
{"file_name": "inner/blue.png", "text": "a blue square"}"#
)]
#[case(
    "a.jsonl",
    r#"{"image": "red.png", "image_text": "a red square", "boxes": null}
{"image": {"path": "inner/blue.png", "bytes": null}, "Caption": "a blue square", "id": null}"#
)]
#[case(
    "a.json",
    r#"[{"image": "red.png", "caption": "a red square"},
 {"image": "inner\\blue.png", "caption": ["a blue square"]}]"#
)]
#[case(
    "a.json",
    r#"
 [{"filename": "red.png", "sentences": [{"raw": "a red square"}]},
 {"filename": "inner/blue.png", "sentences": [{"raw": "a blue square"}]}]"#
)]
fn a_data_set_is_the_same_in_every_form(
    #[case] name: &str,
    #[case] text: &str,
    #[values(false, true)] wide: bool,
) {
    let bytes = match wide {
        true => utf_16(text),
        false => text.as_bytes().to_vec(),
    };
    let dataset = read(&[(name, &bytes)]);
    assert_failures(&dataset, &[]);
    assert_eq!(captions(&dataset), ["a red square", "a blue square"]);
    for row in &dataset.rows {
        row.open().unwrap();
    }
}

#[test]
fn marks_left_in_the_midst_are_no_part_of_anything() {
    let text = "\u{feff}caption\timage\n\u{feff}a red square\t\u{feff}red.png\n\u{feff}\n";
    let dataset = read(&[("a.tsv", text.as_bytes())]);
    assert_eq!(captions(&dataset), ["a red square"]);
    dataset.rows[0].open().unwrap();
    assert_failures(&dataset, &[]);
}

#[rstest]
#[case(
    "a.jsonl",
    r#"{"image": "red.png", "captions": ["one", "", "two"], "id": 7}"#,
    "7"
)]
#[case(
    "a.csv",
    "image,caption_1,caption_2,caption_3\nred.png,one,,two\n",
    "2"
)]
fn several_captions_of_an_image_are_rows_of_their_own(
    #[case] name: &str,
    #[case] text: &str,
    #[case] id: &str,
) {
    let dataset = read(&[(name, text.as_bytes())]);
    assert_failures(&dataset, &[]);
    assert_eq!(captions(&dataset), ["one", "two"]);
    let keys: Vec<_> = dataset.rows.iter().map(|row| row.key.clone()).collect();
    assert_eq!(keys, [format!("{name}:{id}#1"), format!("{name}:{id}#2")]);
}

#[test]
fn a_json_object_without_known_keys_says_which_it_has_and_which_are_known() {
    let lines = r#"{"picture_of": "red.png", "caption": "a"}
{"image": "red.png", "words": "a"}
{"image": 3, "caption": "a"}
{"image": "red.png", "caption": {"en": "a"}}
{"image": "red.png", "caption": []}"#;
    let dataset = read(&[("a.jsonl", lines.as_bytes())]);
    assert_failures(
        &dataset,
        &[
            ("1", "no key for the image, found caption, picture_of"),
            ("2", "no key for the caption, found image, words"),
            ("3", "its image is 3, expected a path"),
            ("4", "expected a text"),
            ("5", "its list of captions is empty"),
        ],
    );
}

/// A folder with images under other names, a picture that is not read, and more.
fn mixed(folder: &Path) {
    let red = std::fs::read(path("folder/red.png")).unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
    for name in ["a.jfif", "b.PNG", "c.picture"] {
        write(name, &red);
    }
    write("a.txt", b"\xEF\xBB\xBFone\n\xEF\xBB\xBFtwo\n");
    write("b.txt", &utf_16("three\r\n"));
    write("c.txt", b"four");
    write("d.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic");
    write("d.txt", b"five");
    write("notes.md", b"# notes");
    write(".DS_Store", b"\0\0");
}

#[test]
fn images_of_a_folder_are_known_by_their_content_and_what_is_left_out_is_told() {
    let folder = tempfile::tempdir().unwrap();
    mixed(folder.path());
    let dataset = Source::new(folder.path()).read().unwrap();
    assert_eq!(captions(&dataset), ["one", "two", "three", "four"]);
    let told = [
        ("d.heic", "a HEIC picture"),
        ("notes.md", "no image and no .txt"),
    ];
    assert_failures(&dataset, &told);
}

#[test]
fn the_parts_of_a_folder_need_not_belong_together() {
    let folder = tempfile::tempdir().unwrap();
    mixed(folder.path());
    std::fs::remove_file(folder.path().join("a.txt")).unwrap();
    let parts = Source::new(folder.path()).parts().unwrap();
    assert_eq!(parts.images.len(), 3);
    let captions: Vec<_> = parts
        .captions
        .iter()
        .map(|(_, text)| text.as_str())
        .collect();
    assert_eq!(captions, ["three", "four", "five"]);
    assert_eq!(parts.captions[0].0, "b.txt:1");
    assert_eq!(parts.failures.len(), 2);
}

#[cfg(unix)]
#[test]
fn links_that_lead_back_are_not_followed_and_told() {
    let folder = tempfile::tempdir().unwrap();
    mixed(folder.path());
    let link = |target: &Path, name: &str| {
        std::os::unix::fs::symlink(target, folder.path().join(name)).unwrap();
    };
    link(folder.path(), "back");
    link(folder.path().parent().unwrap(), "above");
    link(&folder.path().join("b.PNG"), "again.png");
    let parts = Source::new(folder.path()).parts().unwrap();
    assert_eq!((parts.images.len(), parts.captions.len()), (3, 5));
    let told: Vec<_> = parts
        .failures
        .iter()
        .map(|failure| failure.row.as_str())
        .collect();
    assert_eq!(told, ["above", "back", "d.heic", "notes.md"]);
}

#[test]
fn the_parts_of_a_table_are_its_images_once_and_all_captions() {
    let parts = Source::new(path("captions.tsv")).parts().unwrap();
    let dataset = Source::new(path("captions.tsv")).read().unwrap();
    assert_eq!(parts.captions.len(), dataset.rows.len());
    assert!(parts.images.len() <= dataset.rows.len() && !parts.images.is_empty());
    assert_eq!(parts.failures, dataset.failures);
    assert_eq!(
        DataFormat::detect(&path("captions.tsv")).unwrap(),
        DataFormat::Tsv
    );
}
