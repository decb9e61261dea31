//! Scenes of emoji, of which every pixel's owner is known, as rows.

use std::ops::Range;
use std::sync::Arc;

use m2ib_scenes::{Generator, Split, classes};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{DataError, DataResult, Dataset, Question, Region, Row, RowImage};

/// Other scenes that each map is held against.
const STRANGERS: usize = 16;

/// Scenes with one object named in each.
#[derive(Debug, Clone)]
pub struct Scenes {
    split: Split,
    questions: Vec<Question>,
}

impl Scenes {
    /// The first scenes of the test split, as [`of`](Self::of) has them.
    ///
    /// # Errors
    /// As there.
    pub fn new(scenes: usize, seed: u64) -> DataResult<Self> {
        Self::of(Split::Test, 0..scenes as u64, seed)
    }

    /// Scenes of a split, of two and three objects in turn. Which object the caption names, and
    /// whose share counts as the other's, is drawn from the seed.
    ///
    /// # Errors
    /// [`DataError::TooFewScenes`] for fewer than two.
    pub fn of(split: Split, scenes: Range<u64>, seed: u64) -> DataResult<Self> {
        let found = scenes.end.saturating_sub(scenes.start) as usize;
        if found < 2 {
            return Err(DataError::TooFewScenes { found });
        }
        let generator = Generator::new();
        let questions = scenes.map(|number| {
            let objects = 2 + (number % 2) as usize;
            let scene = generator.scene_with(split, number, objects)?;
            // A stream for each scene: more scenes leave the first ones' questions as they were.
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(number);
            let named = rng.random_range(0..objects as u32) as usize;
            let step = rng.random_range(1..objects as u32) as usize;
            let other = (named + step) % objects;
            Ok(Question::new(number, scene, named, other))
        });
        Ok(Self {
            split,
            questions: questions.collect::<DataResult<_>>()?,
        })
    }

    /// Scenes of two objects of given classes, one a pair, numbered from `first` on; which of the two
    /// is named is drawn from the seed.
    ///
    /// # Errors
    /// [`DataError::TooFewScenes`] for fewer than two pairs; for classes that are none.
    pub fn of_pairs(split: Split, pairs: &[[usize; 2]], first: u64, seed: u64) -> DataResult<Self> {
        let found = pairs.len();
        if found < 2 {
            return Err(DataError::TooFewScenes { found });
        }
        let generator = Generator::new();
        let questions = (first..).zip(pairs).map(|(number, pair)| {
            let scene = generator.scene_of(split, number, pair)?;
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(number);
            let named = rng.random_range(0..2u32) as usize;
            Ok(Question::new(number, scene, named, 1 - named))
        });
        Ok(Self {
            split,
            questions: questions.collect::<DataResult<_>>()?,
        })
    }

    /// The same scenes, with the other object named.
    pub fn swapped(&self) -> Self {
        Self {
            split: self.split,
            questions: self.questions.iter().map(Question::swapped).collect(),
        }
    }

    /// The same scenes, with captions of which half is true: each names another thing as well, drawn
    /// from the seed, which the scene does not show, before or after the object.
    pub fn half_true(&self, seed: u64) -> Self {
        let half_true = |question: &Question| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(question.number);
            let shown = |class: usize| {
                let mut objects = question.scene.objects.iter();
                objects.any(|object| object.class == class)
            };
            let class = loop {
                let class = rng.random_range(0..classes().len() as u32) as usize;
                if !shown(class) {
                    break class;
                }
            };
            question.half_true(class, rng.random())
        };
        Self {
            split: self.split,
            questions: self.questions.iter().map(half_true).collect(),
        }
    }

    /// One a scene.
    pub fn questions(&self) -> &[Question] {
        &self.questions
    }

    /// A row a scene: its region is the named object's, the other's is held against it, and so are
    /// those of other scenes' named objects.
    pub fn dataset(&self) -> Dataset {
        let split = self.split;
        let questions = self.questions.iter();
        let masks: Vec<Region> = questions
            .map(|question| Region::Mask(Arc::new(question.mask().clone())))
            .collect();
        let rows = self.questions.iter().enumerate().map(|(place, question)| {
            let strangers = strangers(&self.questions, place).into_iter();
            Row {
                // The same scene may be asked about another of its objects.
                key: match question.absent_span() {
                    None => format!("scenes:{split}-{}-{}", question.number, question.named),
                    Some(_) => {
                        format!("scenes:{split}-{}-{}-half", question.number, question.named)
                    }
                },
                caption: question.caption.clone(),
                instead_of: None,
                regions: vec![masks[place].clone()],
                others: vec![Region::Mask(Arc::new(question.other_mask().clone()))],
                strangers: strangers.map(|place| masks[place].clone()).collect(),
                name: Some(question.name_span()),
                absent: question.absent_span(),
                adjustment: clip_input::Adjustment::default(),
                annotated: None,
                image: RowImage::Picture {
                    name: format!("scenes:{split}-{}", question.number),
                    pixels: Arc::new(question.scene.image.clone()),
                },
            }
        });
        let half = self.questions.iter().any(|it| it.absent_span().is_some());
        let captions = if half { ", half-true captions" } else { "" };
        Dataset {
            name: format!("emoji scenes ({split}{captions})"),
            rows: rows.collect(),
            failures: Vec::new(),
            notes: Vec::new(),
        }
    }
}

/// The next questions in a circle, by their places, about scenes of as many objects: those set the
/// objects' size.
///
/// IoU has no chance level of its own, since it depends on the shape of the map. Masks of other
/// scenes keep what maps and masks are like in general (blobs of a certain size, rarely at the
/// border) and take away what they have to do with each other.
fn strangers(questions: &[Question], place: usize) -> Vec<usize> {
    let own = &questions[place];
    let others = || {
        let after = (place + 1..questions.len()).chain(0..place);
        after.filter(|&other| questions[other].number != own.number)
    };
    let objects = |question: &Question| question.scene.objects.len();
    let alike = others().filter(|&other| objects(&questions[other]) == objects(own));
    let alike: Vec<usize> = alike.take(STRANGERS).collect();
    if alike.is_empty() {
        return others().take(STRANGERS).collect();
    }
    alike
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_true_captions_name_what_no_scene_shows_on_either_side() {
        let scenes = Scenes::new(40, 0).unwrap();
        let half = scenes.half_true(0);
        let mut before = 0;
        for (row, question) in half.dataset().rows.iter().zip(half.questions()) {
            let (name, absent) = (row.name.clone().unwrap(), row.absent.clone().unwrap());
            let noun = &row.caption[absent.clone()];
            let objects = question.scene.objects.iter();
            let shown: Vec<_> = objects.map(|object| classes()[object.class].name).collect();
            assert!(shown.contains(&&row.caption[name.clone()]) && !shown.contains(&noun));
            before += usize::from(absent.start < name.start);
        }
        assert!((10..=30).contains(&before), "{before}");
        assert_eq!(half.questions(), scenes.half_true(0).questions());
        assert_ne!(half.questions(), scenes.half_true(1).questions());
    }

    #[test]
    fn a_seed_draws_the_questions_and_more_scenes_change_none() {
        let few = Scenes::new(4, 1).unwrap();
        let many = Scenes::new(9, 1).unwrap();
        assert_eq!(few.questions(), &many.questions()[..4]);
        let questions = few.questions().iter();
        let objects: Vec<_> = questions.map(|q| q.scene.objects.len()).collect();
        assert_eq!(objects, [2, 3, 2, 3]);
        let captions = |scenes: &Scenes| -> Vec<String> {
            let questions = scenes.questions().iter();
            questions.map(|question| question.caption.clone()).collect()
        };
        let other = Scenes::new(9, 2).unwrap();
        assert_ne!(captions(&many), captions(&other));
        let other = Scenes::of(Split::Validation, 0..9, 1).unwrap();
        assert_ne!(captions(&many), captions(&other));
        let key = &other.dataset().rows[0].key;
        assert!(key.starts_with("scenes:validation-0-"), "{key}");
        let error = Scenes::new(1, 0).unwrap_err().to_string();
        assert!(
            error.contains("at least 2") && error.contains("found 1"),
            "{error}"
        );
    }
}
