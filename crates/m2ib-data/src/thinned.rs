//! Some of many, evenly spread, without knowing beforehand how many there are.

use std::collections::HashSet;

/// Every so many-th of what was taken, such that there are never more than twice `most`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Thinned {
    most: usize,
    stride: u64,
    next: u64,
    kept: Vec<String>,
}

impl Thinned {
    /// None yet.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most: most.max(1),
            stride: 1,
            next: 0,
            kept: Vec::new(),
        }
    }

    pub(super) fn take(&mut self, text: &str) {
        if self.next.is_multiple_of(self.stride) {
            self.kept.push(text.into());
        }
        self.next += 1;
        if self.kept.len() >= 2 * self.most {
            let mut place = 0;
            self.kept.retain(|_| {
                place += 1;
                place % 2 == 1
            });
            self.stride *= 2;
        }
    }

    /// At most `most` of them, each once.
    pub(super) fn finish(self) -> Vec<String> {
        let mut seen = HashSet::new();
        let mut kept: Vec<String> = self.kept;
        kept.retain(|text| seen.insert(text.clone()));
        let (count, most) = (kept.len(), self.most);
        let chosen =
            |place: usize| count <= most || place * most / count != (place + 1) * most / count;
        let kept = kept.into_iter().enumerate();
        kept.filter(|(place, _)| chosen(*place))
            .map(|(_, text)| text)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_left_of_any_number_and_they_are_spread_evenly() {
        for count in [1usize, 7, 8, 9, 100, 1000] {
            let mut thinned = Thinned::new(8);
            for number in 0..count {
                thinned.take(&number.to_string());
            }
            let kept = thinned.finish();
            assert_eq!(kept.len(), count.min(8), "{count}: {kept:?}");
            let numbers: Vec<usize> = kept.iter().map(|text| text.parse().unwrap()).collect();
            let gaps: Vec<usize> = numbers.windows(2).map(|pair| pair[1] - pair[0]).collect();
            let widest = gaps.iter().max().copied().unwrap_or(1);
            assert!(widest <= count.div_ceil(8) * 3, "{count}: {numbers:?}");
        }
        let mut same = Thinned::new(8);
        for _ in 0..20 {
            same.take("a");
        }
        assert_eq!(same.finish(), ["a"]);
    }
}
