//! What a tower's tokens are, which of them see which, and how the tower is read out.

use serde::{Deserialize, Serialize};

use crate::Role;

/// The tokens of a tower for one input.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Layout {
    /// What each token is for, in order.
    pub tokens: Vec<Role>,
    /// Rows and columns of the patches; captions have none.
    pub grid: Option<[usize; 2]>,
    /// How the embedding is read out of the last block's output.
    pub read: Read,
    /// Which tokens a token sees.
    pub sight: Sight,
}

/// How the embedding is read out of a tower's tokens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Read {
    /// One token's row. Of the last block, nothing else is computed then.
    Row(usize),
    /// The mean over some tokens' rows.
    Mean(Vec<usize>),
    /// What one learned query of the tower's own attends to among some tokens' rows (MAP pooling).
    Attention(Vec<usize>),
}

/// Which tokens a token attends to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sight {
    /// All of them.
    All,
    /// Itself and those before it.
    Causal,
    /// So many from the first on; the others are padding that nobody sees.
    First(usize),
}

impl Layout {
    /// Positions of the tokens that stand for a part of the input, patches or pieces, in order.
    pub fn inputs(&self) -> Vec<usize> {
        let tokens = self.tokens.iter().enumerate();
        let inputs = tokens.filter(|(_, role)| role.is_input());
        inputs.map(|(position, _)| position).collect()
    }

    /// Values of all tokens as those of the patches, row by row; none for captions.
    ///
    /// # Panics
    /// If there is not one value a token.
    pub fn on_grid(&self, values: &[f32]) -> Vec<f32> {
        assert_eq!(values.len(), self.tokens.len(), "one value a token");
        let [rows, columns] = self.grid.unwrap_or([0, 0]);
        let mut grid = vec![0.0; rows * columns];
        for (role, &value) in self.tokens.iter().zip(values) {
            if let Role::Patch { row, column } = *role {
                grid[row * columns + column] = value;
            }
        }
        grid
    }

    /// How many tokens, from the first on, are no padding behind the others.
    pub fn unpadded(&self) -> usize {
        let padding = self.tokens.iter().rev();
        let padding = padding.take_while(|&&role| role == Role::Padding);
        self.tokens.len() - padding.count()
    }

    /// How many tokens, from the first on, the token at `row` sees.
    pub fn visible(&self, row: usize) -> usize {
        match self.sight {
            Sight::All => self.tokens.len(),
            Sight::Causal => row + 1,
            Sight::First(count) => count.min(self.tokens.len()),
        }
    }
}

impl Read {
    /// The rows that are read.
    pub fn rows(&self) -> &[usize] {
        match self {
            Self::Row(row) => std::slice::from_ref(row),
            Self::Mean(rows) | Self::Attention(rows) => rows,
        }
    }

    /// The share that each of so many tokens has in what is read; none where it differs from input
    /// to input, as an attention's do.
    ///
    /// # Panics
    /// If a row is read that there is not.
    pub fn shares(&self, tokens: usize) -> Option<Vec<f32>> {
        if let Self::Attention(_) = self {
            return None;
        }
        let rows = self.rows();
        let mut shares = vec![0.0; tokens];
        for &row in rows {
            shares[row] += 1.0 / rows.len() as f32;
        }
        Some(shares)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_pieces(tokens: usize, sight: Sight) -> Layout {
        Layout {
            tokens: vec![Role::Piece; tokens],
            grid: None,
            read: Read::Row(0),
            sight,
        }
    }

    #[test]
    fn patches_find_their_places_on_a_grid_that_is_not_square() {
        let patch = |row, column| Role::Patch { row, column };
        let layout = Layout {
            tokens: vec![Role::Class, patch(0, 1), patch(0, 0), Role::Register],
            grid: Some([1, 2]),
            ..of_pieces(0, Sight::All)
        };
        assert_eq!(layout.on_grid(&[1.0, 2.0, 3.0, 4.0]), [3.0, 2.0]);
        assert_eq!(layout.inputs(), [1, 2]);
    }

    #[test]
    fn padding_is_what_lies_behind_all_others() {
        let layout = Layout {
            tokens: vec![Role::Padding, Role::Piece, Role::Padding, Role::Padding],
            ..of_pieces(0, Sight::All)
        };
        assert_eq!(layout.unpadded(), 2);
        assert_eq!(of_pieces(3, Sight::All).unpadded(), 3);
    }

    #[test]
    fn what_a_token_sees_ends_somewhere() {
        let seen = |sight| [0, 2].map(|row| of_pieces(3, sight).visible(row));
        assert_eq!(seen(Sight::All), [3, 3]);
        assert_eq!(seen(Sight::Causal), [1, 3]);
        assert_eq!(seen(Sight::First(2)), [2, 2]);
        assert_eq!(seen(Sight::First(9)), [3, 3]);
    }

    #[test]
    fn all_that_is_read_is_shared_out() {
        assert_eq!(Read::Row(1).shares(3), Some(vec![0.0, 1.0, 0.0]));
        let mean = Read::Mean(vec![0, 2]).shares(3);
        assert_eq!(mean, Some(vec![0.5, 0.0, 0.5]));
        assert_eq!(Read::Attention(vec![0, 2]).shares(3), None);
    }
}
