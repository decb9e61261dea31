//! Captions: templates around the nouns of a scene.

use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, RngExt};

use crate::classes;
use crate::scene::Scene;
use crate::streams::Purpose;

/// With one, two and three nouns. What is listed twice is drawn twice as often.
const ONE: &[&str] = &[
    "{}",
    "{}",
    "a photo of {}",
    "a picture of {}",
    "an image of {}",
    "there is {}",
    "a scene with {}",
    "{} in the picture",
    "i can see {}",
];
const TWO: &[&str] = &[
    "{} and {}",
    "{} and {}",
    "a photo of {} and {}",
    "a picture of {} and {}",
    "{} next to {}",
    "there is {} and {}",
    "a scene with {} and {}",
    "{} with {}",
    "i can see {} and {}",
];
const THREE: &[&str] = &[
    "{}, {} and {}",
    "a photo of {}, {} and {}",
    "a scene with {}, {} and {}",
    "there is {}, {} and {}",
];
/// For captions that are to be alike.
const PHOTO: [&str; 3] = [
    "a photo of {}",
    "a photo of {} and {}",
    "a photo of {}, {} and {}",
];
/// Share of captions of one object that are its noun without an article.
const BARE: f32 = 0.1;
/// Share of second captions that name another single object; the rest names several.
const ANOTHER: f32 = 0.6;

/// A text and what it names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Caption {
    /// Lower case, no full stop.
    pub text: String,
    /// The classes named, in the order of the text: indices into [`classes`].
    pub classes: Vec<usize>,
}

impl Caption {
    fn fill(template: &str, named: &[usize]) -> Self {
        let put = |text: String, &class: &usize| text.replacen("{}", &classes()[class].phrase(), 1);
        Self {
            text: named.iter().fold(template.to_owned(), put),
            classes: named.to_vec(),
        }
    }

    /// "a photo of a piano and a taxi": names classes, one to three of them, in their order.
    ///
    /// # Panics
    /// If there are none or more, or not such classes.
    pub fn photo(named: &[usize]) -> Self {
        Self::fill(PHOTO[named.len() - 1], named)
    }

    /// With a random template, or as a bare noun.
    fn draw(named: &[usize], rng: &mut impl Rng) -> Self {
        if let &[class] = named
            && rng.random::<f32>() < BARE
        {
            return Self {
                text: classes()[class].name.to_owned(),
                classes: vec![class],
            };
        }
        let templates = [ONE, TWO, THREE][named.len() - 1];
        let template = templates.choose(rng).expect("there are templates");
        Self::fill(template, named)
    }
}

impl Scene {
    /// Two captions that differ, drawn from the scene's own stream.
    ///
    /// The first names a random object. The second names another one, or two or more in random
    /// order; where there is no other object, the same in other words.
    pub fn training_captions(&self) -> [Caption; 2] {
        let rng = &mut self.streams.rng(Purpose::Captions);
        let mut named = self.classes();
        named.shuffle(rng);
        let first = Caption::draw(&named[..1], rng);
        if named.len() > 1 {
            let second = if rng.random::<f32>() < ANOTHER {
                &named[1..2]
            } else {
                let count = rng.random_range(2..=named.len() as u32) as usize;
                named.shuffle(rng);
                &named[..count]
            };
            return [first, Caption::draw(second, rng)];
        }
        loop {
            let second = Caption::draw(&named, rng);
            if second.text != first.text {
                return [first, second];
            }
        }
    }

    /// "a photo of a piano": names one object alone.
    ///
    /// # Panics
    /// If there is no object of this index.
    pub fn caption_naming(&self, object: usize) -> Caption {
        Caption::photo(&[self.objects[object].class])
    }

    /// "a photo of a piano, a taxi and dice": names all objects, in their order.
    pub fn caption_naming_all(&self) -> Caption {
        Caption::photo(&self.classes())
    }

    fn classes(&self) -> Vec<usize> {
        self.objects.iter().map(|object| object.class).collect()
    }
}

#[cfg(test)]
mod tests {
    use image::RgbImage;
    use ndarray::Array2;

    use super::*;
    use crate::streams::Streams;
    use crate::{BoundingBox, MAX_OBJECTS, Object, Placement, Split};

    /// A scene of these classes; what it shows does not matter here.
    fn scene(number: u64, classes: &[usize]) -> Scene {
        let object = |&class: &usize| Object {
            class,
            mask: Array2::from_elem((1, 1), true),
            bounding_box: BoundingBox {
                left: 0,
                top: 0,
                width: 1,
                height: 1,
            },
            placement: Placement {
                centre: [0.5; 2],
                side: 1.0,
                rotation: 0.0,
                mirrored: false,
                brightness: 1.0,
            },
        };
        Scene {
            image: RgbImage::new(1, 1),
            objects: classes.iter().map(object).collect(),
            streams: Streams {
                split: Split::Train,
                number,
                objects: None,
            },
        }
    }

    fn class(name: &str) -> usize {
        classes()
            .iter()
            .position(|class| class.name == name)
            .unwrap()
    }

    #[test]
    fn plain_captions_read_well() {
        let scene = scene(0, &["piano", "owl", "dice"].map(class));
        assert_eq!(scene.caption_naming(1).text, "a photo of an owl");
        assert_eq!(scene.caption_naming(2).text, "a photo of dice");
        let all = scene.caption_naming_all();
        assert_eq!(all.text, "a photo of a piano, an owl and dice");
        assert_eq!(all.classes, ["piano", "owl", "dice"].map(class));
    }

    #[test]
    fn captions_name_what_they_say_in_this_order() {
        for number in 0..2_000 {
            let count = 1 + number as usize % MAX_OBJECTS;
            let shown: Vec<_> = (0..count)
                .map(|i| (number as usize * 7 + i * 50) % 221)
                .collect();
            let scene = scene(number, &shown);
            let captions = scene.training_captions();
            assert_eq!(captions, scene.training_captions());
            assert_ne!(captions[0].text, captions[1].text);
            assert_eq!(captions[0].classes.len(), 1);
            if count > 1 {
                assert_ne!(captions[0].classes, captions[1].classes);
            }
            for caption in captions {
                assert!(caption.classes.iter().all(|class| shown.contains(class)));
                let mut rest = caption.text.as_str();
                for &class in &caption.classes {
                    let (_, after) = rest.split_once(classes()[class].name).unwrap();
                    rest = after;
                }
                assert!(!caption.text.contains(['{', '}']));
                assert_eq!(caption.text, caption.text.to_lowercase());
            }
        }
    }

    #[test]
    fn second_captions_name_one_or_several_as_often_as_they_should() {
        let mut named = [0; 3];
        for number in 0..10_000 {
            let [_, second] = scene(number, &[0, 1, 2]).training_captions();
            named[second.classes.len() - 1] += 1;
        }
        // 60 %, 20 % and 20 %, within five standard errors.
        for (count, expected) in named.into_iter().zip([6_000_i32, 2_000, 2_000]) {
            assert!((count - expected).abs() < 250, "{named:?}");
        }
    }

    #[test]
    fn a_tenth_of_single_names_is_bare() {
        let owl = class("owl");
        let bare = (0..10_000).filter(|&number| {
            let [first, _] = scene(number, &[owl]).training_captions();
            first.text == "owl"
        });
        let bare = bare.count();
        assert!((850..1_150).contains(&bare), "{bare}");
    }
}
