//! Which tokens see which, as numbers that attention adds to its logits.

use burn::tensor::{Device, Tensor};
use clip_input::{Layout, Sight};

/// What blocks add to their attention's logits: zero where a token may look, hugely negative where
/// not. Nothing where all see all.
///
/// # Shapes
/// - output: `[1, 1, tokens, tokens]`
pub fn attention_bias(layout: &Layout, device: &Device) -> Option<Tensor<4>> {
    let tokens = layout.tokens.len();
    match layout.sight {
        Sight::All => None,
        Sight::Causal => Some(causal_bias(tokens, device)),
        Sight::First(count) if count >= tokens => None,
        Sight::First(count) => {
            let hidden = Tensor::<2>::full([1, tokens - count], HIDDEN, device);
            let row = Tensor::cat(vec![Tensor::zeros([1, count], device), hidden], 1);
            Some(row.expand([tokens, tokens]).unsqueeze())
        }
    }
}

/// −1e30 rather than −∞: exp gives 0 all the same, and no backend turns ∞ − ∞ into NaN.
pub(crate) const HIDDEN: f64 = -1e30;

/// A token sees itself and what is before it. `[1, 1, tokens, tokens]`
pub(crate) fn causal_bias(tokens: usize, device: &Device) -> Tensor<4> {
    Tensor::<2>::full([tokens, tokens], HIDDEN, device)
        .triu(1)
        .unsqueeze()
}

#[cfg(test)]
mod tests {
    use clip_input::{Read, Role};

    use super::*;

    #[test]
    fn the_bias_opens_what_a_token_sees() {
        let device = m2ib_cpu::flex();
        for sight in [Sight::Causal, Sight::First(2), Sight::First(3), Sight::All] {
            let layout = Layout {
                tokens: vec![Role::Piece; 3],
                grid: None,
                read: Read::Row(0),
                sight,
            };
            let bias = attention_bias(&layout, &device);
            let open: Vec<bool> = match bias {
                Some(bias) => bias.into_data().iter::<f32>().map(|x| x == 0.0).collect(),
                None => vec![true; 9],
            };
            for (row, open) in open.chunks(3).enumerate() {
                let expected = [0, 1, 2].map(|column| column < layout.visible(row));
                assert_eq!(open, expected, "{sight:?}, row {row}");
            }
        }
    }
}
