//! Words over all captions: how often they count, and how their pairs fare.

use std::collections::HashMap;

use serde::Serialize;

use crate::Finding;

/// A word counts in a caption if it carries at least this share of what the strongest word carries.
const COUNTS: f32 = 0.25;
/// A word that counts in less than one of so many captions does so by accident.
const RARELY: u64 = 50;
/// How often a word is there before anything is said of it.
const OFTEN: u64 = 3;
/// Words that are told apart; those that come first when there are more.
const MOST: usize = 500_000;
/// Words of either list.
const LISTED: usize = 40;

/// What a word is over all captions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Word {
    /// In small letters.
    pub word: String,
    /// In how many captions it is.
    pub captions: u64,
    /// In how many it counts.
    pub counts: u64,
    /// In how many it carries the most.
    pub on_top: u64,
    /// The mean of what it carries, as a share of the strongest word of its caption.
    pub share: f64,
    /// Of the pairs in which it carries the most: the mean similarity,
    pub similarity: Option<f64>,
    /// the mean share of the bank that fits better,
    pub chance: Option<f64>,
    /// the share whose hottest place lies where the data set says,
    pub pointing: Option<f64>,
    /// and the mean share of the map in its hottest tenth.
    pub concentration: Option<f64>,
}

#[derive(Debug, Default)]
pub(super) struct Words(HashMap<String, Sum>);

#[derive(Debug, Default)]
struct Sum {
    captions: u64,
    counts: u64,
    on_top: u64,
    share: f64,
    similarity: f64,
    ranked: u64,
    chance: f64,
    located: u64,
    pointing: f64,
    concentration: f64,
}

impl Words {
    pub(super) fn add(&mut self, finding: &Finding, concentration: f64, chance: Option<f64>) {
        let strongest = finding.word_saliency.iter().copied().fold(0.0f32, f32::max);
        if strongest <= 0.0 {
            return;
        }
        let mut seen = Vec::new();
        for (word, &saliency) in finding.words.iter().zip(&finding.word_saliency) {
            let word = plain(word);
            if word.is_empty() {
                continue;
            }
            let known = self.0.contains_key(&word) || self.0.len() < MOST;
            if !known {
                continue;
            }
            let sum = self.0.entry(word.clone()).or_default();
            let share = (saliency / strongest).clamp(0.0, 1.0);
            let on_top = saliency == strongest;
            if !seen.contains(&word) {
                sum.captions += 1;
                sum.counts += u64::from(share >= COUNTS);
                sum.share += f64::from(share);
                seen.push(word);
            }
            if on_top {
                sum.on_top += 1;
                sum.similarity += f64::from(finding.similarity);
                sum.concentration += concentration;
                sum.ranked += u64::from(chance.is_some());
                sum.chance += chance.unwrap_or_default();
                sum.located += u64::from(finding.pointing.is_some());
                sum.pointing += f64::from(finding.pointing.unwrap_or_default());
            }
        }
    }

    /// The words that carry the most in the most captions, and those that next to never count.
    pub(super) fn finish(self) -> (Vec<Word>, Vec<Word>) {
        let mut words: Vec<Word> = self.0.into_iter().map(Sum::word).collect();
        words.sort_by(|a, b| b.captions.cmp(&a.captions).then(a.word.cmp(&b.word)));
        let never = words
            .iter()
            .filter(|word| word.counts * RARELY < word.captions && word.captions >= OFTEN);
        let never = never.take(LISTED).cloned().collect();
        let mut top: Vec<Word> = words.into_iter().filter(|word| word.on_top > 0).collect();
        top.sort_by(|a, b| b.on_top.cmp(&a.on_top).then(a.word.cmp(&b.word)));
        top.truncate(LISTED);
        (top, never)
    }
}

impl Sum {
    fn word((word, sum): (String, Self)) -> Word {
        let mean = |total: f64, count: u64| (count > 0).then(|| total / count as f64);
        Word {
            word,
            captions: sum.captions,
            counts: sum.counts,
            on_top: sum.on_top,
            share: mean(sum.share, sum.captions).unwrap_or_default(),
            similarity: mean(sum.similarity, sum.on_top),
            chance: mean(sum.chance, sum.ranked),
            pointing: mean(sum.pointing, sum.located),
            concentration: mean(sum.concentration, sum.on_top),
        }
    }
}

/// A word without the signs around it, in small letters.
fn plain(word: &str) -> String {
    let bare = word.trim_matches(|char: char| !char.is_alphanumeric());
    bare.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_counts_by_its_share_of_the_strongest() {
        let mut words = Words::default();
        for _ in 0..3 {
            words.add(
                &Finding {
                    words: ["A", "photo", "of", "a", "dog."].map(String::from).to_vec(),
                    word_saliency: vec![0.1, 0.5, 0.0, 0.2, 2.0],
                    ..super::super::regions::tests::finding()
                },
                0.5,
                Some(0.25),
            );
        }
        let (top, never) = words.finish();
        let dog = Word {
            word: "dog".into(),
            captions: 3,
            counts: 3,
            on_top: 3,
            share: 1.0,
            similarity: Some(0.5),
            chance: Some(0.25),
            pointing: None,
            concentration: Some(0.5),
        };
        assert_eq!(top, [dog]);
        // "photo" has a quarter, and "a" is there once a caption.
        let never: Vec<(&str, u64)> = never
            .iter()
            .map(|word| (word.word.as_str(), word.captions))
            .collect();
        assert_eq!(never, [("a", 3), ("of", 3)]);
    }
}
