//! Statistics of a text tower's input without any caption: of its vocabulary.

use burn::tensor::{Int, Tensor, TensorData};
use clip_model::TextTower;

use crate::Result;
use crate::calibration::{Moments, Statistics};
use crate::encoded::host;

/// Entries of a vocabulary that are looked at, evenly spread; more would take seconds and change
/// nothing that can be seen.
const MOST_ENTRIES: usize = 1 << 16;

/// What is not finite where the model is broken.
const ENTRY: &str = "the text tower's embedding of its vocabulary";

/// Entries that are looked up at once.
const CHUNK: usize = 1 << 12;

/// Mean and deviation of every feature of the input of block 0, as if every entry of the vocabulary
/// stood at every position equally often: means add up, and so do the variances of entries and of
/// positions.
pub(crate) fn statistics(tower: &dyn TextTower) -> Result<Statistics> {
    let (width, positions) = (tower.width(), tower.positions());
    let mean = tower.mean_embedding();
    let device = mean.device();
    let mut entries = Moments::new(width);
    let stride = tower.vocabulary().div_ceil(MOST_ENTRIES).max(1);
    let ids: Vec<i64> = (0..tower.vocabulary() as i64).step_by(stride).collect();
    for chunk in ids.chunks(CHUNK) {
        let data = TensorData::new(chunk.to_vec(), [1, chunk.len()]);
        let rows = tower.look_up(Tensor::<2, Int>::from_data(data, &device));
        let rows = host(rows, ENTRY)?;
        rows.chunks_exact(width).for_each(|row| entries.add(row));
    }
    let mut places = Moments::new(width);
    let everywhere = mean.reshape([1, 1, width]).expand([1, positions, width]);
    let placed = host(tower.place(everywhere), ENTRY)?;
    placed.chunks_exact(width).for_each(|row| places.add(row));
    let variances = entries.variances().into_iter().zip(places.variances());
    Ok(Statistics::new(
        places.means(),
        variances
            .map(|(entries, places)| entries + places)
            .collect(),
    ))
}

#[cfg(all(test, feature = "emoji"))]
mod tests {
    use super::*;
    use crate::{Backend, Layer, emoji};

    #[test]
    fn they_are_those_of_all_entries_at_all_positions() {
        let device = Backend::preferred().unwrap().device().unwrap();
        let model = emoji::pretrained(&device).unwrap();
        let tower = model.text();
        let found = statistics(tower).unwrap();
        let mut all = Moments::new(tower.width());
        let (vocabulary, positions) = (tower.vocabulary() as i64, tower.positions());
        for id in 0..vocabulary {
            let data = TensorData::new(vec![id; positions], [1, positions]);
            let rows = tower.embed(Tensor::<2, Int>::from_data(data, &device));
            let rows = host(rows, ENTRY).unwrap();
            rows.chunks_exact(tower.width())
                .for_each(|row| all.add(row));
        }
        let counted = all.finish();
        let pairs = found.std.iter().zip(&counted.std);
        // The denominators differ: n − 1 for either part, and for the whole.
        for (found, counted) in pairs {
            assert!((found / counted - 1.0).abs() < 0.02, "{found} {counted}");
        }
        for (found, counted) in found.mean.iter().zip(&counted.mean) {
            assert!((found - counted).abs() < 1e-4, "{found} {counted}");
        }
        // Near enough to what captions show to be of use: most deviations within a factor of two.
        let calibration = emoji::calibration().unwrap();
        let captions = &calibration.text[&Layer::Embedding];
        let near = found.std.iter().zip(&captions.std);
        let near = near.filter(|(a, b)| (0.5..2.0).contains(&(*a / *b)));
        assert!(near.count() * 2 > tower.width());
    }
}
