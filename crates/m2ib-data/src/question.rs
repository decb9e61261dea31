//! A scene and a caption that names one of its objects.

use std::ops::Range;

use m2ib_scenes::{Object, Scene, classes};
use ndarray::Array2;

/// What an explanation is asked: where is the named object, and which word names it?
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The scene's number in the test split.
    pub number: u64,
    /// The scene.
    pub scene: Scene,
    /// The object that the caption names.
    pub named: usize,
    /// An object that it does not name.
    pub other: usize,
    /// "a photo of a piano".
    pub caption: String,
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

    /// The noun's bytes in the caption, its article left out: captions end with it.
    pub fn name_span(&self) -> Range<usize> {
        self.caption.len() - self.name().len()..self.caption.len()
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
