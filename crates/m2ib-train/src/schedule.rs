//! Learning rate and kept patches over the steps.

use crate::Settings;

/// Says of each step what it is done with.
#[derive(Debug, Clone, Copy)]
pub struct Schedule<'a>(pub &'a Settings);

impl Schedule<'_> {
    /// The learning rate of a step, counted from 1: linear up to the peak, then half a cosine down
    /// to 2 % of it.
    pub fn rate(&self, step: u64) -> f64 {
        let Settings {
            steps,
            warm_up,
            learning_rate,
            ..
        } = *self.0;
        m2ib_tune::learning_rate(step, steps, warm_up, learning_rate)
    }

    /// How many of an image's patches a step, counted from 1, sees.
    pub fn kept(&self, step: u64, patches: usize) -> usize {
        if step as f64 > self.0.keep_all_from * self.0.steps as f64 {
            return patches;
        }
        ((patches as f64 * self.0.keep) as usize).clamp(1, patches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_to_its_peak_and_falls_to_a_fiftieth() {
        let settings = Settings::default();
        let schedule = Schedule(&settings);
        assert_eq!(schedule.rate(1), 1.5e-3 / 200.0);
        assert_eq!(schedule.rate(200), 1.5e-3);
        let middle = schedule.rate(200 + 2_750);
        assert!((middle - 1.5e-3 * 0.51).abs() < 1e-12, "{middle}");
        assert!((schedule.rate(5_700) - 3e-5).abs() < 1e-12);
    }

    #[test]
    fn the_last_fifth_sees_all_patches() {
        let settings = Settings::default();
        let schedule = Schedule(&settings);
        assert_eq!(schedule.kept(1, 64), 32);
        assert_eq!(schedule.kept(4_560, 64), 32);
        assert_eq!(schedule.kept(4_561, 64), 64);
    }
}
