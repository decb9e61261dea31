//! A game of two sides and its interactions of order two across them.
//!
//! Some of side A's players take part, x ∈ {0, 1}ⁿ, and some of side B's, y; the value is v(x, y). All
//! pairs of some x and some y are played. Least squares over them of
//!
//! ```text
//! v(x, y) ≈ f(x) + g(y) + Σ_ij I_ij x_i y_j
//! ```
//!
//! with any f and g have a closed form: with v less its means over either side, and x and y less
//! theirs, I = X⁺ v Y⁺ᵀ. (With f and g of order two it is FIxLIP's regression; Baniecki et al., NeurIPS
//! 2025. That they may be anything costs nothing where all pairs are played, and takes what three
//! and more of one side do together off the result.) Over all x and y, weighted by p^|x| (1 − p)^(n − |x|),
//!
//! ```text
//! I_ij = E[v(x+i, y+j) − v(x+i, y−j) − v(x−i, y+j) + v(x−i, y−j)]
//! ```
//!
//! Banzhaf's interaction index for p = ½. The values of single players are likewise
//! E[v(x+i, y) − v(x−i, y)].

use nalgebra::{Cholesky, DMatrix, DVector};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::perturbation::subsets;

/// A player of which the others explain all but this share is not determined.
const LEAST_PIVOT: f64 = 1e-10;

/// Who takes part, with a weight.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Drawn {
    pub(super) kept: Vec<Vec<bool>>,
    weights: Vec<f64>,
}

impl Drawn {
    /// All subsets with their weights if there are at most `count`; else as many that are drawn, each
    /// player with probability p by itself, in pairs that share no player and leave none out if p is
    /// ½.
    pub(super) fn of(players: usize, count: usize, keep: f64, seed: u64, stream: u64) -> Self {
        if subsets::fit(players, count) {
            let kept: Vec<Vec<bool>> = subsets::every(players).collect();
            let weight = |kept: &Vec<bool>| {
                let parts = kept
                    .iter()
                    .map(|&kept| if kept { keep } else { 1.0 - keep });
                parts.product()
            };
            let weights = kept.iter().map(weight).collect();
            return Self { kept, weights };
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        let mut kept: Vec<Vec<bool>> = Vec::with_capacity(count);
        while kept.len() < count {
            match kept.last() {
                Some(last) if kept.len() % 2 == 1 && keep == 0.5 => {
                    kept.push(last.iter().map(|kept| !kept).collect());
                }
                _ => kept.push((0..players).map(|_| rng.random::<f64>() < keep).collect()),
            }
        }
        Self {
            weights: vec![1.0 / count as f64; count],
            kept,
        }
    }

    /// √w x, less its mean, `[drawn, players]`; and √w.
    fn design(&self) -> (DMatrix<f64>, DVector<f64>) {
        let sum: f64 = self.weights.iter().sum();
        let players = self.kept.first().map_or(0, Vec::len);
        let means: Vec<f64> = (0..players)
            .map(|player| {
                let own = self.kept.iter().zip(&self.weights);
                own.filter(|(kept, _)| kept[player])
                    .map(|(_, weight)| weight / sum)
                    .sum()
            })
            .collect();
        let root = |row: usize| (self.weights[row] / sum).sqrt();
        let design = DMatrix::from_fn(self.kept.len(), players, |row, player| {
            root(row) * (f64::from(u8::from(self.kept[row][player])) - means[player])
        });
        (
            design,
            DVector::from_fn(self.kept.len(), |row, _| root(row)),
        )
    }
}

/// What players are worth.
pub(super) struct Worth {
    /// I, `[players of A, players of B]`.
    pub(super) together: DMatrix<f64>,
    /// Of A's players, and of B's.
    pub(super) alone: [Vec<f64>; 2],
}

/// Least squares over all pairs; the place of the side, 0 or 1, whose draw does not determine it.
///
/// # Shapes
/// - values: v, `[drawn of A, drawn of B]`
pub(super) fn solve(a: &Drawn, b: &Drawn, values: &DMatrix<f64>) -> Result<Worth, usize> {
    let ((x, root_a), (y, root_b)) = (a.design(), b.design());
    // √w v √w less its means over either side: the design is at right angles to √w, so that taking
    // them off changes nothing but rounding.
    let weighted = DMatrix::from_fn(values.nrows(), values.ncols(), |row, column| {
        root_a[row] * values[(row, column)] * root_b[column]
    });
    let (of_a, of_b) = (factor(&x).ok_or(0usize)?, factor(&y).ok_or(1usize)?);
    let middle = x.tr_mul(&weighted) * &y;
    let left = of_a.solve(&middle);
    let together = of_b.solve(&left.transpose()).transpose();
    let alone_a = of_a.solve(&x.tr_mul(&(&weighted * &root_b)));
    let alone_b = of_b.solve(&y.tr_mul(&(weighted.transpose() * &root_a)));
    Ok(Worth {
        together,
        alone: [alone_a, alone_b].map(|values| values.iter().copied().collect()),
    })
}

/// XᵀX, if it can be divided by.
fn factor(design: &DMatrix<f64>) -> Option<Cholesky<f64, nalgebra::Dyn>> {
    let gram = design.tr_mul(design);
    let diagonal = gram.diagonal();
    let factor = Cholesky::new(gram)?;
    let pivots = factor.l_dirty().diagonal();
    let mut least = pivots.iter().zip(&diagonal);
    least
        .all(|(pivot, whole)| pivot * pivot > LEAST_PIVOT * whole)
        .then_some(factor)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn numbers(count: usize, seed: u64) -> Vec<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..count).map(|_| rng.random::<f64>() - 0.5).collect()
    }

    fn bits(kept: &[bool]) -> usize {
        let kept = kept.iter().enumerate();
        kept.map(|(i, &kept)| usize::from(kept) << i).sum()
    }

    /// The values of a game given for every coalition of both sides: A's bits first.
    fn values(a: &Drawn, b: &Drawn, game: &[f64]) -> DMatrix<f64> {
        let players = a.kept[0].len();
        DMatrix::from_fn(a.kept.len(), b.kept.len(), |row, column| {
            game[bits(&a.kept[row]) | bits(&b.kept[column]) << players]
        })
    }

    /// The chance of a coalition of the others, whatever i and j do.
    fn chance(set: usize, players: usize, left_out: &[usize], keep: f64) -> f64 {
        let others = (0..players).filter(|player| !left_out.contains(player));
        let part = |player: usize| {
            if set >> player & 1 == 1 {
                keep
            } else {
                1.0 - keep
            }
        };
        others.map(part).product()
    }

    /// By the definitions at the head of the file, over all coalitions.
    #[rstest]
    fn any_game_as_by_definition(
        #[values(1, 3)] of_a: usize,
        #[values(1, 2, 3)] of_b: usize,
        #[values(0.5, 0.3)] keep: f64,
    ) {
        let all = of_a + of_b;
        let game = numbers(1 << all, (of_a * 7 + of_b) as u64);
        let [a, b] = [of_a, of_b].map(|players| Drawn::of(players, 64, keep, 0, 0));
        let found = solve(&a, &b, &values(&a, &b, &game)).unwrap();
        let without = |set: usize, player: usize| set & !(1 << player);
        for i in 0..of_a {
            for j in 0..of_b {
                let j_place = of_a + j;
                let expected: f64 = (0..1 << all)
                    .filter(|set| set >> i & 1 == 0 && set >> j_place & 1 == 0)
                    .map(|set| {
                        let [with_i, with_j] = [set | 1 << i, set | 1 << j_place];
                        let gain = game[with_i | with_j] - game[with_i] - game[with_j] + game[set];
                        chance(set, all, &[i, j_place], keep) * gain
                    })
                    .sum();
                let found = found.together[(i, j)];
                assert!(
                    (found - expected).abs() < 1e-9,
                    "{i} {j}: {found} {expected}"
                );
            }
        }
        let alone = found.alone.concat();
        for (player, found) in alone.into_iter().enumerate() {
            let expected: f64 = (0..1usize << all)
                .filter(|set| set >> player & 1 == 1)
                .map(|set| {
                    let gain = game[set] - game[without(set, player)];
                    chance(set, all, &[player], keep) * gain
                })
                .sum();
            assert!(
                (found - expected).abs() < 1e-9,
                "{player}: {found} {expected}"
            );
        }
    }

    /// v = f(x) + g(y) + Σ c_ij x_i y_j, with f and g of any order: c from any draw that determines it,
    /// and it sums to what both sides add together.
    #[test]
    fn what_pairs_are_worth_is_found_from_a_draw_whatever_each_side_does_by_itself() {
        let (of_a, of_b) = (20, 6);
        let worth = numbers(of_a * of_b, 1);
        let (f, g) = (numbers(1 << 10, 2), numbers(1 << of_b, 3));
        let game = |x: &[bool], y: &[bool]| {
            let pairs = (0..of_a).flat_map(|i| (0..of_b).map(move |j| (i, j)));
            let pairs = pairs.filter(|&(i, j)| x[i] && y[j]);
            f[bits(&x[..10])] + g[bits(y)] + pairs.map(|(i, j)| worth[i * of_b + j]).sum::<f64>()
        };
        let (a, b) = (
            Drawn::of(of_a, 60, 0.5, 7, 0),
            Drawn::of(of_b, 20, 0.4, 7, 1),
        );
        assert_eq!((a.kept.len(), b.kept.len()), (60, 20));
        let values = DMatrix::from_fn(60, 20, |row, column| game(&a.kept[row], &b.kept[column]));
        let found = solve(&a, &b, &values).unwrap().together;
        for i in 0..of_a {
            for j in 0..of_b {
                assert!((found[(i, j)] - worth[i * of_b + j]).abs() < 1e-9);
            }
        }
        let [none_a, all_a] = [false, true].map(|kept| vec![kept; of_a]);
        let [none_b, all_b] = [false, true].map(|kept| vec![kept; of_b]);
        let together = game(&all_a, &all_b) - game(&all_a, &none_b) - game(&none_a, &all_b)
            + game(&none_a, &none_b);
        assert!((found.sum() - together).abs() < 1e-8);
        // Too few to tell.
        let few = Drawn::of(of_a, 12, 0.5, 7, 0);
        let values = DMatrix::from_fn(12, 20, |row, column| game(&few.kept[row], &b.kept[column]));
        assert_eq!(solve(&few, &b, &values).err(), Some(0));
    }

    #[test]
    fn a_seed_is_a_draw_and_sides_have_their_own() {
        let drawn = |seed, stream| Drawn::of(30, 50, 0.5, seed, stream);
        assert_eq!(drawn(1, 0), drawn(1, 0));
        assert_ne!(drawn(1, 0), drawn(2, 0));
        assert_ne!(drawn(1, 0), drawn(1, 1));
        let pairs = drawn(3, 0).kept;
        for pair in pairs.chunks(2) {
            assert!(pair[0].iter().zip(&pair[1]).all(|(a, b)| a != b));
        }
    }
}
