//! Which units share a gate.

use burn::tensor::Tensor;

/// Which units share an α: `gates` groups of neighbouring features a token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sharing {
    pub(crate) gates: usize,
    pub(crate) width: usize,
}

impl Sharing {
    /// From gates to their units.
    ///
    /// # Shapes
    /// - per_gate: `[problems, tokens, gates]`
    /// - output: `[problems, tokens, width]`
    pub(crate) fn spread(self, per_gate: Tensor<3>) -> Tensor<3> {
        let Self { gates, width } = self;
        if gates == width {
            return per_gate;
        }
        let [problems, tokens, _] = per_gate.dims();
        per_gate
            .unsqueeze_dim::<4>(3)
            .expand([problems, tokens, gates, width / gates])
            .reshape([problems, tokens, width])
    }

    /// The sum over each gate's units: the way back of [`spread`](Self::spread).
    ///
    /// # Shapes
    /// - per_unit: `[problems, tokens, width]`
    /// - output: `[problems, tokens, gates]`
    pub(crate) fn gather(self, per_unit: Tensor<3>) -> Tensor<3> {
        let Self { gates, width } = self;
        if gates == width {
            return per_unit;
        }
        let [problems, tokens, _] = per_unit.dims();
        per_unit
            .reshape([problems, tokens, gates, width / gates])
            .sum_dim(3)
            .squeeze_dim(3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_features_share_and_the_way_back_is_a_sum() {
        let device = m2ib_cpu::flex();
        let row = |values: Vec<f32>| Tensor::<1>::from_floats(values.as_slice(), &device);
        let sharing = Sharing { gates: 2, width: 6 };
        let gates = row(vec![1.0, 2.0, 3.0, 4.0]).reshape([1, 2, 2]);
        let units = sharing.spread(gates);
        let spread = [1., 1., 1., 2., 2., 2., 3., 3., 3., 4., 4., 4.];
        units.to_data().assert_eq(
            &Tensor::<1>::from_floats(spread, &device)
                .reshape([1, 2, 6])
                .to_data(),
            true,
        );
        let units = row((0..12).map(|x| x as f32).collect()).reshape([1, 2, 6]);
        let sums = Tensor::<1>::from_floats([3., 12., 21., 30.], &device).reshape([1, 2, 2]);
        sharing
            .gather(units)
            .to_data()
            .assert_eq(&sums.to_data(), true);
    }
}
