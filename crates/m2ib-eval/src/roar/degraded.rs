//! Pairs without their important part, made whenever the fine-tuning asks for one.

use std::sync::Arc;

use m2ib_files::Digester;
use m2ib_tune::{Example, Examples, Failure};

use super::removal::drawn;
use super::{Pair, Part, RoarSettings, Scores, removed_pixels, removed_tokens};

/// Some of the pairs, degraded or as they are.
pub(crate) struct Degraded<'a> {
    pub(crate) pairs: &'a [Pair],
    /// Which of them, by their place in the order.
    pub(crate) chosen: &'a [usize],
    /// What each caption means, by the same places.
    pub(crate) meanings: &'a [u64],
    /// All that is true of each pair's picture, by the same places.
    pub(crate) also: &'a [Arc<[u64]>],
    /// What is important in each pair; none for pairs as they are.
    pub(crate) scores: Option<&'a [Scores]>,
    pub(crate) settings: &'a RoarSettings,
    /// What removed pixels become, a channel each.
    pub(crate) fill: &'a [f32],
    /// Height and width of the pictures, in pixels.
    pub(crate) size: [usize; 2],
    /// How much of them patches cover, from the top and the left.
    pub(crate) covered: [usize; 2],
}

impl Degraded<'_> {
    /// The pair at a place of the order.
    pub(crate) fn pair(&self, index: usize) -> Result<Example, Failure> {
        let pair = &self.pairs[index];
        let mut example = Example {
            pixels: pair.pixels.values()?.into_owned(),
            ids: pair.seen().to_vec(),
            meaning: self.meanings[index],
            also: self.also[index].to_vec(),
        };
        if let Some(scores) = self.scores.map(|scores| &scores[index]) {
            let RoarSettings { part, seed, .. } = *self.settings;
            let chance = drawn(scores.image.dim(), pair.ids.len(), seed, index);
            if part != Part::Text {
                self.remove_pixels(scores, &chance, &mut example.pixels);
            }
            if part != Part::Image {
                let (percentile, words) = (self.settings.text_percentile, pair.words.clone());
                for token in removed_tokens(&scores.text, &chance.text, percentile, words) {
                    example.ids[token] = self.settings.padding;
                }
            }
        }
        Ok(example)
    }

    fn remove_pixels(&self, scores: &Scores, chance: &Scores, pixels: &mut [f32]) {
        let percentile = self.settings.image_percentile;
        let removed = removed_pixels(&scores.image, &chance.image, percentile, self.covered);
        let [height, width] = self.size;
        let channels = pixels.chunks_exact_mut(height * width);
        for (channel, &fill) in channels.zip(self.fill) {
            for ((y, x), _) in removed.indexed_iter().filter(|(_, removed)| **removed) {
                channel[y * width + x] = fill;
            }
        }
    }
}

impl Examples for Degraded<'_> {
    fn count(&self) -> usize {
        self.chosen.len()
    }

    fn example(&self, index: usize) -> Result<Example, Failure> {
        self.pair(self.chosen[index])
    }

    fn identity(&self) -> String {
        let mut digester = Digester::default();
        for &index in self.chosen {
            let pair = &self.pairs[index];
            let also = self.also[index].iter().copied();
            let counts = [also.len(), pair.seen().len()].map(|count| count as u64);
            let meanings = [index as u64, self.meanings[index]].into_iter().chain(also);
            let ids = pair.seen().iter().map(|&id| id as u64);
            let numbers = counts.into_iter().chain(meanings).chain(ids);
            numbers.for_each(|number| digester.add_number(number));
            pair.pixels.add_to(&mut digester);
            if let Some(scores) = self.scores.map(|scores| &scores[index]) {
                digester.add_number(scores.image.ncols() as u64);
                digester.add_floats(&scores.image);
                digester.add_floats(&scores.text);
            }
        }
        if self.scores.is_none() {
            return format!("{} pairs, {}", self.chosen.len(), digester.finish());
        }
        digester.add_floats(self.fill);
        let RoarSettings {
            part,
            image_percentile,
            text_percentile,
            padding,
            seed,
            ..
        } = self.settings;
        format!(
            "{} pairs, {}, degraded: {part:?}, {image_percentile}, {text_percentile}, {padding}, {seed}",
            self.chosen.len(),
            digester.finish()
        )
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    /// 2 × 2 pixels of three channels and a caption of three words; behind the pooled token, more.
    fn pair() -> Pair {
        Pair {
            pixels: (1..13).map(|x| x as f32).collect::<Vec<_>>().into(),
            ids: vec![50, 1, 2, 3, 51, 0],
            words: 1..4,
            read: 5,
            picture: 0,
        }
    }

    fn degraded(part: Part) -> Example {
        let settings = RoarSettings {
            part,
            ..RoarSettings::new(51)
        };
        let scores = Scores {
            image: array![[0.1, 0.2], [0.9, 0.3]],
            text: vec![8.0, 0.1, 0.3, 0.2, 9.0, 10.0],
        };
        let degraded = Degraded {
            pairs: &[pair()],
            chosen: &[0],
            meanings: &[7],
            also: &[[7, 8].into()],
            scores: Some(&[scores]),
            settings: &settings,
            fill: &[-1.0, -2.0, -3.0],
            size: [2, 2],
            covered: [2, 2],
        };
        degraded.pair(0).unwrap()
    }

    #[test]
    fn the_most_important_pixel_and_word_go() {
        let found = degraded(Part::Both);
        let pixels = [1, 2, -1, 4, 5, 6, -2, 8, 9, 10, -3, 12].map(|x| x as f32);
        assert_eq!(found.pixels, pixels);
        // The padding token is the end token here; the pooled one is still the last.
        assert_eq!(found.ids, [50, 1, 51, 3, 51]);
        assert_eq!((found.meaning, &found.also[..]), (7, &[7, 8][..]));
    }

    #[test]
    fn one_modality_can_be_left_whole() {
        let (image, text) = (degraded(Part::Image), degraded(Part::Text));
        assert_eq!(image.ids, [50, 1, 2, 3, 51]);
        assert_eq!(image.pixels, degraded(Part::Both).pixels);
        assert_eq!(text.pixels, *pair().pixels.values().unwrap());
        assert_eq!(text.ids, degraded(Part::Both).ids);
    }
}
