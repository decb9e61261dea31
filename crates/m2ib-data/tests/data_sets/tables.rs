//! TSV and CSV.

use m2ib_data::Source;

use super::{assert_failures, captions, colour, keys, path, read};

#[test]
fn a_tsv_without_header_loses_no_row() {
    let dataset = read("captions.tsv");
    let expected = [
        "a red square",
        "a \"blue\" square",
        "an inch is 1\" and a \" is no quote",
        "a broken square",
        "a missing square",
    ];
    assert_eq!(captions(&dataset), expected);
    assert_eq!(
        keys(&dataset)[..3],
        ["captions.tsv:1", "captions.tsv:2", "captions.tsv:3"]
    );
    let colours: Vec<_> = dataset.rows[..3].iter().map(colour).collect();
    assert_eq!(colours, ["red", "blue", "green"]);
    assert_failures(
        &dataset,
        &[
            ("5", "1 of 2 columns"),
            ("6", "its caption is empty"),
            (
                "7",
                "its image is an address, https://example.org/square.png",
            ),
        ],
    );
    assert_eq!(dataset.total(), 8);
}

#[test]
fn a_header_names_the_columns() {
    let dataset = read("captions-swapped.tsv");
    assert_eq!(captions(&dataset), ["a red square", "a blue square"]);
    assert_eq!(
        keys(&dataset),
        ["captions-swapped.tsv:2", "captions-swapped.tsv:3"]
    );
    assert_eq!(colour(&dataset.rows[1]), "blue");
    assert_failures(&dataset, &[("4", "3 of 4 columns")]);

    let dataset = read("captions-header.csv");
    assert_eq!(captions(&dataset), ["a red square", "a blue square"]);
    assert_eq!(colour(&dataset.rows[0]), "red");
    assert_failures(&dataset, &[]);
}

#[test]
fn a_csv_has_quoted_cells() {
    let dataset = read("captions.csv");
    let expected = ["a red square", "a square, blue", "a square\non two lines"];
    assert_eq!(captions(&dataset), expected);
    assert_failures(&dataset, &[("5", "3 of 2 columns")]);
}

#[test]
fn a_csv_row_is_numbered_by_its_first_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pairs.csv");
    let content = "\u{feff}caption,image\r\n\r\n\"one\r\nand more\",1.png\r\n\r\n\r\ntwo,2.png\r\n";
    std::fs::write(&file, content).unwrap();
    let dataset = Source::new(&file).read().unwrap();
    assert_eq!(keys(&dataset), ["pairs.csv:3", "pairs.csv:7"]);
    assert_eq!(captions(&dataset), ["one\r\nand more", "two"]);
}

#[test]
fn what_is_not_text_fails_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pairs.tsv");
    std::fs::write(&file, b"one\t1.png\r\ntw\xff\t2.png\r\nthree\t3.png\r\n").unwrap();
    let dataset = Source::new(&file).read().unwrap();
    assert_eq!(captions(&dataset), ["one", "three"]);
    assert_failures(&dataset, &[("2", "not UTF-8")]);
}

#[test]
fn images_may_lie_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pairs.tsv");
    let absolute = path("images/blue.png");
    std::fs::write(
        &file,
        format!("one\tred.png\ntwo\t{}\n", absolute.display()),
    )
    .unwrap();
    let dataset = Source::new(&file).images(path("images")).read().unwrap();
    let colours: Vec<_> = dataset.rows.iter().map(colour).collect();
    assert_eq!(colours, ["red", "blue"]);
    assert!(Source::new(&file).read().unwrap().rows[0].open().is_err());
}
