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
        Caption::fill(PHOTO[0], &[self.objects[object].class])
    }

    /// "a photo of a piano, a taxi and dice": names all objects, in their order.
    pub fn caption_naming_all(&self) -> Caption {
        Caption::fill(PHOTO[self.objects.len() - 1], &self.classes())
    }

    fn classes(&self) -> Vec<usize> {
        self.objects.iter().map(|object| object.class).collect()
    }
}
