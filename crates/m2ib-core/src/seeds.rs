//! Noise of several seeds in one batch.

use std::ops::Range;

use crate::{NoiseSource, Result};

/// Sources side by side, of so many [streams](crate::Problem::stream) each: the streams
/// `i · streams ..` meet source i as its own `0 ..`. A problem solved so has what it would have alone.
#[derive(Debug, Clone)]
pub struct Seeds<N> {
    sources: Vec<N>,
    streams: usize,
}

impl<N: NoiseSource> Seeds<N> {
    /// # Panics
    /// For no sources, or none of their streams.
    pub fn new(sources: Vec<N>, streams: usize) -> Self {
        assert!(!sources.is_empty() && streams > 0, "sources and streams");
        Self { sources, streams }
    }
}

impl<N: NoiseSource> NoiseSource for Seeds<N> {
    fn draw(&self, step: usize, samples: Range<usize>, shape: [usize; 3]) -> Result<Vec<f32>> {
        let [of, tokens, width] = shape;
        let each = of * self.streams;
        let mut values = Vec::with_capacity(samples.len() * tokens * width);
        let mut begin = samples.start;
        while begin < samples.end {
            let source = begin / each;
            let end = samples.end.min((source + 1) * each);
            let own = begin - source * each..end - source * each;
            // Beyond the last source, which no problem asks for, its own streams go on.
            let last = self.sources.len() - 1;
            values.extend(self.sources[source.min(last)].draw(step, own, shape)?);
            begin = end;
        }
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededNoise;

    #[test]
    fn each_source_is_met_as_it_is_alone() {
        let shape = [3, 2, 2];
        let sources: Vec<_> = [5, 9].map(|seed| SeededNoise::new(seed, 1)).into();
        let both = Seeds::new(sources.clone(), 2);
        let all = both.draw(4, 0..12, shape).unwrap();
        let alone: Vec<f32> = sources
            .iter()
            .flat_map(|source| source.draw(4, 0..6, shape).unwrap())
            .collect();
        assert_eq!(all, alone);
        assert_eq!(both.draw(4, 5..8, shape).unwrap(), all[5 * 4..8 * 4]);
    }
}
