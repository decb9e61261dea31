//! Random numbers: a stream of its own for every scene and purpose.

use std::fmt;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Scenes that are kept apart: for training, for choices on the way, and for the final figures.
///
/// Split and purpose are part of the ChaCha key, a scene's number chooses the stream under it, so
/// all draws are independent. Colours and places alone take about 190 random bits and the noise
/// thousands: even among billions of scenes, two equal ones are not to be expected. Nouns and
/// bitmaps are the same in all splits; what is held out is how they are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Split {
    /// To fit a model.
    Train,
    /// To choose between models or settings.
    Validation,
    /// For figures that are reported.
    Test,
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        })
    }
}

/// What random numbers are for. Captions do not depend on how many numbers a picture took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Order,
    Picture,
    Captions,
}

/// The streams of one scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Streams {
    pub(crate) split: Split,
    pub(crate) number: u64,
    /// How many objects were asked for, if it was said: another family of scenes.
    pub(crate) objects: Option<u8>,
}

impl Streams {
    /// This scene's numbers for a purpose.
    pub(crate) fn rng(&self, purpose: Purpose) -> ChaCha8Rng {
        self.stream(purpose, self.number)
    }

    /// The class of the scene's first object. As many scenes in a row as there are classes show
    /// each of them first, in an order drawn anew for every such row.
    pub(crate) fn first_class(&self, classes: u32) -> usize {
        let row = u64::from(classes);
        let mut order: Vec<usize> = (0..classes as usize).collect();
        order.shuffle(&mut self.stream(Purpose::Order, self.number / row));
        order[(self.number % row) as usize]
    }

    fn stream(&self, purpose: Purpose, number: u64) -> ChaCha8Rng {
        // A change here changes every scene.
        let mut key = *b"emoji scenes with known masks...";
        key[29] = self.split as u8;
        key[30] = self.objects.unwrap_or(0);
        key[31] = purpose as u8;
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(number);
        rng
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::Rng;

    use super::*;

    fn streams(split: Split, number: u64) -> Streams {
        Streams {
            split,
            number,
            objects: None,
        }
    }

    #[test]
    fn every_row_is_a_permutation_of_its_own() {
        let row = |n: u64| -> Vec<usize> {
            let numbers = n * 221..(n + 1) * 221;
            numbers
                .map(|i| streams(Split::Train, i).first_class(221))
                .collect()
        };
        let rows = [0, 1, 1_000_000].map(row);
        for row in &rows {
            assert_eq!(row.iter().collect::<HashSet<_>>().len(), 221);
        }
        assert!(rows[0] != rows[1] && rows[1] != rows[2]);
    }

    #[test]
    fn split_number_count_and_purpose_each_give_another_stream() {
        let mut seen = HashSet::new();
        for split in [Split::Train, Split::Validation, Split::Test] {
            for number in (0..500).chain(u64::MAX - 500..=u64::MAX) {
                for objects in [None, Some(1), Some(2), Some(3)] {
                    for purpose in [Purpose::Order, Purpose::Picture, Purpose::Captions] {
                        let streams = Streams {
                            split,
                            number,
                            objects,
                        };
                        assert!(seen.insert(streams.rng(purpose).next_u64()));
                    }
                }
            }
        }
    }
}
