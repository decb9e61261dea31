//! Properties of whole scenes, and a few of them by their hashes.

use std::collections::HashSet;
use std::sync::LazyLock;

use sha2::{Digest, Sha256};

use super::*;

static GENERATOR: LazyLock<Generator> = LazyLock::new(Generator::new);
const SPLITS: [Split; 3] = [Split::Train, Split::Validation, Split::Test];

fn hex(digest: impl AsRef<[u8]>) -> String {
    digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Of the picture, and of all that is known of it.
fn hash(scenes: impl Iterator<Item = Scene>) -> String {
    let mut hash = Sha256::new();
    for scene in scenes {
        hash.update(scene.image.as_raw());
        for object in &scene.objects {
            hash.update([object.class as u8]);
            hash.update(
                object
                    .mask
                    .iter()
                    .map(|&on| u8::from(on))
                    .collect::<Vec<_>>(),
            );
        }
        for caption in scene.training_captions() {
            hash.update(caption.text);
        }
    }
    hex(hash.finalize())
}

/// If one of these changes, published figures and weights no longer belong to these scenes.
#[test]
fn scenes_are_the_same_everywhere() {
    let [train, validation, test] =
        SPLITS.map(|split| hash((0..50).map(|number| GENERATOR.scene(split, number))));
    assert_eq!(
        train,
        "3298a71bd501cda5ed597e12b709e56f2bcd8cdf3a37387acb1a90b0b358f80f"
    );
    assert_eq!(
        validation,
        "5795349aff24380705f6721481beb8408e4f0ffa30f8526e5f0d98edcce342f5"
    );
    assert_eq!(
        test,
        "876dda022dfea1ffbfcb401f90f1e058df50bf8ba0eefd0f0fbc85275f34ca57"
    );
    let counted = (0..30).map(|number| {
        let count = 1 + number as usize % 3;
        GENERATOR
            .scene_with(Split::Test, u64::MAX - number, count)
            .unwrap()
    });
    assert_eq!(
        hash(counted),
        "e005872a054df40b3e50a9bf64d1ba875837680441df71fb3db3961b7abc9bf8"
    );
}

#[test]
fn threads_and_generators_make_the_same_scenes() {
    let other = Generator::new();
    let made = std::thread::spawn(move || hash((0..20).map(|i| other.scene(Split::Train, i))));
    let here = hash((0..20).map(|i| GENERATOR.scene(Split::Train, i)));
    assert_eq!(made.join().unwrap(), here);
}

#[test]
fn no_picture_occurs_twice() {
    let mut seen = HashSet::new();
    for split in SPLITS {
        for number in 0..2_000 {
            let scene = GENERATOR.scene(split, number);
            assert!(
                seen.insert(Sha256::digest(scene.image.as_raw())),
                "{split:?} {number}"
            );
        }
    }
    for number in 0..500 {
        let scene = GENERATOR.scene_with(Split::Train, number, 2).unwrap();
        assert!(
            seen.insert(Sha256::digest(scene.image.as_raw())),
            "counted {number}"
        );
    }
}

#[test]
fn masks_are_in_sight_apart_and_boxed_exactly() {
    for number in 0..2_000 {
        let scene = GENERATOR.scene(Split::Train, number);
        let mut owned = Array2::from_elem((SIZE, SIZE), 0);
        let mut classes = HashSet::new();
        for object in &scene.objects {
            assert!(classes.insert(object.class));
            let mask = &object.mask;
            assert_eq!(mask.dim(), (SIZE, SIZE));
            owned.zip_mut_with(mask, |count, &on| *count += u8::from(on));
            let area = mask.iter().filter(|&&on| on).count();
            assert!(
                area >= 40,
                "{number}: {area} pixels of class {}",
                object.class
            );

            let BoundingBox {
                left,
                top,
                width,
                height,
            } = object.bounding_box;
            let (right, bottom) = (left + width - 1, top + height - 1);
            let on = mask.indexed_iter().filter(|(_, on)| **on);
            let inside =
                |(row, column)| (top..=bottom).contains(&row) && (left..=right).contains(&column);
            assert!(on.map(|(at, _)| at).all(inside));
            for edge in [
                mask.row(top),
                mask.row(bottom),
                mask.column(left),
                mask.column(right),
            ] {
                assert!(edge.iter().any(|&on| on));
            }
            let [x, y] = object.placement.centre;
            let reach = 0.72 * object.placement.side + 1.0;
            assert!(left as f32 >= x - reach && (left + width) as f32 <= x + reach);
            assert!(top as f32 >= y - reach && (top + height) as f32 <= y + reach);
        }
        assert!(owned.iter().all(|&count| count <= 1));
    }
}

#[test]
fn masks_are_where_the_background_does_not_show() {
    for number in 0..200 {
        let scene = GENERATOR.scene(Split::Validation, number);
        let mut shown = Array2::from_elem((SIZE, SIZE), 1.0_f32);
        for object in &scene.objects {
            let layer = GENERATOR.sprites[object.class].draw(&object.placement);
            for (at, [.., alpha]) in layer.iter() {
                shown[at] *= 1.0 - alpha;
            }
        }
        let owned = |at| scene.objects.iter().any(|object| object.mask[at]);
        for (at, &share) in shown.indexed_iter() {
            // Two soft edges may hide the background together with neither covering half.
            assert!(
                if owned(at) {
                    share < 0.5
                } else {
                    share >= 0.125
                },
                "{number} {at:?}"
            );
        }
    }
}

#[test]
fn classes_and_counts_are_as_frequent_as_they_should_be() {
    let mut first = vec![0; classes().len()];
    let mut all = vec![0; classes().len()];
    let mut counts = [0_i32; MAX_OBJECTS];
    let scenes = 20 * classes().len() as u64;
    for number in 0..scenes {
        let scene = GENERATOR.scene(Split::Train, number);
        first[scene.objects[0].class] += 1;
        scene
            .objects
            .iter()
            .for_each(|object| all[object.class] += 1);
        counts[scene.objects.len() - 1] += 1;
    }
    assert!(first.iter().all(|&count| count == 20));
    // 20 and 21 more by chance, within five standard deviations.
    assert!(
        all.iter().all(|&count| (18..=64).contains(&count)),
        "{all:?}"
    );
    for (count, share) in counts.into_iter().zip([0.25, 0.45, 0.30]) {
        assert!(
            (f64::from(count) / scenes as f64 - share).abs() < 0.03,
            "{counts:?}"
        );
    }
}

#[test]
fn counts_are_checked() {
    for count in 1..=MAX_OBJECTS {
        let scene = GENERATOR.scene_with(Split::Test, 0, count).unwrap();
        assert_eq!(scene.objects.len(), count);
    }
    for found in [0, 4] {
        let error = GENERATOR.scene_with(Split::Test, 0, found).unwrap_err();
        assert_eq!(error, Error::ObjectCount { found });
    }
}

#[test]
fn a_scene_of_named_classes_shows_those() {
    let generator = Generator::new();
    let scene = generator.scene_of(Split::Test, 3, &[17, 5]).unwrap();
    let shown: Vec<_> = scene.objects.iter().map(|object| object.class).collect();
    assert_eq!(shown, [17, 5]);
    assert_eq!(scene, generator.scene_of(Split::Test, 3, &[17, 5]).unwrap());
    assert_ne!(
        scene.image,
        generator.scene_of(Split::Test, 4, &[17, 5]).unwrap().image
    );
    for wrong in [&[][..], &[1, 1], &[1, 100_000], &[1, 2, 3, 4]] {
        assert!(
            generator.scene_of(Split::Test, 3, wrong).is_err(),
            "{wrong:?}"
        );
    }
}
