//! Where a tensor of Hugging Face's naming lives in an OpenAI (or open_clip) state dict: queries,
//! keys and values are fused, the two projections are transposed.

use crate::weights::{Naming, Part};

/// Names and entries of OpenAI's archives.
pub(crate) static NAMING: Naming = Naming {
    mark: MARK,
    ignored: &[
        "input_resolution",
        "context_length",
        "vocab_size",
        "attn_mask",
    ],
    locate,
};

/// A tensor by which an OpenAI state dict is known.
const MARK: &str = "visual.conv1.weight";

/// The OpenAI name of a Hugging Face tensor, and what to do with it.
fn locate(name: &str) -> (String, Part) {
    let whole = |name: &str| (name.to_owned(), Part::Whole);
    match name {
        "text_projection.weight" => return ("text_projection".into(), Part::Transposed),
        "visual_projection.weight" => return ("visual.proj".into(), Part::Transposed),
        "vision_model.embeddings.class_embedding" => return whole("visual.class_embedding"),
        "vision_model.embeddings.patch_embedding.weight" => return whole(MARK),
        "vision_model.embeddings.position_embedding.weight" => {
            return whole("visual.positional_embedding");
        }
        "text_model.embeddings.token_embedding.weight" => return whole("token_embedding.weight"),
        "text_model.embeddings.position_embedding.weight" => return whole("positional_embedding"),
        _ => {}
    }
    for (hugging_face, openai) in [
        ("vision_model.pre_layrnorm.", "visual.ln_pre."),
        ("vision_model.post_layernorm.", "visual.ln_post."),
        ("text_model.final_layer_norm.", "ln_final."),
    ] {
        if let Some(rest) = name.strip_prefix(hugging_face) {
            return whole(&format!("{openai}{rest}"));
        }
    }
    for (hugging_face, openai) in [
        (
            "vision_model.encoder.layers.",
            "visual.transformer.resblocks.",
        ),
        ("text_model.encoder.layers.", "transformer.resblocks."),
    ] {
        if let Some((index, rest)) = name
            .strip_prefix(hugging_face)
            .and_then(|rest| rest.split_once('.'))
        {
            let (rest, part) = in_block(rest);
            return (format!("{openai}{index}.{rest}"), part);
        }
    }
    whole(name)
}

fn in_block(name: &str) -> (String, Part) {
    for (third, projection) in ["q_proj", "k_proj", "v_proj"].into_iter().enumerate() {
        if let Some(kind) = name.strip_prefix(&format!("self_attn.{projection}.")) {
            return (format!("attn.in_proj_{kind}"), Part::Third(third));
        }
    }
    for (hugging_face, openai) in [
        ("self_attn.out_proj.", "attn.out_proj."),
        ("layer_norm1.", "ln_1."),
        ("layer_norm2.", "ln_2."),
        ("mlp.fc1.", "mlp.c_fc."),
        ("mlp.fc2.", "mlp.c_proj."),
    ] {
        if let Some(kind) = name.strip_prefix(hugging_face) {
            return (format!("{openai}{kind}"), Part::Whole);
        }
    }
    (name.into(), Part::Whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_openais_model_py() {
        let block = "vision_model.encoder.layers.11";
        for (hugging_face, openai, part) in [
            ("logit_scale", "logit_scale", Part::Whole),
            ("visual_projection.weight", "visual.proj", Part::Transposed),
            (
                "vision_model.pre_layrnorm.bias",
                "visual.ln_pre.bias",
                Part::Whole,
            ),
            (
                "text_model.final_layer_norm.weight",
                "ln_final.weight",
                Part::Whole,
            ),
            (
                &format!("{block}.self_attn.k_proj.bias"),
                "visual.transformer.resblocks.11.attn.in_proj_bias",
                Part::Third(1),
            ),
            (
                "text_model.encoder.layers.0.mlp.fc2.weight",
                "transformer.resblocks.0.mlp.c_proj.weight",
                Part::Whole,
            ),
        ] {
            assert_eq!(locate(hugging_face), (openai.to_owned(), part));
        }
    }
}
