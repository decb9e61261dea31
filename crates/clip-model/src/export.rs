//! Weights back to where they came from: by name, and as the files of Hugging Face's models.

use std::collections::{BTreeMap, HashMap};

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{DType, Tensor, TensorData};
use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, TensorView};

use crate::block::Norms;
use crate::output::ProjectionShape;
use crate::patch_tower::{PatchPool, PatchShape};
use crate::token_tower::{TextPool, TextSight};
use crate::trainable::{LOGIT_BIAS, LOGIT_SCALE, Trainable};
use crate::weights::Part;
use crate::{Error, Precision, Result, naming};

/// Whose files can hold a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    Clip,
    Siglip,
}

impl Trainable {
    /// All weights by their names, f32, dense layers as `[output, input]`.
    ///
    /// # Errors
    /// [`Error::Export`] if the device does not hand the values out.
    pub fn tensors(&self) -> Result<BTreeMap<String, TensorData>> {
        let mut tensors = Tensors {
            name: image_name,
            path: Vec::new(),
            found: BTreeMap::new(),
            failure: None,
        };
        self.image.visit(&mut tensors);
        tensors.name = text_name;
        self.text.visit(&mut tensors);
        if let Some(reason) = tensors.failure {
            return Err(Error::Export { reason });
        }
        let around = [
            (LOGIT_SCALE, Some(self.scale.ln())),
            (LOGIT_BIAS, self.bias),
        ];
        for (name, value) in around {
            if let Some(value) = value {
                let value = TensorData::new(vec![value], [0usize; 0]);
                tensors.found.insert(name.into(), value);
            }
        }
        Ok(tensors.found)
    }

    /// All weights as one safetensors file, which [`load`](Self::load) and transformers'
    /// `CLIPModel` or `SiglipModel` read; `metadata` goes into its header.
    ///
    /// # Errors
    /// [`Error::Export`] for a model that neither of the two is, if the device does not hand the
    /// values out, or if one is too large for the precision.
    pub fn to_safetensors(
        &self,
        precision: Precision,
        mut metadata: HashMap<String, String>,
    ) -> Result<Vec<u8>> {
        // transformers refuses a header that does not say this.
        metadata.entry("format".into()).or_insert("pt".into());
        let tensors = match self.layout()? {
            Layout::Clip => self.tensors()?,
            Layout::Siglip => as_siglip(self.tensors()?),
        };
        let tensors = tensors.into_iter().map(|(name, data)| {
            let data = data.convert_dtype(precision.dtype());
            let broken = data.iter::<f32>().find(|value| !value.is_finite());
            match broken {
                Some(value) => Err(Error::Export {
                    reason: format!("{name} holds {value} in this precision"),
                }),
                None => Ok((name, data)),
            }
        });
        let tensors = tensors.collect::<Result<Vec<_>>>()?;
        let dtype = match precision {
            Precision::F32 => Dtype::F32,
            Precision::F16 => Dtype::F16,
            Precision::Bf16 => Dtype::BF16,
        };
        let views = tensors.iter().map(|(name, data)| {
            let view = TensorView::new(dtype, data.shape().to_vec(), data.as_bytes());
            Ok((name, view?))
        });
        views
            .collect::<Result<Vec<_>, _>>()
            .and_then(|views| safetensors::serialize(views, Some(metadata)))
            .map_err(|error: SafeTensorError| Error::Export {
                reason: error.to_string(),
            })
    }

    /// Whose files can hold it.
    fn layout(&self) -> Result<Layout> {
        let (image, text) = (&self.image.shape, &self.text.shape);
        let plain = |norms| norms == Norms::Before;
        let common = plain(image.form.norms) && plain(text.form.norms) && !text.embedding_norm;
        let is_siglip = common
            && matches!(image.pool, PatchPool::Attention { .. })
            && !image.class_token
            && !image.any_size
            && image.output.projection == ProjectionShape::None
            && (text.sight, text.pool) == (TextSight::All, TextPool::Last)
            && self.bias.is_some();
        let is_clip = common
            && is_clips_image(image)
            && text.sight == TextSight::Causal
            && matches!(text.pool, TextPool::End(_))
            && self.bias.is_none();
        match (is_clip, is_siglip) {
            (true, _) => Ok(Layout::Clip),
            (_, true) => Ok(Layout::Siglip),
            _ => Err(Error::Export {
                reason: "only CLIP and SigLIP are written as files".into(),
            }),
        }
    }
}

fn is_clips_image(image: &PatchShape) -> bool {
    let linear = matches!(
        image.output.projection,
        ProjectionShape::Linear { bias: false, .. }
    );
    image.pool == PatchPool::Class && image.pre_norm && !image.patch_bias && linear
}

/// The tensors of SigLIP's files, where three are one and numbers have a side.
fn as_siglip(tensors: BTreeMap<String, TensorData>) -> BTreeMap<String, TensorData> {
    let mut parts: BTreeMap<String, BTreeMap<usize, TensorData>> = BTreeMap::new();
    for (name, data) in tensors {
        let (stored, part) = naming::SIGLIP.locate(&name);
        let place = match part {
            Part::Rows { part, .. } => part,
            Part::Whole | Part::Transposed | Part::ChannelsLast => 0,
        };
        parts.entry(stored).or_default().insert(place, data);
    }
    let joined = parts.into_iter().map(|(name, parts)| {
        let rows = parts.values().map(|data| data.shape()[..].first().copied());
        let rows: usize = rows.map(|rows| rows.unwrap_or(1)).sum();
        let first = parts.values().next().map(|data| data.shape().to_vec());
        let mut shape = first.unwrap_or_default();
        match name.as_str() {
            "vision_model.head.probe" => shape.insert(0, 1),
            LOGIT_SCALE | LOGIT_BIAS => shape = vec![1],
            _ => shape[0] = rows,
        }
        let values = parts.values().flat_map(|data| data.iter::<f32>());
        (name, TensorData::new(values.collect::<Vec<_>>(), shape))
    });
    joined.collect()
}

/// Collects a tower's parameters.
struct Tensors {
    /// From a parameter's path of fields to its name.
    name: fn(&str) -> String,
    /// Field names down to the parameter, each with the type it is a field of.
    path: Vec<(String, String)>,
    found: BTreeMap<String, TensorData>,
    /// The first reason for which a parameter could not be had.
    failure: Option<String>,
}

impl ModuleVisitor for Tensors {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.push((name.into(), container.into()));
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let names: Vec<_> = self.path.iter().map(|(name, _)| name.as_str()).collect();
        let name = (self.name)(&names.join("."));
        let container = self.path.last().map(|(_, container)| container.as_str());
        let value = match (container, D) {
            // A dense layer's weight lies as [input, output] here, as [output, input] in files.
            (Some("Struct:Linear"), 2) => param.val().swap_dims(0, 1),
            _ => param.val(),
        };
        match value.try_into_data() {
            Ok(data) => {
                self.found.insert(name, data.convert_dtype(DType::F32));
            }
            Err(error) => {
                self.failure.get_or_insert(format!("{name}: {error}"));
            }
        }
    }
}

/// The name of a weight by its path of fields in the image tower.
pub(crate) fn image_name(path: &str) -> String {
    let embedding = |name: &str| format!("vision_model.embeddings.{name}");
    match path.split_once('.') {
        None if path == "class_embedding" => embedding(path),
        None if path == "patch_bias" => embedding("patch_embedding.bias"),
        None => embedding(&format!("{path}.weight")),
        Some(("output", rest)) => output_name("visual_projection", rest),
        Some(("attention", rest)) => {
            format!(
                "vision_model.head.{}",
                rest.replace("layer_norm", "layernorm")
            )
        }
        Some(("pre_layernorm", rest)) => format!("vision_model.pre_layrnorm.{rest}"),
        Some(_) => format!("vision_model.{path}"),
    }
}

/// The same in the text tower.
pub(crate) fn text_name(path: &str) -> String {
    match path.split_once('.') {
        None => format!("text_model.embeddings.{path}.weight"),
        Some(("output", rest)) => output_name("text_projection", rest),
        Some(("embedding_norm", rest)) => format!("text_model.embeddings.layer_norm.{rest}"),
        Some(_) => format!("text_model.{path}"),
    }
}

fn output_name(base: &str, path: &str) -> String {
    let (layer, rest) = path.rsplit_once('.').unwrap_or((path, ""));
    match layer {
        "pooler" => format!("{base}.pooler.{rest}"),
        "perceptron.fc1" => format!("{base}.0.{rest}"),
        "perceptron.fc2" => format!("{base}.1.{rest}"),
        _ => format!("{base}.{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clip_input::Content;

    use crate::{ModelFiles, Tower};

    const CLIP: &[u8] = br#"{"projection_dim": 6, "vision_config": {"hidden_size": 8,
        "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
        "image_size": 4, "patch_size": 2}, "text_config": {"vocab_size": 5, "hidden_size": 4,
        "num_attention_heads": 1, "num_hidden_layers": 1, "intermediate_size": 4}}"#;
    const SIGLIP: &[u8] = br#"{"model_type": "siglip", "vision_config": {"hidden_size": 8,
        "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
        "image_size": 4, "patch_size": 2}, "text_config": {"vocab_size": 5, "hidden_size": 4,
        "num_attention_heads": 1, "num_hidden_layers": 1, "intermediate_size": 4,
        "projection_size": 8}}"#;

    fn loaded(config: &[u8], weights: Vec<u8>) -> Result<Trainable> {
        let none = || Content::bytes("none", Vec::new());
        let config = Content::bytes("config.json", config.to_vec());
        let weights = vec![Content::bytes("weights", weights)];
        let files = ModelFiles::new("test".into(), config, none(), none(), weights);
        Trainable::from_files(&files, &m2ib_cpu::flex())
    }

    fn model(config: &[u8]) -> Trainable {
        let config = Content::bytes("config.json", config.to_vec());
        Trainable::random(&config, 3, &m2ib_cpu::flex()).unwrap()
    }

    #[rstest::rstest]
    fn what_is_exported_loads_as_the_same_model(#[values(CLIP, SIGLIP)] config: &[u8]) {
        let model = model(config);
        let bytes = model
            .to_safetensors(Precision::F32, HashMap::new())
            .unwrap();
        let load = |bytes: Vec<u8>| loaded(config, bytes).unwrap();
        let again = load(bytes.clone());
        assert_eq!(again.image.digest(), model.image.digest());
        assert_eq!(again.text.digest(), model.text.digest());
        // And again, exported once more.
        let again = again.to_safetensors(Precision::F32, HashMap::new());
        let (file, again) = (
            safetensors::SafeTensors::deserialize(&bytes).unwrap(),
            again.unwrap(),
        );
        let again = safetensors::SafeTensors::deserialize(&again).unwrap();
        assert_eq!(file.names().len(), again.names().len());
        for (name, tensor) in file.tensors() {
            // The scale passes through an exponential and a logarithm.
            if name != LOGIT_SCALE {
                assert_eq!(tensor.data(), again.tensor(&name).unwrap().data(), "{name}");
            }
        }
    }

    #[test]
    fn siglips_files_have_the_names_and_shapes_of_transformers() {
        let model = model(SIGLIP);
        let bytes = model
            .to_safetensors(Precision::F32, HashMap::new())
            .unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let shape = |name: &str| file.tensor(name).unwrap().shape().to_vec();
        assert_eq!(shape("vision_model.head.probe"), [1, 1, 8]);
        assert_eq!(shape("vision_model.head.attention.in_proj_weight"), [24, 8]);
        assert_eq!(shape("vision_model.head.attention.in_proj_bias"), [24]);
        assert_eq!(shape("vision_model.head.attention.out_proj.weight"), [8, 8]);
        assert_eq!(shape("vision_model.head.layernorm.weight"), [8]);
        assert_eq!(shape("vision_model.head.mlp.fc1.weight"), [16, 8]);
        assert_eq!(shape("vision_model.embeddings.patch_embedding.bias"), [8]);
        assert_eq!(shape("text_model.head.weight"), [8, 4]);
        assert_eq!(shape("text_model.head.bias"), [8]);
        assert_eq!(shape("logit_scale"), [1]);
        assert_eq!(shape("logit_bias"), [1]);
        let mut blocks = file.names().into_iter();
        assert!(blocks.all(|name| !name.contains("projection") && !name.contains("class")));
    }

    #[test]
    fn half_precision_halves_the_file_and_keeps_its_metadata() {
        let metadata = HashMap::from([("commit".to_owned(), "abc".to_owned())]);
        let model = model(CLIP);
        let full = model
            .to_safetensors(Precision::F32, HashMap::new())
            .unwrap();
        let half = model.to_safetensors(Precision::F16, metadata).unwrap();
        let (_, header) = safetensors::SafeTensors::read_metadata(&half).unwrap();
        let found = header.metadata().clone().unwrap();
        assert_eq!(
            (found["commit"].as_str(), found["format"].as_str()),
            ("abc", "pt")
        );
        let size = |bytes: &[u8]| {
            let file = safetensors::SafeTensors::deserialize(bytes).unwrap();
            file.iter()
                .map(|(_, tensor)| tensor.data().len())
                .sum::<usize>()
        };
        assert_eq!(size(&full), 2 * size(&half));
        assert!((loaded(CLIP, half).unwrap().scale - model.scale).abs() < 0.02);
    }
}
