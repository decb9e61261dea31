//! What can be done with a data set that was read.

use std::collections::HashSet;

use m2ib_data::{Dataset, Rectangle, Region, Row, RowFailure, RowImage, Scenes};

use super::read;

#[test]
fn an_image_that_cannot_be_opened_is_a_failure_when_it_is_used() {
    let dataset = read("captions.tsv");
    let failures: Vec<_> = dataset.rows[3..]
        .iter()
        .map(|row| RowFailure::new(row, &row.open().unwrap_err()))
        .collect();
    assert_eq!(failures[0].row, "captions.tsv:8");
    assert!(failures[0].reason.contains("broken.png"), "{failures:?}");
    assert_eq!(failures[1].row, "captions.tsv:9");
    assert!(failures[1].reason.contains("none.png"), "{failures:?}");
    // The reason of the reason as well.
    assert!(failures[1].reason.contains("os error 2"), "{failures:?}");
}

#[test]
fn scenes_come_with_the_mask_of_the_named_object() {
    let scenes = Scenes::new(4, 7).unwrap();
    let dataset = scenes.dataset();
    assert_eq!(dataset.rows.len(), 4);
    for (row, question) in dataset.rows.iter().zip(scenes.questions()) {
        assert_eq!(row.open().unwrap().to_rgb8(), question.scene.image);
        let masks = |regions| row.masks(regions, 96, 96).unwrap();
        assert_eq!(masks(&row.regions), [question.mask().clone()]);
        assert_eq!(masks(&row.others), [question.other_mask().clone()]);
        let name = row.name.clone().unwrap();
        assert_eq!(&row.caption[name], question.name());
        assert!(!row.strangers.is_empty() && !row.strangers.contains(&row.regions[0]));
        assert_eq!(row.caption, question.caption);
    }
    let swapped = scenes.swapped().dataset();
    let keys: HashSet<_> = dataset
        .rows
        .iter()
        .chain(&swapped.rows)
        .map(|row| &row.key)
        .collect();
    assert_eq!(
        keys.len(),
        8,
        "the same scene with another question is another row"
    );
}

#[test]
fn a_sample_keeps_the_order_and_grows() {
    let dataset = Scenes::new(12, 0).unwrap().dataset();
    let places = |count, seed| -> Vec<usize> {
        let sample = dataset.sample(count, seed);
        let place = |row: &Row| dataset.rows.iter().position(|other| other.key == row.key);
        sample.rows.iter().map(|row| place(row).unwrap()).collect()
    };
    for seed in 0..20 {
        let (few, more) = (places(4, seed), places(9, seed));
        assert_eq!((few.len(), more.len()), (4, 9));
        assert!(few.is_sorted() && more.is_sorted());
        assert!(few.iter().all(|place| more.contains(place)));
        assert_eq!(few, places(4, seed));
    }
    let different: HashSet<_> = (0..20).map(|seed| places(4, seed)).collect();
    assert!(different.len() > 15, "{different:?}");
    assert_eq!(dataset.sample(99, 1), dataset);
    assert_eq!(read("captions.tsv").sample(1, 0).failures.len(), 3);
}

#[test]
fn a_split_has_every_row_once_and_no_picture_in_both_parts() {
    let scenes = Scenes::new(12, 0).unwrap();
    let mut dataset = scenes.dataset();
    // Every scene twice, asked about either of two objects.
    let swapped = scenes.swapped().dataset();
    dataset.rows.extend(swapped.rows);
    let pictures = |part: &Dataset| -> HashSet<String> {
        let images = part.rows.iter().map(|row| &row.image);
        let names = images.map(|image| match image {
            RowImage::Picture { name, .. } => name.clone(),
            other => panic!("{} is no scene", other.name()),
        });
        names.collect()
    };
    let mut different = HashSet::new();
    for seed in 0..10 {
        let [first, second] = dataset.split(0.25, seed);
        assert_eq!((first.rows.len(), second.rows.len()), (18, 6));
        assert!(pictures(&first).is_disjoint(&pictures(&second)));
        assert_eq!(dataset.split(0.25, seed)[1], second);
        different.insert(second.fingerprint());
    }
    assert!(different.len() > 5);
    let [all, none] = dataset.split(0.0, 0);
    assert_eq!((all, none.rows.len()), (dataset, 0));
}

#[test]
fn a_pair_is_its_picture_its_caption_and_its_regions() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("a.png"), "a picture").unwrap();
    std::fs::write(at("b.png"), "a picture").unwrap();
    let mut row = read("captions.csv").rows[0].clone();
    row.image = RowImage::File(at("a.png"));
    let identity = row.identity();
    assert_eq!(row.clone().identity(), identity);

    let changed = |change: &dyn Fn(&mut Row)| {
        let mut other = row.clone();
        change(&mut other);
        other.identity()
    };
    let moved = changed(&|row| row.image = RowImage::File(at("b.png")));
    assert_eq!(moved, identity, "a file is its content");
    let box_at = |x| {
        Region::Box(Rectangle {
            x,
            y: 0.0,
            width: 9.0,
            height: 9.0,
        })
    };
    let others = [
        changed(&|row| row.caption.push('!')),
        changed(&|row| row.image = RowImage::File(at("none.png"))),
        changed(&|row| row.regions.push(box_at(0.0))),
        changed(&|row| row.regions.push(box_at(100.0))),
        changed(&|row| row.others.push(box_at(0.0))),
        changed(&|row| row.regions.push(Region::MaskFile(at("a.png")))),
        changed(&|row| row.name = Some(0..1)),
        {
            std::fs::write(at("a.png"), "another picture").unwrap();
            row.identity()
        },
    ];
    let different: HashSet<_> = others.iter().chain([&identity]).collect();
    assert_eq!(different.len(), others.len() + 1);
}

#[test]
fn other_rows_have_another_fingerprint() {
    let dataset = read("captions.csv");
    let fingerprint = dataset.fingerprint();
    assert_eq!(read("captions.csv").fingerprint(), fingerprint);
    let mut other = dataset.clone();
    other.rows[0].caption.push('!');
    assert_ne!(other.fingerprint(), fingerprint);
    assert_ne!(dataset.sample(2, 0).fingerprint(), fingerprint);
}
