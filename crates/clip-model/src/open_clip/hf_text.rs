//! Hugging Face's BERT, RoBERTa and XLM-RoBERTa as text towers within open_clip.

use clip_input::json_object;

use super::Side;
use super::config::{ModelConfig, unsupported};
use crate::bert::BertConfig;
use crate::checkpoint::Checkpoint;
use crate::files::TowerFiles;
use crate::naming;
use crate::output::{OutputShape, ProjectionShape};
use crate::token_tower::{TextPool, TokenShape};
use crate::weights::Part;
use crate::{Error, Result, TensorProblem};

/// Tokens that a caption has at most.
pub(super) fn positions(config: &ModelConfig, files: &TowerFiles) -> Result<usize> {
    let mut checkpoint = files.checkpoint()?;
    super::find_prefix(&mut checkpoint)?;
    Ok(text(config, files, &checkpoint)?.shape.positions)
}

pub(super) fn text(
    config: &ModelConfig,
    files: &TowerFiles,
    checkpoint: &Checkpoint,
) -> Result<Side<TokenShape>> {
    let file = files.config.name();
    let text = &config.text_cfg;
    let before = match checkpoint.has("transformer.embeddings.word_embeddings.weight") {
        true => "",
        false => "text.",
    };
    let bert = match files.beside.get("text") {
        Some(content) => json_object(&content.read()?, &content.name())?,
        None => by_shapes(
            text.hf_model_name.as_deref().unwrap_or_default(),
            checkpoint,
            before,
        )?,
    };
    let kind = bert.model_type.as_deref().unwrap_or("bert");
    if !["bert", "roberta", "xlm-roberta", "camembert"].contains(&kind) {
        return Err(unsupported(&file, &format!("a text tower \"{kind}\"")));
    }
    let (pool, pooler) = match text.hf_pooler_type.as_str() {
        "mean_pooler" => (TextPool::Mean, false),
        "cls_last_hidden_state_pooler" => (TextPool::First, false),
        // What goes on is what the model's own pooler makes of the first token, if it has one.
        "cls_pooler" => {
            let name = format!("{before}transformer.pooler.dense.weight");
            (TextPool::First, checkpoint.has(&name))
        }
        other => {
            let found = format!("hf_pooler_type \"{other}\"");
            return Err(unsupported(&file, &found));
        }
    };
    let rows = |name: &str| checkpoint.rows(&format!("{before}{name}"));
    let linear = rows("proj.weight");
    let layers = rows("proj.0.weight").zip(rows("proj.2.weight"));
    let has = |name: &str| checkpoint.has(&format!("{before}{name}"));
    let projection = match (linear, layers) {
        (Some(output), _) => ProjectionShape::Linear {
            output,
            bias: has("proj.bias"),
        },
        (None, Some((inner, output))) => ProjectionShape::Mlp {
            inner,
            output,
            bias: ["proj.0.bias", "proj.2.bias"].map(has),
        },
        (None, None) => ProjectionShape::None,
    };
    let output = OutputShape { pooler, projection };
    let bert = bert.check(&file, "text_cfg.hf_model_name")?;
    let shape = bert.shape(Some(text.context_length), pool, output);
    let locate = move |name: &str| {
        for (ours, theirs) in [
            ("text_projection.0.", "proj.0."),
            ("text_projection.1.", "proj.2."),
            ("text_projection.weight", "proj.weight"),
            ("text_projection.bias", "proj.bias"),
        ] {
            if let Some(rest) = name.strip_prefix(ours) {
                return (format!("{before}{theirs}{rest}"), Part::Whole);
            }
        }
        let (theirs, part) = naming::BERT.locate(name);
        (format!("{before}transformer.{theirs}"), part)
    };
    Ok(Side {
        shape,
        locate: Box::new(locate),
    })
}

/// What the weights say where the repository has no configuration of the text tower: all but the heads,
/// of which the usual sizes have one for each 64 features.
fn by_shapes(name: &str, checkpoint: &Checkpoint, before: &str) -> Result<BertConfig> {
    let shape = |part: &str| {
        let name = format!("{before}transformer.{part}");
        let shape = checkpoint.shape(&name).filter(|shape| shape.len() == 2);
        let shape = shape.map(|shape| [shape[0], shape[1]]);
        shape.ok_or_else(|| Error::Tensors {
            file: checkpoint.name(),
            problems: vec![TensorProblem::Missing { name }],
            unused: Vec::new(),
        })
    };
    let [vocab_size, hidden_size] = shape("embeddings.word_embeddings.weight")?;
    let [max_position_embeddings, _] = shape("embeddings.position_embeddings.weight")?;
    let [type_vocab_size, _] = shape("embeddings.token_type_embeddings.weight")?;
    let [intermediate_size, _] = shape("encoder.layer.0.intermediate.dense.weight")?;
    let is_roberta = name.contains("roberta");
    Ok(BertConfig {
        model_type: Some(if is_roberta { "roberta" } else { "bert" }.into()),
        vocab_size,
        hidden_size,
        intermediate_size,
        num_hidden_layers: checkpoint.depth(&format!("{before}transformer.encoder.layer")),
        num_attention_heads: (hidden_size / 64).max(1),
        max_position_embeddings,
        type_vocab_size,
        layer_norm_eps: if is_roberta { 1e-5 } else { 1e-12 },
        ..BertConfig::default()
    })
}
