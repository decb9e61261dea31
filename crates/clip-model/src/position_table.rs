//! A table of positions for another grid than the one it was learnt on.

use burn::tensor::{Tensor, TensorData};
use clip_input::Filter;

/// The table for another grid: each feature is resized as an image would be, with antialiasing, and the
/// rows before the patches' stay what they are. Bicubic, this is what open_clip does (transformers leaves
/// antialiasing out, which differs only where the grid gets coarser, and takes another cubic); bilinear,
/// what SigLIP 2 NaFlex does for every image.
///
/// # Shapes
/// - table: `[prefix + rows · columns, width]` for `from` = `[rows, columns]`
/// - output: the same for `to`
pub(crate) fn resized(
    table: Tensor<2>,
    from: [usize; 2],
    to: [usize; 2],
    filter: Filter,
) -> Tensor<2> {
    let [all, width] = table.dims();
    let ([rows, columns], [new_rows, new_columns]) = (from, to);
    let prefix = all - rows * columns;
    let device = table.device();
    let weights = |from: usize, to: usize| {
        let mut weights = vec![0.0f32; from * to];
        for (place, row) in weights.chunks_exact_mut(from).enumerate() {
            let (first, window) = filter.window(from, to, place);
            for (weight, value) in row[first..].iter_mut().zip(window) {
                *weight = value as f32;
            }
        }
        Tensor::<2>::from_data(TensorData::new(weights, [to, from]), &device)
    };
    let patches = table.clone().narrow(0, prefix, rows * columns);
    // [new rows, columns · width], then [new rows, new columns, width].
    let down = weights(rows, new_rows).matmul(patches.reshape([rows, columns * width]));
    let across = weights(columns, new_columns)
        .unsqueeze::<3>()
        .matmul(down.reshape([new_rows, columns, width]));
    let patches = across.reshape([new_rows * new_columns, width]);
    match prefix {
        0 => patches,
        _ => Tensor::cat(vec![table.narrow(0, 0, prefix), patches], 0),
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Distribution;

    use super::*;

    fn values(table: Tensor<2>) -> Vec<f32> {
        table.into_data().try_to_vec().unwrap()
    }

    #[test]
    fn the_same_grid_has_the_same_table() {
        let device = m2ib_cpu::flex();
        let table = Tensor::<2>::random([1 + 12, 5], Distribution::Default, &device);
        let same = resized(table.clone(), [3, 4], [3, 4], Filter::Bicubic);
        for (found, expected) in values(same).iter().zip(values(table)) {
            assert!((found - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn rows_columns_and_features_keep_apart_and_the_prefix_is_kept() {
        let device = m2ib_cpu::flex();
        // Feature 0 is the row, feature 1 the column, feature 2 the same everywhere.
        let mut rows = vec![7.0, 8.0, 9.0];
        for place in 0..6 * 4 {
            rows.extend([(place / 4) as f32, (place % 4) as f32, 1.5]);
        }
        let table = Tensor::<2>::from_data(TensorData::new(rows, [25, 3]), &device);
        let found = values(resized(table, [6, 4], [12, 8], Filter::Bicubic));
        assert_eq!(found[..3], [7.0, 8.0, 9.0]);
        let patch = |row: usize, column: usize| &found[3 * (1 + row * 8 + column)..][..3];
        // A cubic keeps straight lines away from the border: half-pixel centres, half the step.
        for (row, column) in [(4, 3), (5, 4), (7, 3)] {
            let [down, across, flat] = patch(row, column) else {
                panic!();
            };
            assert!((down - (row as f32 * 0.5 - 0.25)).abs() < 1e-5, "{down}");
            assert!(
                (across - (column as f32 * 0.5 - 0.25)).abs() < 0.06,
                "{across}"
            );
            assert!((flat - 1.5).abs() < 1e-6);
        }
    }

    /// What PyTorch 2.9's `interpolate(antialias=True)` makes of 0, 1, 4, 9, 16, 25, by `mode="bicubic"`
    /// and by `mode="bilinear"`.
    #[test]
    fn a_line_of_squares_is_resized_as_by_pytorch() {
        let device = m2ib_cpu::flex();
        let squares: Vec<f32> = (0..6).map(|x| (x * x) as f32).collect();
        let table = Tensor::<2>::from_data(TensorData::new(squares, [6, 1]), &device);
        for (filter, to, expected) in EXPECTED {
            let found = values(resized(table.clone(), [1, 6], [1, *to], *filter));
            for (found, expected) in found.iter().zip(*expected) {
                assert!((found - expected).abs() < 1e-4, "{found} {expected}");
            }
        }
    }

    const EXPECTED: &[(Filter, usize, &[f32])] = &[
        (Filter::Bilinear, 4, &[0.375, 3.555556, 10.777778, 21.625]),
        (
            Filter::Bilinear,
            9,
            &[0.0, 0.5, 1.5, 3.5, 6.5, 10.166667, 14.833334, 20.5, 25.0],
        ),
        (
            Filter::Bicubic,
            4,
            &[0.158574, 2.977029, 10.886677, 22.27832],
        ),
        (
            Filter::Bicubic,
            9,
            &[
                -0.065789, 0.294118, 1.361111, 3.361111, 6.25, 10.027779, 14.694446, 21.176472,
                25.592106,
            ],
        ),
    ];
}
