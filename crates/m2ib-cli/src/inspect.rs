//! `m2ib inspect`: what a model is made of and how it reads a caption.

use anyhow::Result;
use clap::Args;
use m2ib::clip_input::Role;
use m2ib::clip_model::{BlockShape, Tower};
use m2ib::{Modality, ModalitySettings, Preset};

use crate::model::ModelArguments;
use crate::terminal::print;

/// Print a model's architecture and layers, and what its tokeniser does to a caption.
#[derive(Args)]
pub(crate) struct Inspect {
    #[command(flatten)]
    model: ModelArguments,
    /// A caption, of which the tokens are shown.
    #[arg(long, value_name = "CAPTION", default_value = "a photo of a hedgehog")]
    text: String,
}

impl Inspect {
    pub(crate) fn run(self) -> Result<()> {
        let model = self.model.load()?;
        print(format_args!("model           {}", model.name()))?;
        print(format_args!("identity        {}", model.identity()))?;
        print(format_args!(
            "parameters      {}",
            grouped(model.parameters())
        ))?;
        if let Some(origin) = model.origin() {
            print(format_args!("family          {}", origin.family))?;
            print(format_args!("files           {}", origin.layout))?;
            print(format_args!("weights         {}", origin.weights))?;
        }
        print(format_args!(
            "images          {}",
            model.processor().describe()
        ))?;
        let tokenizer = model.tokenizer();
        print(format_args!("captions        {}", tokenizer.describe()))?;
        print(format_args!(
            "                cleaned: {}",
            tokenizer.cleaning()
        ))?;
        print(format_args!("scale           {:.2}", model.scale()))?;
        match model.bias() {
            Some(bias) => print(format_args!(
                "bias            {bias:.2}: a pair belongs together by sigmoid(scale · cosine + bias)"
            ))?,
            None => {
                print("bias            none: scale · cosine is a logit among captions, by softmax")?
            }
        }
        let towers: [(Modality, &dyn Tower); 2] = [
            (Modality::Image, model.image()),
            (Modality::Text, model.text()),
        ];
        for (modality, tower) in towers {
            let BlockShape {
                width,
                inner,
                heads,
                activation,
                ..
            } = tower.encoder().shape();
            let depth = tower.depth();
            print("")?;
            print(format_args!(
                "{modality:<5} tower     {depth} blocks, width {width}, {heads} heads, MLP {inner}, {activation}"
            ))?;
            print(format_args!("                {}", tower.describe()))?;
            let layer = |preset| ModalitySettings::preset(preset, modality, depth).layer;
            let last = match depth {
                0 | 1 => String::new(),
                depth => format!(", 0 to {}", depth - 2),
            };
            print(format_args!(
                "      layers    embedding{last}; masked by the preset {}: {}, by {}: {}",
                Preset::default(),
                layer(Preset::default()),
                Preset::Released,
                layer(Preset::Released)
            ))?;
        }
        print("")?;
        let caption = model.tokenizer().encode(&self.text)?;
        let layout = model.text().layout(&caption)?;
        print(format_args!(
            "\"{}\": {} tokens",
            caption.text,
            caption.tokens.len()
        ))?;
        for (position, token) in caption.tokens.iter().enumerate() {
            let place = match token.role {
                Role::Piece => format!("bytes {}..{}", token.span.start, token.span.end),
                role => role.name().into(),
            };
            let read = match layout.read.rows().contains(&position) {
                true => ", read out",
                false => "",
            };
            print(format_args!(
                "{:>7}  {:<20} {place}{read}",
                token.id, token.text
            ))?;
        }
        if let Some(cut) = &caption.cut {
            crate::terminal::warn(format!(
                "the caption has {} tokens, the model takes {}; left out: \"{}\"",
                cut.tokens,
                cut.positions,
                caption.text.get(cut.span.clone()).unwrap_or_default()
            ));
        }
        Ok(())
    }
}

/// Digits in groups of three.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    #[test]
    fn digits_are_grouped_from_the_right() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_691_361, "1,691,361"),
        ] {
            assert_eq!(super::grouped(number), text);
        }
    }
}
