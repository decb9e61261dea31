//! A scene and a caption that names one of its objects.

use std::ops::Range;

use m2ib_scenes::{Caption, Object, Scene, classes};
use ndarray::Array2;

/// What an explanation is asked: where is the named object, and which word names it?
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The scene's number in its split.
    pub number: u64,
    /// The scene.
    pub scene: Scene,
    /// The object that the caption names.
    pub named: usize,
    /// An object that it does not name.
    pub other: usize,
    /// "a photo of a piano".
    pub caption: String,
    /// Something else that the caption names, which the scene does not show.
    absent: Option<Absent>,
}

/// A class that a caption names beside the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Absent {
    class: usize,
    /// Whether it comes before the object.
    first: bool,
}

impl Question {
    /// Names one object and keeps another in mind.
    ///
    /// # Panics
    /// If the scene has no such objects, or they are one.
    pub fn new(number: u64, scene: Scene, named: usize, other: usize) -> Self {
        assert!(named != other && other < scene.objects.len());
        let caption = scene.caption_naming(named).text;
        Self {
            number,
            scene,
            named,
            other,
            caption,
            absent: None,
        }
    }

    /// The same question with a caption that is half true: "a photo of a piano and a taxi" where there
    /// is no taxi, or the other way round.
    ///
    /// # Panics
    /// If the scene shows the class, or there is none of this index.
    pub fn half_true(&self, class: usize, first: bool) -> Self {
        let shown = |object: &Object| object.class == class;
        assert!(!self.scene.objects.iter().any(shown));
        let mut classes = [self.scene.objects[self.named].class, class];
        if first {
            classes.reverse();
        }
        Self {
            caption: Caption::photo(&classes).text,
            absent: Some(Absent { class, first }),
            ..self.clone()
        }
    }

    /// The same scene, the other object named.
    pub fn swapped(&self) -> Self {
        Self::new(self.number, self.scene.clone(), self.other, self.named)
    }

    /// The noun of the named object.
    pub fn name(&self) -> &'static str {
        noun(&self.scene.objects[self.named])
    }

    /// The noun of the other.
    pub fn other_name(&self) -> &'static str {
        noun(&self.scene.objects[self.other])
    }

    /// The noun's bytes in the caption, its article left out.
    pub fn name_span(&self) -> Range<usize> {
        self.span(self.name(), self.absent.is_some_and(|absent| !absent.first))
    }

    /// Those of the noun of what is absent.
    pub fn absent_span(&self) -> Option<Range<usize>> {
        let Absent { class, first } = self.absent?;
        Some(self.span(classes()[class].name, first))
    }

    /// A noun's place: at the caption's end, or before "and" and the noun there.
    fn span(&self, noun: &str, first: bool) -> Range<usize> {
        let end = match first {
            true => self.caption.rfind(AND).expect("captions of two nouns"),
            false => self.caption.len(),
        };
        end - noun.len()..end
    }

    /// Where the named object is seen, `[row, column]`.
    pub fn mask(&self) -> &Array2<bool> {
        &self.scene.objects[self.named].mask
    }

    /// Where the other is seen.
    pub fn other_mask(&self) -> &Array2<bool> {
        &self.scene.objects[self.other].mask
    }
}

/// What is between two nouns; no name has it.
const AND: &str = " and ";

fn noun(object: &Object) -> &'static str {
    classes()[object.class].name
}

#[cfg(test)]
mod tests {
    use m2ib_scenes::{Generator, Split};

    use super::*;

    #[test]
    fn the_name_is_found_in_the_caption_of_every_class() {
        let generator = Generator::new();
        for number in 0..classes().len() as u64 {
            let scene = generator.scene_with(Split::Test, number, 2).unwrap();
            let question = Question::new(number, scene, 0, 1);
            assert_eq!(&question.caption[question.name_span()], question.name());
        }
    }

    #[test]
    fn both_names_of_a_half_true_caption_are_found() {
        let generator = Generator::new();
        for class in 0..classes().len() {
            let scene = generator.scene_with(Split::Test, 3, 2).unwrap();
            if scene.objects.iter().any(|object| object.class == class) {
                continue;
            }
            let question = Question::new(3, scene, 0, 1);
            for first in [true, false] {
                let half = question.half_true(class, first);
                assert_eq!(&half.caption[half.name_span()], half.name());
                let absent = half.absent_span().unwrap();
                assert_eq!(&half.caption[absent.clone()], classes()[class].name);
                assert_eq!(absent.start < half.name_span().start, first);
            }
        }
    }

    #[test]
    fn swapping_twice_changes_nothing() {
        let scene = Generator::new().scene_with(Split::Test, 5, 3).unwrap();
        let question = Question::new(5, scene, 2, 0);
        let swapped = question.swapped();
        assert_eq!(swapped.name(), question.other_name());
        assert_eq!(swapped.mask(), question.other_mask());
        assert_ne!(swapped.caption, question.caption);
        assert_eq!(swapped.swapped(), question);
    }
}
