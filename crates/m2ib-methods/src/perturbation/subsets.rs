//! All ways to keep some of a few things.

/// Whether there are at most `limit` subsets of so many things.
pub(crate) fn fit(things: usize, limit: usize) -> bool {
    let all = u32::try_from(things).ok();
    let all = all.and_then(|things| 1usize.checked_shl(things));
    all.is_some_and(|all| all <= limit)
}

/// Each subset once, the empty one first and the whole last. For things that [`fit`].
pub(crate) fn every(things: usize) -> impl Iterator<Item = Vec<bool>> {
    let subset = move |bits: usize| (0..things).map(|thing| bits >> thing & 1 == 1).collect();
    (0..1usize << things).map(subset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_subset_comes_once() {
        let mut all: Vec<Vec<bool>> = every(5).collect();
        assert_eq!(
            (&all[0][..], &all[31][..]),
            (&[false; 5][..], &[true; 5][..])
        );
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 32);
        assert_eq!(every(0).collect::<Vec<_>>(), [Vec::<bool>::new()]);
    }

    #[test]
    fn as_many_as_the_limit_fit() {
        assert!(fit(5, 32) && !fit(5, 31));
        assert!(fit(0, 1));
        assert!(!fit(64, usize::MAX) && !fit(usize::MAX, usize::MAX));
    }
}
