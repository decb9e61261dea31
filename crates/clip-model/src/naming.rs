//! What other programs call the tensors of our towers, which go by Hugging Face's names here.

use crate::weights::Part;

/// One program's names for one tower.
pub(crate) struct Dialect {
    /// Beginnings of names around the blocks: ours, theirs, and what is done with the tensor.
    around: &'static [(&'static str, &'static str, Part)],
    /// Where the blocks are: ours, theirs.
    layers: (&'static str, &'static str),
    /// What queries, keys and values begin with where they are one tensor.
    fused: Option<&'static str>,
    /// Beginnings of names within a block.
    within: &'static [(&'static str, &'static str)],
}

impl Dialect {
    /// Their name of a tensor, and what to do with it. A name that has no other is the same.
    pub(crate) fn locate(&self, name: &str) -> (String, Part) {
        for &(ours, theirs, part) in self.around {
            if let Some(rest) = name.strip_prefix(ours) {
                return (format!("{theirs}{rest}"), part);
            }
        }
        let inside = name.strip_prefix(self.layers.0);
        match inside.and_then(|inside| inside.split_once('.')) {
            Some((index, rest)) => {
                let (rest, part) = self.in_block(rest);
                (format!("{}{index}.{rest}", self.layers.1), part)
            }
            None => (name.into(), Part::Whole),
        }
    }

    fn in_block(&self, name: &str) -> (String, Part) {
        if let Some(fused) = self.fused {
            for (part, projection) in ["q_proj", "k_proj", "v_proj"].into_iter().enumerate() {
                if let Some(kind) = name.strip_prefix(&format!("self_attn.{projection}.")) {
                    return (format!("{fused}{kind}"), Part::Rows { part, of: 3 });
                }
            }
        }
        for (ours, theirs) in self.within {
            if let Some(rest) = name.strip_prefix(ours) {
                return (format!("{theirs}{rest}"), Part::Whole);
            }
        }
        (name.into(), Part::Whole)
    }
}

const WHOLE: Part = Part::Whole;
const fn rows(part: usize, of: usize) -> Part {
    Part::Rows { part, of }
}

/// Blocks of OpenAI's program, and of open_clip's.
const OPENAI_BLOCK: &[(&str, &str)] = &[
    ("self_attn.out_proj.", "attn.out_proj."),
    ("layer_norm1.", "ln_1."),
    ("layer_norm2.", "ln_2."),
    ("layer_scale1", "ls_1.gamma"),
    ("layer_scale2", "ls_2.gamma"),
    ("mlp.fc1.", "mlp.c_fc."),
    ("mlp.fc2.", "mlp.c_proj."),
];

/// OpenAI's and open_clip's image tower.
pub(crate) static OPENAI_IMAGE: Dialect = Dialect {
    around: &[
        ("visual_projection.weight", "visual.proj", Part::Transposed),
        (
            "vision_model.embeddings.class_embedding",
            "visual.class_embedding",
            WHOLE,
        ),
        (
            "vision_model.embeddings.patch_embedding.",
            "visual.conv1.",
            WHOLE,
        ),
        (
            "vision_model.embeddings.position_embedding.weight",
            "visual.positional_embedding",
            WHOLE,
        ),
        ("vision_model.pre_layrnorm.", "visual.ln_pre.", WHOLE),
        ("vision_model.post_layernorm.", "visual.ln_post.", WHOLE),
    ],
    layers: (
        "vision_model.encoder.layers.",
        "visual.transformer.resblocks.",
    ),
    fused: Some("attn.in_proj_"),
    within: OPENAI_BLOCK,
};

/// OpenAI's and open_clip's text tower, but for the projection of the latter where it has a bias.
pub(crate) static OPENAI_TEXT: Dialect = Dialect {
    around: &[
        (
            "text_projection.weight",
            "text_projection",
            Part::Transposed,
        ),
        (
            "text_model.embeddings.token_embedding.",
            "token_embedding.",
            WHOLE,
        ),
        (
            "text_model.embeddings.position_embedding.weight",
            "positional_embedding",
            WHOLE,
        ),
        ("text_model.final_layer_norm.", "ln_final.", WHOLE),
    ],
    layers: ("text_model.encoder.layers.", "transformer.resblocks."),
    fused: Some("attn.in_proj_"),
    within: OPENAI_BLOCK,
};

/// timm's image tower within open_clip.
pub(crate) static TIMM: Dialect = Dialect {
    around: &[
        (
            "vision_model.embeddings.class_embedding",
            "visual.trunk.cls_token",
            WHOLE,
        ),
        (
            "vision_model.embeddings.patch_embedding.",
            "visual.trunk.patch_embed.proj.",
            WHOLE,
        ),
        (
            "vision_model.embeddings.position_embedding.weight",
            "visual.trunk.pos_embed",
            WHOLE,
        ),
        (
            "vision_model.pre_layrnorm.",
            "visual.trunk.norm_pre.",
            WHOLE,
        ),
        ("vision_model.post_layernorm.", "visual.trunk.norm.", WHOLE),
        (
            "vision_model.head.probe",
            "visual.trunk.attn_pool.latent",
            WHOLE,
        ),
        (
            "vision_model.head.attention.q_proj.",
            "visual.trunk.attn_pool.q.",
            WHOLE,
        ),
        (
            "vision_model.head.attention.k_proj.",
            "visual.trunk.attn_pool.kv.",
            rows(0, 2),
        ),
        (
            "vision_model.head.attention.v_proj.",
            "visual.trunk.attn_pool.kv.",
            rows(1, 2),
        ),
        (
            "vision_model.head.attention.out_proj.",
            "visual.trunk.attn_pool.proj.",
            WHOLE,
        ),
        (
            "vision_model.head.layernorm.",
            "visual.trunk.attn_pool.norm.",
            WHOLE,
        ),
        (
            "vision_model.head.mlp.",
            "visual.trunk.attn_pool.mlp.",
            WHOLE,
        ),
        ("visual_projection.0.", "visual.head.mlp.fc1.", WHOLE),
        ("visual_projection.1.", "visual.head.mlp.fc2.", WHOLE),
        ("visual_projection.", "visual.head.proj.", WHOLE),
    ],
    layers: ("vision_model.encoder.layers.", "visual.trunk.blocks."),
    fused: Some("attn.qkv."),
    within: &[
        ("self_attn.out_proj.", "attn.proj."),
        ("layer_norm1.", "norm1."),
        ("layer_norm2.", "norm2."),
        ("layer_scale1", "ls1.gamma"),
        ("layer_scale2", "ls2.gamma"),
    ],
};

/// BERT, RoBERTa and XLM-RoBERTa, as their own model has it: what stands before, a family says.
pub(crate) static BERT: Dialect = Dialect {
    around: &[
        (
            "text_model.embeddings.token_embedding.",
            "embeddings.word_embeddings.",
            WHOLE,
        ),
        (
            "text_model.embeddings.position_embedding.",
            "embeddings.position_embeddings.",
            WHOLE,
        ),
        (
            "text_model.embeddings.token_type_embedding.",
            "embeddings.token_type_embeddings.",
            WHOLE,
        ),
        (
            "text_model.embeddings.layer_norm.",
            "embeddings.LayerNorm.",
            WHOLE,
        ),
        ("text_projection.pooler.", "pooler.dense.", WHOLE),
    ],
    layers: ("text_model.encoder.layers.", "encoder.layer."),
    fused: None,
    within: &[
        ("self_attn.q_proj.", "attention.self.query."),
        ("self_attn.k_proj.", "attention.self.key."),
        ("self_attn.v_proj.", "attention.self.value."),
        ("self_attn.out_proj.", "attention.output.dense."),
        ("layer_norm1.", "attention.output.LayerNorm."),
        ("layer_norm2.", "output.LayerNorm."),
        ("mlp.fc1.", "intermediate.dense."),
        ("mlp.fc2.", "output.dense."),
    ],
};

/// Hugging Face's SigLIP where it differs from its CLIP.
pub(crate) static SIGLIP: Dialect = Dialect {
    around: &[
        (
            "vision_model.head.attention.q_proj.",
            "vision_model.head.attention.in_proj_",
            rows(0, 3),
        ),
        (
            "vision_model.head.attention.k_proj.",
            "vision_model.head.attention.in_proj_",
            rows(1, 3),
        ),
        (
            "vision_model.head.attention.v_proj.",
            "vision_model.head.attention.in_proj_",
            rows(2, 3),
        ),
        ("text_projection.", "text_model.head.", WHOLE),
    ],
    layers: ("text_model.encoder.layers.", "text_model.encoder.layers."),
    fused: None,
    within: &[],
};

/// Whether a tensor belongs to the image tower.
pub(crate) fn is_image(name: &str) -> bool {
    name.starts_with("vision_model.") || name.starts_with("visual_projection.")
}

/// Whether a tensor belongs to the text tower.
pub(crate) fn is_text(name: &str) -> bool {
    name.starts_with("text_model.") || name.starts_with("text_projection.")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const BLOCK: &str = "vision_model.encoder.layers.11";

    #[rstest]
    #[case(&OPENAI_IMAGE, "visual_projection.weight", "visual.proj", Part::Transposed)]
    #[case(&OPENAI_IMAGE, "vision_model.pre_layrnorm.bias", "visual.ln_pre.bias", WHOLE)]
    #[case(&OPENAI_IMAGE, "logit_scale", "logit_scale", WHOLE)]
    #[case(
        &OPENAI_TEXT,
        "text_model.final_layer_norm.weight",
        "ln_final.weight",
        WHOLE
    )]
    #[case(
        &OPENAI_TEXT,
        "text_model.encoder.layers.0.mlp.fc2.weight",
        "transformer.resblocks.0.mlp.c_proj.weight",
        WHOLE
    )]
    #[case(
        &OPENAI_TEXT,
        "text_model.encoder.layers.3.layer_scale2",
        "transformer.resblocks.3.ls_2.gamma",
        WHOLE
    )]
    #[case(
        &BERT,
        "text_model.encoder.layers.2.layer_norm2.bias",
        "encoder.layer.2.output.LayerNorm.bias",
        WHOLE
    )]
    #[case(
        &TIMM,
        "vision_model.head.attention.v_proj.bias",
        "visual.trunk.attn_pool.kv.bias",
        rows(1, 2)
    )]
    #[case(
        &SIGLIP,
        "vision_model.head.attention.k_proj.weight",
        "vision_model.head.attention.in_proj_weight",
        rows(1, 3)
    )]
    fn names_are_the_other_programs(
        #[case] dialect: &Dialect,
        #[case] ours: &str,
        #[case] theirs: &str,
        #[case] part: Part,
    ) {
        assert_eq!(dialect.locate(ours), (theirs.to_owned(), part));
    }

    #[test]
    fn fused_projections_are_thirds_in_order() {
        for (dialect, fused) in [
            (
                &OPENAI_IMAGE,
                "visual.transformer.resblocks.11.attn.in_proj_bias",
            ),
            (&TIMM, "visual.trunk.blocks.11.attn.qkv.bias"),
        ] {
            let parts = ["q", "k", "v"]
                .map(|which| dialect.locate(&format!("{BLOCK}.self_attn.{which}_proj.bias")));
            let expected = [0, 1, 2].map(|part| (fused.to_owned(), rows(part, 3)));
            assert_eq!(parts, expected);
        }
    }
}
