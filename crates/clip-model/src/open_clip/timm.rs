//! timm's plain vision transformers within open_clip. Their sizes follow from the weights; the heads are
//! nowhere in the files, so they go by the names, as does the nonlinearity.

use clip_input::json_object;
use serde::Deserialize;

use super::Side;
use super::config::{ModelConfig, unsupported};
use crate::block::BlockForm;
use crate::checked::{check_heads, invalid, positive};
use crate::checkpoint::Checkpoint;
use crate::files::TowerFiles;
use crate::naming;
use crate::output::{OutputShape, ProjectionShape};
use crate::patch_tower::{OutputNorm, PatchPool, PatchShape};
use crate::weights::Part;
use crate::{Activation, BlockShape, Error, Result, TensorProblem};

/// timm's own `config.json` beside open_clip's: arguments that override what goes by the name.
#[derive(Default, Deserialize)]
#[serde(default)]
struct TimmConfig {
    model_args: ModelArguments,
    global_pool: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ModelArguments {
    num_heads: Option<usize>,
    global_pool: Option<String>,
    act_layer: Option<String>,
}

/// Parts of a plain vision transformer, behind `visual.trunk.`.
const PARTS: [&str; 7] = [
    "cls_token",
    "pos_embed",
    "patch_embed.proj.",
    "norm_pre.",
    "norm.",
    "fc_norm.",
    "head.",
];
/// Parts of its blocks, behind `blocks.N.`.
const BLOCK: [&str; 8] = [
    "norm1.",
    "norm2.",
    "attn.qkv.",
    "attn.proj.",
    "mlp.fc1.",
    "mlp.fc2.",
    "ls1.",
    "ls2.",
];
/// Parts of its attention pooling, behind `attn_pool.`.
const POOL: [&str; 6] = ["latent", "q.", "kv.", "proj.", "norm.", "mlp.fc"];

pub(super) fn image(
    config: &ModelConfig,
    files: &TowerFiles,
    checkpoint: &Checkpoint,
) -> Result<Side<PatchShape>> {
    let file = files.config.name();
    let vision = &config.vision_cfg;
    let name = vision.timm_model_name.as_deref().unwrap_or_default();
    let other = |what: &str| unsupported(&file, &format!("timm's {name}, with {what},"));
    if let Some(part) = unknown_part(checkpoint) {
        return Err(other(part));
    }
    let own = match files.beside.get("config.json") {
        Some(content) => json_object(&content.read()?, &content.name())?,
        None => TimmConfig::default(),
    };
    let trunk = |part: &str| format!("visual.trunk.{part}");
    let has = |part: &str| checkpoint.has(&trunk(part));
    let shape = |part: &str| {
        let name = trunk(part);
        let shape = checkpoint.shape(&name).map(<[usize]>::to_vec);
        shape.ok_or_else(|| Error::Tensors {
            file: checkpoint.name(),
            problems: vec![TensorProblem::Missing { name }],
            unused: Vec::new(),
        })
    };
    let &[width, _, patch, _] = &shape("patch_embed.proj.weight")?[..] else {
        return Err(other("patches that no convolution cuts"));
    };
    let rows = |part: &str| Ok::<_, Error>(shape(part)?.first().copied().unwrap_or_default());
    let inner = positive(
        &file,
        "the MLP's inner width",
        rows("blocks.0.mlp.fc1.weight")?,
    )?;
    let heads = own.model_args.num_heads.unwrap_or(usual_heads(name, width));
    check_heads(&file, "the tower's width", width, heads)?;
    positive(&file, "vision_cfg.timm_model_name", patch)?;
    let image_size = vision.image_size(&file)?;
    if image_size.iter().any(|&side| side < patch) {
        let expected = format!("at least the patch size, {patch}");
        let found = format!("{image_size:?}");
        return Err(invalid(&file, "vision_cfg.image_size", found, expected));
    }
    let activation = match own.model_args.act_layer.as_deref() {
        Some(name) => name
            .parse()
            .map_err(|_| other(&format!("the nonlinearity {name}")))?,
        None => usual_activation(name),
    };
    let pool = match vision.timm_pool.as_str() {
        // The model's own.
        "" => own
            .model_args
            .global_pool
            .or(own.global_pool)
            .unwrap_or_else(|| match has("attn_pool.latent") {
                true => "map".into(),
                false => "token".into(),
            }),
        pool => pool.to_owned(),
    };
    let pool = match pool.as_str() {
        "token" => PatchPool::Class,
        "avg" => PatchPool::Mean,
        "map" => PatchPool::Attention {
            inner: rows("attn_pool.mlp.fc1.weight")?,
        },
        pool => return Err(other(&format!("the pooling \"{pool}\""))),
    };
    if pool == PatchPool::Class && !has("cls_token") {
        return Err(other("a class token that is read and is not there"));
    }
    let norm = match (has("norm.weight"), has("fc_norm.weight")) {
        (true, true) => return Err(other("norms on both sides of the pooling")),
        (true, false) => OutputNorm::BeforePooling,
        (false, true) => OutputNorm::BehindPooling,
        (false, false) => OutputNorm::None,
    };
    let (projection, classifier) = projection(checkpoint);
    let shape = PatchShape {
        image_size,
        any_size: false,
        patch_size: patch,
        depth: checkpoint.depth("visual.trunk.blocks"),
        block: BlockShape {
            width,
            inner,
            heads,
            activation,
            epsilon: match name.contains("_clip_") {
                true => 1e-5,
                false => 1e-6,
            },
        },
        form: BlockForm {
            layer_scale: has("blocks.0.ls1.gamma"),
            ..BlockForm::default()
        },
        class_token: has("cls_token"),
        patch_bias: has("patch_embed.proj.bias"),
        pre_norm: has("norm_pre.weight"),
        pool,
        norm,
        output: OutputShape::projection(projection),
    };
    let behind = norm == OutputNorm::BehindPooling;
    let locate = move |name: &str| {
        if let Some(kind) = name.strip_prefix("vision_model.post_layernorm.")
            && behind
        {
            return (format!("visual.trunk.fc_norm.{kind}"), Part::Whole);
        }
        if let Some(kind) = name.strip_prefix("visual_projection.")
            && classifier
        {
            return (format!("visual.trunk.head.{kind}"), Part::Whole);
        }
        naming::TIMM.locate(name)
    };
    Ok(Side {
        shape,
        locate: Box::new(locate),
    })
}

/// What leads out of the tower, by what is in the file, and whether it is timm's own classifier.
fn projection(checkpoint: &Checkpoint) -> (ProjectionShape, bool) {
    let rows = |name: &str| checkpoint.rows(name);
    let has = |name: &str| checkpoint.has(name);
    let linear = |output, name: &str| ProjectionShape::Linear {
        output,
        bias: has(&format!("{name}.bias")),
    };
    if let Some(output) = rows("visual.head.proj.weight") {
        return (linear(output, "visual.head.proj"), false);
    }
    let two = rows("visual.head.mlp.fc1.weight").zip(rows("visual.head.mlp.fc2.weight"));
    if let Some((inner, output)) = two {
        let bias = ["visual.head.mlp.fc1.bias", "visual.head.mlp.fc2.bias"].map(has);
        let layers = ProjectionShape::Mlp {
            inner,
            output,
            bias,
        };
        return (layers, false);
    }
    match rows("visual.trunk.head.weight") {
        Some(output) => (linear(output, "visual.trunk.head"), true),
        None => (ProjectionShape::None, false),
    }
}

/// A tensor of the tower that no plain vision transformer has.
fn unknown_part(checkpoint: &Checkpoint) -> Option<&str> {
    let parts = checkpoint.names();
    let mut parts = parts.filter_map(|name| name.strip_prefix("visual.trunk."));
    let begins = |name: &str, parts: &[&str]| parts.iter().any(|part| name.starts_with(part));
    parts.find(|name| {
        let known = match name.split_once('.') {
            Some(("blocks", rest)) => rest
                .split_once('.')
                .is_some_and(|(_, part)| begins(part, &BLOCK)),
            Some(("attn_pool", part)) => begins(part, &POOL),
            _ => begins(name, &PARTS),
        };
        !known
    })
}

/// Heads by the name, else one for each 64 features.
fn usual_heads(name: &str, width: usize) -> usize {
    let sixteen = ["so400m", "giantopt", "huge", "giant_", "gigantic"];
    match sixteen.into_iter().any(|part| name.contains(part)) {
        true => 16,
        false => (width / 64).max(1),
    }
}

/// SigLIP's of the second generation have the tanh approximation, and some of the first.
fn usual_activation(name: &str) -> Activation {
    let tanh = [
        "base_patch32_siglip_256",
        "large_patch16_siglip_512",
        "so400m_patch16_siglip_",
        "giantopt_",
    ];
    if tanh.into_iter().any(|part| name.contains(part)) {
        Activation::GeluTanh
    } else if name.contains("quickgelu") {
        Activation::QuickGelu
    } else {
        Activation::Gelu
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_and_nonlinearity_go_by_the_name() {
        for (name, width, heads, activation) in [
            ("vit_base_patch16_224", 768, 12, Activation::Gelu),
            ("vit_base_patch16_siglip_224", 768, 12, Activation::Gelu),
            ("vit_base_patch32_siglip_256", 768, 12, Activation::GeluTanh),
            ("vit_so400m_patch14_siglip_384", 1152, 16, Activation::Gelu),
            (
                "vit_so400m_patch16_siglip_256",
                1152,
                16,
                Activation::GeluTanh,
            ),
            (
                "vit_giantopt_patch16_siglip_384",
                1536,
                16,
                Activation::GeluTanh,
            ),
            (
                "vit_base_patch16_clip_quickgelu_224",
                768,
                12,
                Activation::QuickGelu,
            ),
        ] {
            let found = (usual_heads(name, width), usual_activation(name));
            assert_eq!(found, (heads, activation), "{name}");
        }
    }
}
