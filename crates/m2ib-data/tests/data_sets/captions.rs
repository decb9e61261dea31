//! Layouts of captions without regions.

use m2ib_data::Source;

use super::{assert_failures, captions, colour, keys, path, read};

#[test]
fn a_folder_has_captions_beside_its_images() {
    let dataset = read("folder");
    let expected = [
        "folder:inner/blue.png:1",
        "folder:red.png:1",
        "folder:red.png:3",
    ];
    assert_eq!(keys(&dataset), expected);
    let expected = ["a blue square", "a red square", "a square on grey"];
    assert_eq!(captions(&dataset), expected);
    assert_eq!(colour(&dataset.rows[0]), "blue");
    assert_failures(
        &dataset,
        &[("lonely.png", "no .txt file"), ("notes.txt", "no image")],
    );
}

#[test]
fn coco_has_a_row_an_annotation() {
    let dataset = read("coco/captions_val2014.json");
    let expected = [
        "captions_val2014.json:641613",
        "captions_val2014.json:641614",
        "captions_val2014.json:641615",
    ];
    assert_eq!(keys(&dataset), expected);
    assert_eq!(captions(&dataset)[1], "A blue square on grey.");
    let colours: Vec<_> = dataset.rows.iter().map(colour).collect();
    assert_eq!(colours, ["red", "blue", "red"]);
    assert_failures(
        &dataset,
        &[
            ("images[2]", "file_name"),
            ("641616", "its image 99 is not among"),
            ("annotations[4]", "missing field `caption`"),
            ("641613", "more than once"),
        ],
    );
}

#[test]
fn flickr_is_read_in_its_three_forms() {
    let dataset = read("flickr30k/dataset_flickr30k.json");
    let expected = [
        "A red square on grey.",
        "Something square.",
        "A blue square on grey.",
    ];
    assert_eq!(captions(&dataset), expected);
    assert_eq!(keys(&dataset)[2], "dataset_flickr30k.json:2");
    assert_failures(
        &dataset,
        &[
            ("images[1].sentences[1]", "missing field `raw`"),
            ("images[2]", "missing field `filename`"),
        ],
    );

    let dataset = read("flickr30k/results.csv");
    assert_eq!(keys(&dataset)[1], "results.csv:1000092795.png#1");
    let expected = [
        "A red square , said \"square , on grey .",
        "Something square .",
        "A blue square | on grey .",
    ];
    assert_eq!(captions(&dataset), expected);
    assert_failures(&dataset, &[("5", "2 of 3 columns")]);

    let dataset = read("flickr30k/results_20130124.token");
    assert_eq!(keys(&dataset)[0], "results_20130124.token:1000092795.png#0");
    assert_eq!(captions(&dataset)[2], "A blue \" square .");
    assert_eq!(colour(&dataset.rows[2]), "blue");
    assert_failures(&dataset, &[("4", "expected image#number")]);
}

#[test]
fn a_split_is_kept_to() {
    let source = Source::new(path("flickr30k/dataset_flickr30k.json"));
    let dataset = source.clone().split("test").read().unwrap();
    assert_eq!(captions(&dataset), ["A blue square on grey."]);
    let error = source.split("tset").read().unwrap_err().to_string();
    assert!(
        error.contains("\"tset\", found \"test\", \"train\""),
        "{error}"
    );

    let dataset = Source::new(path("refcoco")).split("testA").read().unwrap();
    assert_eq!(captions(&dataset), ["red square", "the left one"]);
    let dataset = Source::new(path("captions-swapped.tsv"))
        .split("train")
        .read()
        .unwrap();
    assert_eq!(captions(&dataset), ["a red square"]);

    let error = Source::new(path("captions.csv"))
        .split("test")
        .read()
        .unwrap_err();
    assert!(error.to_string().contains("found none"), "{error}");
}
