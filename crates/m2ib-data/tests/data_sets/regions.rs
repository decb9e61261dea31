//! Layouts that say where what a caption speaks of is.

use std::io::Cursor;
use std::path::Path;

use m2ib_data::{DataError, DataFormat, Row, RowFailure, Source};
use m2ib_scenes::BoundingBox;
use serde_json::json;

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

/// RefCOCO of one 12 × 8 image and these annotations, each called by an expression.
fn outlined(folder: &Path, annotations: &[serde_json::Value]) -> m2ib_data::Dataset {
    let picture = image::RgbImage::from_pixel(12, 8, image::Rgb([90, 120, 30]));
    picture.save(folder.join("photo.png")).unwrap();
    let image = json!({"id": 1, "file_name": "photo.png", "width": 12, "height": 8});
    let refs = annotations.iter().map(|annotation| {
        let id = &annotation["id"];
        let sentences = [json!({"sent_id": id, "sent": format!("number {id}")})];
        json!({"ref_id": id, "ann_id": id, "image_id": 1, "sentences": sentences})
    });
    let refs: Vec<_> = refs.collect();
    let instances = json!({"images": [image], "annotations": annotations});
    std::fs::write(folder.join("instances.json"), instances.to_string()).unwrap();
    std::fs::write(folder.join("refs(unc).json"), json!(refs).to_string()).unwrap();
    Source::new(folder).read().unwrap()
}

#[test]
fn outlines_come_before_boxes_in_all_of_cocos_forms() {
    let folder = tempfile::tempdir().unwrap();
    let annotation = |id: u32, segmentation: serde_json::Value| {
        let bbox = [2, 1, 4, 4];
        json!({"id": id, "image_id": 1, "bbox": bbox, "segmentation": segmentation, "iscrowd": 0})
    };
    // A triangle; runs over the whole image, of which rows 1 and 2 of column 3 are within.
    let triangle = annotation(1, json!([[2, 1, 6, 5, 2, 5]]));
    let runs = annotation(2, json!({"size": [8, 12], "counts": [25, 2, 69]}));
    let packed = annotation(3, json!({"size": [8, 12], "counts": "i02U2"}));
    let none = annotation(4, json!([]));
    let wrong = annotation(5, json!([[2, 1, 6]]));
    let other_size = annotation(6, json!({"size": [12, 8], "counts": [25, 2, 69]}));
    let outside = annotation(7, json!([[20, 1, 30, 5, 20, 5]]));
    let all = [triangle, runs, packed, none, wrong, other_size, outside];
    let dataset = outlined(folder.path(), &all);
    let areas: Vec<_> = dataset
        .rows
        .iter()
        .map(|row| {
            let mask = row.mask(&row.regions, 12, 8);
            mask.map(|mask| mask.unwrap().iter().filter(|&&on| on).count())
        })
        .collect();
    // Half of its square; middles on the diagonal are not within.
    assert_eq!(areas[0].as_ref().unwrap(), &6);
    for place in [1, 2] {
        assert_eq!(bounds(&dataset.rows[place]), [[3, 1, 1, 2]]);
    }
    assert_eq!(areas[3].as_ref().unwrap(), &16, "the box");
    assert_failures(&dataset, &[("5/5", "3 numbers, expected x and y")]);
    let reason = areas[4].as_ref().unwrap_err().to_string();
    assert!(reason.contains("its mask has 8 × 12"), "{reason}");
    let reason = areas[5].as_ref().unwrap_err().to_string();
    assert!(reason.contains("outside"), "{reason}");
    let note = "1 of 6 objects have a box and no outline";
    assert!(dataset.notes[0].starts_with(note), "{:?}", dataset.notes);
    let identities: Vec<_> = dataset.rows[..4].iter().map(Row::identity).collect();
    let unlike = identities.iter().collect::<std::collections::HashSet<_>>();
    assert_eq!(unlike.len(), 4);
}

#[test]
fn an_outline_on_stored_pixels_is_turned_and_lines_have_them_too() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    turned(&at("photo.jpg"), 6);
    let row = |line: serde_json::Value| {
        std::fs::write(at("pairs.jsonl"), line.to_string()).unwrap();
        let dataset = Source::new(at("pairs.jsonl")).read().unwrap();
        assert!(dataset.notes.is_empty(), "{:?}", dataset.notes);
        dataset.rows[0].clone()
    };
    let corner = json!([[0, 0, 3, 0, 3, 2, 0, 2]]);
    let line = |width: u32, height: u32, segmentation: &serde_json::Value| {
        json!({"image": "photo.jpg", "caption": "a corner",
            "width": width, "height": height, "segmentation": segmentation})
    };
    // Stored 24 × 16; by 90° clockwise the upper left corner comes to the upper right.
    assert_eq!(upright(&row(line(24, 16, &corner))), Ok([14, 0, 2, 3]));
    assert_eq!(upright(&row(line(16, 24, &corner))), Ok([0, 0, 3, 2]));
    let runs = json!({"size": [16, 24], "counts": [0, 2, 14, 2, 366]});
    // Of several objects, and where Hugging Face's data sets have them.
    let objects = json!({"bbox": [[1, 1, 8, 8], [2, 2, 3, 3]], "segmentation": [corner, runs]});
    let several = json!({"image": "photo.jpg", "caption": "two corners", "width": 24, "height": 16,
        "objects": objects});
    let several = row(several);
    assert_eq!(several.regions.len(), 2);
    assert_eq!(upright(&several), Ok([14, 0, 2, 3]));
    let mut with_box = line(24, 16, &runs);
    with_box["bbox"] = json!([1, 1, 8, 8]);
    assert_eq!(upright(&row(with_box)), Ok([14, 0, 2, 2]));
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

/// A photo of 24 × 16 stored pixels that is turned by its orientation, as cameras write them.
fn turned(path: &Path, exif: u8) {
    let picture = image::RgbImage::from_pixel(24, 16, image::Rgb([90, 120, 30]));
    let mut jpeg = Cursor::new(Vec::new());
    picture
        .write_to(&mut jpeg, image::ImageFormat::Jpeg)
        .unwrap();
    let jpeg = jpeg.into_inner();
    let entry = [0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, exif, 0, 0, 0, 0, 0, 0];
    let about = [b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01", &entry[..]].concat();
    let length = (about.len() as u16 + 2).to_be_bytes();
    let whole = [&jpeg[..2], &[0xFF, 0xE1], &length, &about, &jpeg[2..]].concat();
    std::fs::write(path, whole).unwrap();
}

/// RefCOCO with one box, whose annotation takes the image for one of this size.
fn annotated(folder: &Path, [width, height]: [u32; 2], bbox: [u32; 4]) -> Row {
    let image = json!({"id": 1, "file_name": "photo.jpg", "width": width, "height": height});
    let annotation = json!({"id": 1, "image_id": 1, "bbox": bbox});
    let instances = json!({"images": [image], "annotations": [annotation]});
    let sentence = json!({"sent_id": 1, "sent": "the thing"});
    let refs = json!([{"ref_id": 1, "ann_id": 1, "image_id": 1, "sentences": [sentence]}]);
    std::fs::write(folder.join("instances.json"), instances.to_string()).unwrap();
    std::fs::write(folder.join("refs(unc).json"), refs.to_string()).unwrap();
    Source::new(folder).read().unwrap().rows.remove(0)
}

/// Where a row's masks are in its upright image, or why they are nowhere.
fn upright(row: &Row) -> Result<[usize; 4], String> {
    let image = row.open().unwrap();
    let masks = row.masks(&row.regions, image.width(), image.height());
    let masks = masks.map_err(|error| RowFailure::new(row, &error).reason)?;
    let BoundingBox {
        left,
        top,
        width,
        height,
        ..
    } = BoundingBox::of(&masks[0]).unwrap();
    Ok([left, top, width, height])
}

#[test]
fn boxes_on_a_turned_photos_stored_pixels_are_turned_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    turned(&folder.join("photo.jpg"), 6);
    // Stored 24 × 16, upright 16 × 24: turned by 90° clockwise.
    let stored = annotated(folder, [24, 16], [3, 2, 8, 4]);
    assert_eq!(upright(&stored), Ok([10, 3, 4, 8]));
    let straight = annotated(folder, [16, 24], [10, 3, 4, 8]);
    assert_eq!(upright(&straight), Ok([10, 3, 4, 8]));
    assert_ne!(stored.identity(), straight.identity());
    let other = annotated(folder, [640, 480], [3, 2, 8, 4]);
    let reason = upright(&other).unwrap_err();
    assert!(
        reason.contains("640 × 480") && reason.contains("16 × 24"),
        "{reason}"
    );
    // Upside down, sizes tell nothing.
    turned(&folder.join("photo.jpg"), 3);
    let reason = upright(&annotated(folder, [24, 16], [3, 2, 8, 4])).unwrap_err();
    assert!(
        reason.contains("stored turned") && reason.contains("store it upright"),
        "{reason}"
    );
    turned(&folder.join("photo.jpg"), 1);
    assert_eq!(
        upright(&annotated(folder, [24, 16], [3, 2, 8, 4])),
        Ok([3, 2, 8, 4])
    );
}

#[test]
fn a_mask_of_the_stored_pixels_is_turned_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    turned(&at("photo.jpg"), 8);
    let mask = image::GrayImage::from_fn(24, 16, |x, y| {
        image::Luma([if x < 3 && y < 2 { 255 } else { 0 }])
    });
    mask.save(at("mask.png")).unwrap();
    let line = r#"{"image": "photo.jpg", "caption": "a corner", "masks": ["mask.png"]}"#;
    std::fs::write(at("pairs.jsonl"), line).unwrap();
    let row = Source::new(at("pairs.jsonl"))
        .read()
        .unwrap()
        .rows
        .remove(0);
    // Turned by 270° clockwise the upper left corner comes to the lower left.
    assert_eq!(upright(&row), Ok([0, 21, 2, 3]));
}

#[test]
fn a_box_far_beyond_the_image_is_refused_and_one_by_a_pixel_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    turned(&at("photo.jpg"), 6);
    let row = |bbox: &str| {
        let line = format!(r#"{{"image": "photo.jpg", "caption": "a thing", "bbox": {bbox}}}"#);
        std::fs::write(at("pairs.jsonl"), line).unwrap();
        Source::new(at("pairs.jsonl"))
            .read()
            .unwrap()
            .rows
            .remove(0)
    };
    assert_eq!(upright(&row("[10, 4, 7.5, 5]")), Ok([10, 4, 6, 5]));
    let reason = upright(&row("[10, 4, 12, 5]")).unwrap_err();
    assert!(
        reason.contains("[10, 4, 12, 5] reaches 6 pixels beyond"),
        "{reason}"
    );
    // Of the stored pixels, it seems.
    assert!(reason.contains("stored turned"), "{reason}");
}

#[test]
fn columns_of_boxes_are_read_and_others_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let read = |name: &str, content: &str| {
        std::fs::write(at(name), content).unwrap();
        Source::new(at(name)).read().unwrap()
    };
    let expected = read(
        "a.jsonl",
        r#"{"image": "i.png", "caption": "c", "boxes": [[1, 2, 3, 4]]}"#,
    );
    let expected = &expected.rows[0].regions;
    assert_eq!(expected.len(), 1);
    for (name, content) in [
        (
            "b.jsonl",
            r#"{"image": "i.png", "caption": "c", "bbox": [1, 2, 3, 4]}"#,
        ),
        ("c.csv", "caption,image,x1,y1,x2,y2\nc,i.png,1,2,4,6\n"),
        ("d.csv", "caption,image,bbox\nc,i.png,\"[1, 2, 3, 4]\"\n"),
        (
            "e.tsv",
            "image\tcaption\txmin\tymin\txmax\tymax\ni.png\tc\t1\t2\t4\t6\n",
        ),
    ] {
        let dataset = read(name, content);
        assert_eq!(&dataset.rows[0].regions, expected, "{name}");
        assert!(dataset.notes.is_empty(), "{name}");
    }
    let dataset = read("f.csv", "caption,image,box_of_it\nc,i.png,1\n");
    assert!(dataset.rows[0].regions.is_empty());
    assert!(
        dataset.notes[0].starts_with("box_of_it is not understood"),
        "{:?}",
        dataset.notes
    );
}

#[test]
fn prompts_stand_beside_pictures_and_their_masks() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["val_images", "val_masks"] {
        std::fs::create_dir(at(name)).unwrap();
    }
    let picture = |name: &str, on: fn(u32, u32) -> bool| {
        let picture =
            image::GrayImage::from_fn(12, 8, |x, y| image::Luma([if on(x, y) { 255 } else { 0 }]));
        picture.save(at(name)).unwrap();
    };
    for name in ["benign (1).png", "b.png", "none.png"] {
        picture(&format!("val_images/{name}"), |x, _| x > 3);
    }
    picture("val_masks/benign (1).png", |x, y| {
        (2..6).contains(&x) && (1..5).contains(&y)
    });
    // Of another kind than its picture.
    picture("val_masks/b.bmp", |x, y| x == 0 && y == 7);
    let prompts = json!({
        "benign (1).png": "a tumor", "b.png": "another", "none.png": "no mask", "bad.png": ["a"],
    });
    std::fs::write(at("busi.json"), prompts.to_string()).unwrap();

    let source = Source::new(at("busi.json")).images(at("val_images"));
    let dataset = source.read().unwrap();
    assert_eq!(dataset.name, "busi.json (prompts)");
    assert_eq!(captions(&dataset), ["another", "a tumor", "no mask"]);
    assert_eq!(bounds(&dataset.rows[0]), [[0, 7, 1, 1]]);
    assert_eq!(bounds(&dataset.rows[1]), [[2, 1, 4, 4]]);
    assert!(dataset.rows[2].regions.is_empty() && dataset.rows[2].open().is_ok());
    assert_failures(&dataset, &[("bad.png", "expected a text")]);
    let notes = dataset.notes.join("; ");
    assert!(notes.contains("2 of 4 pictures have no mask"), "{notes}");

    // Pictures whose folder has no masks beside it.
    std::fs::rename(at("val_masks"), at("val_truth")).unwrap();
    let dataset = source.read().unwrap();
    assert!(dataset.rows.iter().all(|row| row.regions.is_empty()));
    assert!(
        dataset.notes[0].contains("\"masks\" for \"images\""),
        "{:?}",
        dataset.notes
    );
}
