//! How sure is the map? What several seeds agree on.

use std::collections::BTreeMap;

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::TextAttribution;
use crate::rows;

/// Of a map's range, from which on a place counts as hot: where IoU at a half has its edge.
const HOT: f32 = 0.5;

/// How maps and words of several seeds, whose mean an explanation is, differ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The seeds.
    pub seeds: Vec<u64>,
    /// Of the patches.
    pub image: ImageSpread,
    /// Of the words.
    pub text: TextSpread,
}

/// How maps differ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageSpread {
    /// Standard deviation between seeds, `[rows, columns]`, in the map's unit.
    #[serde(with = "rows")]
    pub deviation: Array2<f32>,
    /// The share of seeds by which a place is hot, above the half of the map's range: 1 is what all
    /// agree on, `[rows, columns]`.
    #[serde(with = "rows")]
    pub support: Array2<f32>,
    /// Rank correlation of two seeds' maps, the mean over pairs. Most of a map may be background of
    /// which the order is chance: look at [`hottest`](Self::hottest) as well.
    pub rank_agreement: f32,
    /// The share of one map's hottest tenth that is of another's too, the mean over pairs; .1 by
    /// chance.
    pub hottest: f32,
    /// Each seed's own map, in the order of [`Spread::seeds`], `[rows, columns]` each. Files don't have them: there
    /// are none where an explanation was read back.
    #[serde(skip)]
    pub maps: Vec<Array2<f32>>,
}

/// How words' scores differ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextSpread {
    /// Standard deviation between seeds of every token's saliency.
    pub deviation: Vec<f32>,
    /// The same of every word's.
    pub words: Vec<f32>,
    /// Rank correlation of two seeds' words, the mean over pairs; 1 for a single word.
    pub rank_agreement: f32,
    /// By how many seeds each word is the strongest, as a share, `[words]`.
    pub strongest: Vec<f32>,
}

/// The means of several seeds' explanations with what they differ in.
#[derive(Debug, Clone, PartialEq)]
pub struct Averaged {
    /// `[rows, columns]`
    pub map: Array2<f32>,
    /// `[tokens]`
    pub tokens: Vec<f32>,
    /// How they differ.
    pub spread: Spread,
}

impl Averaged {
    /// Of one map and one caption a seed.
    ///
    /// # Panics
    /// If there are fewer than two, or not as many of each, or of different shapes.
    pub fn of(seeds: Vec<u64>, maps: &[&Array2<f32>], texts: &[&TextAttribution]) -> Self {
        assert!(maps.len() > 1 && maps.len() == texts.len() && maps.len() == seeds.len());
        let shape = maps[0].dim();
        let flat: Vec<Vec<f32>> = maps
            .iter()
            .map(|map| map.iter().copied().collect())
            .collect();
        let tokens: Vec<Vec<f32>> = texts.iter().map(|text| text.saliency.clone()).collect();
        let words: Vec<Vec<f32>> = texts
            .iter()
            .map(|text| text.words().iter().map(|word| word.saliency).collect())
            .collect();
        let on_grid = |values| Array2::from_shape_vec(shape, values).expect("one value a place");
        let hot: Vec<Vec<f32>> = flat.iter().map(|map| hot(map)).collect();
        let image = ImageSpread {
            deviation: on_grid(deviations(&flat)),
            support: on_grid(means(&hot)),
            rank_agreement: pairwise(&flat, rank_correlation),
            hottest: pairwise(&flat, hottest_shared),
            maps: maps.iter().map(|&map| map.clone()).collect(),
        };
        let strongest: Vec<Vec<f32>> = words.iter().map(|words| strongest(words)).collect();
        let text = TextSpread {
            deviation: deviations(&tokens),
            words: deviations(&words),
            rank_agreement: pairwise(&words, rank_correlation),
            strongest: means(&strongest),
        };
        Self {
            map: on_grid(means(&flat)),
            tokens: means(&tokens),
            spread: Spread { seeds, image, text },
        }
    }
}

fn columns(rows: &[Vec<f32>]) -> impl Iterator<Item = Vec<f64>> {
    let count = rows.first().map_or(0, Vec::len);
    (0..count).map(|place| rows.iter().map(|row| f64::from(row[place])).collect())
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn means(rows: &[Vec<f32>]) -> Vec<f32> {
    columns(rows).map(|values| mean(&values) as f32).collect()
}

/// With n − 1 in the denominator.
fn deviations(rows: &[Vec<f32>]) -> Vec<f32> {
    let deviation = |values: Vec<f64>| {
        let middle = mean(&values);
        let squares = values.iter().map(|value| (value - middle).powi(2));
        (squares.sum::<f64>() / (values.len() as f64 - 1.0).max(1.0)).sqrt() as f32
    };
    columns(rows).map(deviation).collect()
}

/// 1 where a map is above the half of its range; nowhere, where it has none.
fn hot(map: &[f32]) -> Vec<f32> {
    let low = map.iter().copied().fold(f32::INFINITY, f32::min);
    let high = map.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let edge = low + HOT * (high - low);
    let is_hot = |&value: &f32| high > low && value >= edge;
    map.iter()
        .map(|value| f32::from(u8::from(is_hot(value))))
        .collect()
}

/// 1 for the strongest word; shared where several are.
fn strongest(words: &[f32]) -> Vec<f32> {
    let high = words.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let count = words.iter().filter(|&&word| word == high).count().max(1);
    let share = |&word: &f32| {
        if word == high {
            1.0 / count as f32
        } else {
            0.0
        }
    };
    words.iter().map(share).collect()
}

/// The mean over all pairs.
fn pairwise(rows: &[Vec<f32>], measure: fn(&[f32], &[f32]) -> f64) -> f32 {
    let pairs = (1..rows.len()).flat_map(|b| (0..b).map(move |a| (a, b)));
    let values: Vec<f64> = pairs.map(|(a, b)| measure(&rows[a], &rows[b])).collect();
    mean(&values) as f32
}

/// Spearman's, ties at their mean rank. Two that are constant agree, and one does with nothing.
fn rank_correlation(a: &[f32], b: &[f32]) -> f64 {
    let (a, b) = (ranks(a), ranks(b));
    let (of_a, of_b) = (mean(&a), mean(&b));
    let product = |x: &[f64], of_x: f64, y: &[f64], of_y: f64| -> f64 {
        x.iter().zip(y).map(|(x, y)| (x - of_x) * (y - of_y)).sum()
    };
    let (aa, bb) = (product(&a, of_a, &a, of_a), product(&b, of_b, &b, of_b));
    match (aa > 0.0, bb > 0.0) {
        (true, true) => product(&a, of_a, &b, of_b) / (aa * bb).sqrt(),
        (false, false) => 1.0,
        _ => 0.0,
    }
}

fn ranks(values: &[f32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut begin = 0;
    while begin < order.len() {
        let value = values[order[begin]];
        let tied = order[begin..].iter().take_while(|&&at| values[at] == value);
        let end = begin + tied.count().max(1);
        for &at in &order[begin..end] {
            ranks[at] = (begin + end - 1) as f64 / 2.0;
        }
        begin = end;
    }
    ranks
}

fn hottest_shared(a: &[f32], b: &[f32]) -> f64 {
    let count = (a.len() / 10).max(1).min(a.len());
    let hottest = |map: &[f32]| -> BTreeMap<usize, ()> {
        let mut order: Vec<usize> = (0..map.len()).collect();
        order.sort_by(|&a, &b| map[b].total_cmp(&map[a]));
        order.into_iter().take(count).map(|at| (at, ())).collect()
    };
    let (a, b) = (hottest(a), hottest(b));
    a.keys().filter(|&at| b.contains_key(at)).count() as f64 / count.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_deviations_and_support_by_hand() {
        let rows = [vec![1.0, 4.0, 0.0], vec![3.0, 0.0, 0.0]];
        assert_eq!(means(&rows), [2.0, 2.0, 0.0]);
        let expected = [2f32.sqrt(), 8f32.sqrt(), 0.0];
        assert_eq!(deviations(&rows), expected);
        let support = means(&rows.iter().map(|row| hot(row)).collect::<Vec<_>>());
        assert_eq!(support, [0.5, 0.5, 0.0]);
        assert_eq!(hot(&[2.0, 2.0]), [0.0, 0.0]);
    }

    #[test]
    fn agreement_is_of_ranks() {
        let up = [1.0, 2.0, 3.0, 9.0];
        assert!((rank_correlation(&up, &[2.0, 3.0, 4.0, 5.0]) - 1.0).abs() < 1e-12);
        assert!((rank_correlation(&up, &[4.0, 3.0, 2.0, 1.0]) + 1.0).abs() < 1e-12);
        assert_eq!(rank_correlation(&up, &[1.0; 4]), 0.0);
        assert_eq!(rank_correlation(&[2.0], &[5.0]), 1.0);
        // (1, 2.5, 2.5, 4) against (1, 2, 3, 4): 4.5 / sqrt(4.5 · 5).
        let tied = rank_correlation(&[0.0, 1.0, 1.0, 2.0], &up);
        assert!((tied - 4.5 / (4.5f64 * 5.0).sqrt()).abs() < 1e-12, "{tied}");
        let map: Vec<f32> = (0..20).map(|x| x as f32).collect();
        let mut other = map.clone();
        other.swap(0, 19);
        assert_eq!(hottest_shared(&map, &other), 0.5);
    }
}
