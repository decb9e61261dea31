//! Layouts that say where what a caption speaks of is.

use m2ib_data::{DataError, DataFormat, Row, RowFailure, Source};
use m2ib_scenes::BoundingBox;

use super::{assert_failures, captions, keys, path, read};

/// The bounds of a row's masks in its 12 × 8 pixels: left, top, width, height.
fn bounds(row: &Row) -> Vec<[usize; 4]> {
    let masks = row.masks(&row.regions, 12, 8).unwrap();
    let bounds = masks.iter().map(|mask| {
        let bounds = BoundingBox::of(mask).unwrap();
        [bounds.left, bounds.top, bounds.width, bounds.height]
    });
    bounds.collect()
}

#[test]
fn json_lines_have_boxes_and_masks() {
    let dataset = read("pairs.jsonl");
    assert_eq!(keys(&dataset)[..2], ["pairs.jsonl:1", "pairs.jsonl:blue"]);
    assert_eq!(bounds(&dataset.rows[0]), [[2, 1, 4, 4]]);
    assert_eq!(
        bounds(&dataset.rows[1]),
        [[2, 1, 2, 4], [4, 1, 2, 4], [2, 1, 4, 4]]
    );
    let all = dataset.rows[1]
        .mask(&dataset.rows[1].regions, 12, 8)
        .unwrap()
        .unwrap();
    let masks = dataset.rows[1]
        .masks(&dataset.rows[1].regions, 12, 8)
        .unwrap();
    assert_eq!(all, masks[2], "both halves and the whole are the whole");
    assert_failures(
        &dataset,
        &[
            ("4", "EOF"),
            ("5", "no key for the caption"),
            ("6", "expected an object"),
            ("7", "encloses nothing"),
        ],
    );
}

#[test]
fn a_region_that_does_not_fit_is_a_failure_when_it_is_used() {
    let dataset = read("pairs.jsonl");
    let reason = |row: &Row, [width, height]: [u32; 2]| {
        RowFailure::new(row, &row.masks(&row.regions, width, height).unwrap_err()).reason
    };
    let [_, blue, far, none] = dataset.rows.as_slice() else {
        panic!("{dataset:?}");
    };
    let text = reason(far, [12, 8]);
    assert!(
        text.contains("12 × 8") && text.contains("outside"),
        "{text}"
    );
    let text = reason(blue, [24, 16]);
    assert!(text.contains("its mask has 12 × 8"), "{text}");
    let text = reason(none, [12, 8]);
    assert!(text.contains("none.png"), "{text}");
}

#[test]
fn expressions_have_the_box_of_their_object() {
    let dataset = read("refcoco");
    let expected = ["red square", "the left one", "grey area on the right"];
    assert_eq!(captions(&dataset), expected);
    assert_eq!(keys(&dataset)[1], "refcoco:1/11");
    let boxes: Vec<_> = dataset.rows.iter().flat_map(bounds).collect();
    assert_eq!(boxes, [[2, 1, 4, 4], [2, 1, 4, 4], [8, 0, 4, 8]]);
    assert_failures(
        &dataset,
        &[
            ("annotations[2]", "invalid length 2"),
            ("3/13", "its object 999 is not among"),
            ("4/14", "its object 702 is not among"),
            ("refs[4]", "missing field"),
        ],
    );
}

#[test]
fn refcoco_says_what_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let copy = |name: &str| std::fs::copy(path("refcoco").join(name), folder.path().join(name));
    let read = || {
        Source::new(folder.path())
            .format(DataFormat::RefCoco)
            .read()
    };

    copy("instances.json").unwrap();
    let error = read().unwrap_err().to_string();
    assert!(error.contains("no file of expressions"), "{error}");

    std::fs::write(folder.path().join("refs(unc).p"), b"\x80\x02]").unwrap();
    let error = read().unwrap_err();
    assert!(matches!(error, DataError::Pickle { .. }), "{error}");
    assert!(error.to_string().contains("json.dump"), "{error}");

    copy("refs(unc).json").unwrap();
    assert_eq!(read().unwrap().rows.len(), 3);

    std::fs::write(folder.path().join("refs(google).json"), "[]").unwrap();
    let error = read().unwrap_err().to_string();
    assert!(
        error.contains("refs(google).json, refs(unc).json"),
        "{error}"
    );

    std::fs::remove_file(folder.path().join("instances.json")).unwrap();
    let file = folder.path().join("refs(unc).json");
    let error = Source::new(file).read().unwrap_err();
    assert!(matches!(error, DataError::Read { .. }), "{error}");
    assert!(error.to_string().contains("instances.json"), "{error}");
}

#[test]
fn a_phrase_has_all_its_boxes() {
    for name in ["json", "csv"] {
        let dataset = read(&format!("ms-cxr/MS_CXR_Local_Alignment_v1.0.0.{name}"));
        let expected = ["bilateral opacities", "opacity on the left", "Pneumonia"];
        let expected = &expected[..dataset.rows.len()];
        assert_eq!(captions(&dataset), expected);
        assert_eq!(bounds(&dataset.rows[0]), [[2, 1, 2, 4], [5, 1, 1, 4]]);
        let both = dataset.rows[0]
            .mask(&dataset.rows[0].regions, 12, 8)
            .unwrap()
            .unwrap();
        assert_eq!(both.iter().filter(|&&on| on).count(), 12);
        assert_eq!(bounds(&dataset.rows[1]), [[2, 1, 4, 4]]);
        match name {
            "json" => {
                assert_eq!(dataset.rows.len(), 3, "without a phrase it is the finding");
                assert_failures(&dataset, &[("4", "encloses nothing")]);
            }
            _ => {
                assert_eq!(dataset.rows.len(), 2);
                assert_failures(&dataset, &[("5", "\"one\" in its box is no number")]);
            }
        }
    }
}
