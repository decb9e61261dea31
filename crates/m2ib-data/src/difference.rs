//! Captions that differ in one noun: which word makes the difference?

use std::ops::Range;
use std::sync::Arc;

use m2ib_scenes::{Caption, Split, classes};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{DataResult, Dataset, Question, Region, Row, RowImage, Scenes};

/// Rows of scenes whose captions are [held against](Row::instead_of) one that differs in a single noun, both
/// ways: "a photo of a piano and a boot", which is there, instead of "a photo of a piano and a taxi", of
/// which the taxi is not; and the second instead of the first. The noun that differs should be the strongest
/// word, and of the first row its object the hottest: the piano is in both captions.
///
/// Two rows a scene, of one picture. Which object both captions name, which noun comes first and what is not
/// there is drawn from the seed.
///
/// # Errors
/// [`DataError::TooFewScenes`](crate::DataError::TooFewScenes) for fewer than two scenes.
pub fn difference(split: Split, scenes: Range<u64>, seed: u64) -> DataResult<Dataset> {
    let scenes = Scenes::of(split, scenes, seed)?;
    let rows = scenes.questions().iter();
    Ok(Dataset {
        name: format!("emoji scenes ({split}, captions that differ in a noun)"),
        rows: rows
            .flat_map(|question| both(split, question, seed))
            .collect(),
        failures: Vec::new(),
        notes: Vec::new(),
    })
}

fn both(split: Split, question: &Question, seed: u64) -> [Row; 2] {
    let Question { number, scene, .. } = question;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(*number);
    let [named, other] = [question.named, question.other].map(|at| scene.objects[at].class);
    let absent = loop {
        let class = rng.random_range(0..classes().len() as u32) as usize;
        if scene.objects.iter().all(|object| object.class != class) {
            break class;
        }
    };
    let first = rng.random();
    let captions = [named, absent].map(|class| differing(class, other, first));
    let pixels = Arc::new(scene.image.clone());
    let row = |way: usize, what: &str| Row {
        key: format!("scenes:{split}-{number}-{}-{what}", question.named),
        caption: captions[way].0.clone(),
        instead_of: Some(captions[1 - way].0.clone()),
        regions: Vec::new(),
        others: Vec::new(),
        strangers: Vec::new(),
        name: Some(captions[way].1.clone()),
        absent: None,
        adjustment: clip_input::Adjustment::default(),
        annotated: None,
        image: RowImage::Picture {
            name: format!("scenes:{split}-{number}"),
            pixels: pixels.clone(),
        },
    };
    let region = |mask: &ndarray::Array2<bool>| vec![Region::Mask(Arc::new(mask.clone()))];
    let there = Row {
        regions: region(question.mask()),
        others: region(question.other_mask()),
        ..row(0, "rather")
    };
    [there, row(1, "back")]
}

/// A caption of a class and of one that is in another caption too, and the bytes of the class's noun.
fn differing(class: usize, shared: usize, first: bool) -> (String, Range<usize>) {
    let noun = classes()[class].name;
    let mut named = [shared, class];
    if first {
        named.reverse();
    }
    let caption = Caption::photo(&named).text;
    // What comes before a noun at the end is as long as the caption without it.
    let begin = match first {
        false => caption.len() - noun.len(),
        true => Caption::photo(&[class]).text.len() - noun.len(),
    };
    (caption, begin..begin + noun.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captions_differ_in_the_noun_that_is_asked_for_whatever_the_class() {
        let all = classes().len();
        for class in 0..all {
            for first in [true, false] {
                let other = (class + 1) % all;
                let (caption, span) = differing(class, other, first);
                let shared = classes()[other].name;
                assert_eq!(&caption[span.clone()], classes()[class].name);
                assert!(caption[..span.start].contains(shared) != first, "{caption}");
                assert!(caption[span.end..].contains(shared) == first, "{caption}");
            }
        }
    }

    #[test]
    fn a_scene_is_asked_about_both_ways() {
        let data = difference(Split::Test, 0..30, 0).unwrap();
        assert_eq!(data.rows.len(), 60);
        let scenes = Scenes::new(30, 0).unwrap();
        let mut first = 0;
        for (rows, question) in data.rows.chunks(2).zip(scenes.questions()) {
            let [there, back] = rows else { panic!() };
            assert_eq!(there.instead_of.as_ref(), Some(&back.caption));
            assert_eq!(back.instead_of.as_ref(), Some(&there.caption));
            assert_eq!(there.image, back.image);
            let [named, absent] = [there, back].map(|row| &row.caption[row.name.clone().unwrap()]);
            assert_eq!(named, question.name());
            let mut shown = question.scene.objects.iter();
            assert!(shown.all(|object| classes()[object.class].name != absent));
            // But for the noun and its article, they are one caption.
            let rest = |row: &Row| -> Vec<String> {
                let name = row.name.clone().unwrap();
                let rest = [&row.caption[..name.start], &row.caption[name.end..]];
                let words = rest.concat();
                let words = words
                    .split(' ')
                    .filter(|word| !["a", "an", "the", ""].contains(word));
                words.map(str::to_owned).collect()
            };
            assert_eq!(rest(there), rest(back));
            assert!(there.regions.len() == 1 && there.others.len() == 1);
            assert!(back.regions.is_empty());
            assert_ne!(there.identity(), back.identity());
            let mut plain = there.clone();
            plain.instead_of = None;
            assert_ne!(plain.identity(), there.identity());
            first += usize::from(there.name.clone().unwrap().end < there.caption.len());
        }
        assert!((8..=22).contains(&first), "{first}");
        assert_eq!(data, difference(Split::Test, 0..30, 0).unwrap());
        assert_ne!(data, difference(Split::Test, 0..30, 1).unwrap());
        assert!(difference(Split::Test, 0..1, 0).is_err());
    }
}
