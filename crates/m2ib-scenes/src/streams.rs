//! Random numbers: a stream of its own for every scene and purpose.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// Scenes that are kept apart: for training, for choices on the way, and for the final figures.
///
/// Split and purpose are part of the ChaCha key, the scene's number chooses the stream under it, so
/// all draws are independent. A scene takes some hundred bits for its layout alone: that two of a
/// billion scenes coincide is less likely than 2⁻⁴⁰, in one split or across them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Split {
    /// To fit a model.
    Train,
    /// To choose between models or settings.
    Validation,
    /// For figures that are reported.
    Test,
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
