//! Which examples a step sees.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::TuneSettings;

/// The examples of a step (counted from 1), of `examples` in all: a function of seed and step, so
/// that a run can be taken up anywhere.
pub(crate) fn of_step(settings: &TuneSettings, examples: usize, step: u64) -> Vec<usize> {
    let batch = settings.batch_of(examples);
    let each = (examples / batch) as u64;
    let (epoch, place) = ((step - 1) / each, (step - 1) % each);
    let mut rng = ChaCha8Rng::seed_from_u64(settings.seed);
    rng.set_stream(epoch);
    let mut order: Vec<usize> = (0..examples).collect();
    order.shuffle(&mut rng);
    let start = place as usize * batch;
    order[start..start + batch].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_sees_each_example_at_most_once_and_another_order_every_time() {
        let settings = TuneSettings {
            epochs: 2,
            batch: 4,
            ..TuneSettings::default()
        };
        let epoch = |steps: std::ops::Range<u64>| -> Vec<usize> {
            steps
                .flat_map(|step| of_step(&settings, 10, step))
                .collect()
        };
        let (first, second) = (epoch(1..3), epoch(3..5));
        for epoch in [&first, &second] {
            let mut seen = epoch.clone();
            seen.sort();
            seen.dedup();
            assert_eq!(seen.len(), 8);
        }
        assert_ne!(first, second);
    }
}
