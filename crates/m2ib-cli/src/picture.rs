//! `--window` and `--background`: what is done to pictures before a model sees them.

use clap::Args;
use m2ib::clip_input::{Adjustment, Background, Window};

/// What is done to pictures.
#[derive(Clone, Args)]
#[command(next_help_heading = "Pictures")]
pub(crate) struct PictureArguments {
    /// Levels that become black and white, for pictures with fewer bits than their files have room
    /// for, as X-rays: "auto", or as in 0-4095.
    #[arg(long, value_name = "auto|LOW-HIGH")]
    window: Option<Window>,
    /// Colour that transparent pictures are laid on: white, grey, black, or as in #ffcc00. Without
    /// it the model sees the colours stored beneath.
    #[arg(long, value_name = "COLOUR")]
    background: Option<Background>,
}

impl PictureArguments {
    /// Both together.
    pub(crate) fn adjustment(&self) -> Adjustment {
        Adjustment {
            window: self.window,
            background: self.background,
        }
    }
}
