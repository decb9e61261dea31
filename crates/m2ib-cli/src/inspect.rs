//! `m2ib inspect`: what a model is made of and how it reads a caption.

use anyhow::Result;
use clap::Args;
use m2ib::clip_input::TokenKind;
use m2ib::{Modality, ModalitySettings, Preset};

use crate::model::ModelArguments;

/// Print a model's architecture and layers, and what its tokeniser does to a caption.
#[derive(Args)]
pub(crate) struct Inspect {
    #[command(flatten)]
    model: ModelArguments,
    /// The caption to tokenise.
    #[arg(long, value_name = "CAPTION", default_value = "a photo of a hedgehog")]
    text: String,
}

impl Inspect {
    pub(crate) fn run(self) -> Result<()> {
        let model = self.model.load()?;
        let (clip, vision, text) = (
            &model.clip,
            &model.clip.config.vision,
            &model.clip.config.text,
        );
        let per_side = vision.patches_per_side();
        anstream::println!("model           {}", model.name);
        anstream::println!("weights         {}", clip.fingerprint());
        anstream::println!("parameters      {}", grouped(clip.parameters()));
        anstream::println!("projection      {}", clip.config.projection_dim);
        anstream::println!("logit scale     {:.2}", clip.logit_scale);
        anstream::println!();
        anstream::println!(
            "image tower     {} blocks, width {}, {} heads, MLP {}, {}",
            vision.num_hidden_layers,
            vision.hidden_size,
            vision.num_attention_heads,
            vision.intermediate_size,
            vision.hidden_act
        );
        anstream::println!(
            "                {0}×{0} pixels, {1}×{1} patches of {2}×{2}, {3} tokens",
            vision.image_size,
            per_side,
            vision.patch_size,
            vision.tokens()
        );
        anstream::println!(
            "text tower      {} blocks, width {}, {} heads, MLP {}, {}",
            text.num_hidden_layers,
            text.hidden_size,
            text.num_attention_heads,
            text.intermediate_size,
            text.hidden_act
        );
        anstream::println!(
            "                {} positions, {} vocabulary entries, pooled {:?}",
            text.max_position_embeddings,
            grouped(text.vocab_size),
            model.pooling
        );
        anstream::println!();
        for (modality, depth) in [
            (Modality::Image, clip.image.depth()),
            (Modality::Text, clip.text.depth()),
        ] {
            let layer = |preset| ModalitySettings::preset(preset, modality, depth).layer;
            let last = match depth {
                0 | 1 => String::new(),
                depth => format!(", 0 to {}", depth - 2),
            };
            anstream::println!(
                "{modality:<5} layers    embedding{last}; released preset: {}, matched: {}",
                layer(Preset::Released),
                layer(Preset::Matched)
            );
        }
        anstream::println!();
        let caption = model.tokenizer.encode(&self.text)?;
        anstream::println!("\"{}\": {} tokens", caption.text, caption.tokens.len());
        for token in &caption.tokens {
            let place = match token.kind {
                TokenKind::Start => "start".into(),
                TokenKind::End => "end, pooled".into(),
                TokenKind::Text => format!("bytes {}..{}", token.span.start, token.span.end),
            };
            anstream::println!("{:>7}  {:<20} {place}", token.id, token.text);
        }
        if let Some(cut) = &caption.cut {
            crate::warn(format!(
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
