//! Weights back to safetensors, under the names and in the order that Hugging Face's files have.

use std::collections::HashMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};
use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, TensorView};

use crate::clip::Clip;
use crate::{Error, Precision, Result};

impl Clip {
    /// All weights as one safetensors file, which [`load`](Self::load) and transformers'
    /// `CLIPModel` read; `metadata` goes into its header.
    ///
    /// # Errors
    /// [`Error::Export`] if the device does not hand the values out, or one is too large for the
    /// precision.
    pub fn to_safetensors(
        &self,
        precision: Precision,
        mut metadata: HashMap<String, String>,
    ) -> Result<Vec<u8>> {
        // transformers refuses a header that does not say this.
        metadata.entry("format".into()).or_insert("pt".into());
        let mut tensors = Tensors {
            precision,
            name: image_name,
            path: Vec::new(),
            found: Vec::new(),
            failure: None,
        };
        self.image.visit(&mut tensors);
        tensors.name = text_name;
        self.text.visit(&mut tensors);
        let scale = TensorData::new(vec![self.logit_scale.ln()], [0usize; 0]);
        tensors.add("logit_scale".into(), scale);
        if let Some(reason) = tensors.failure {
            return Err(Error::Export { reason });
        }
        let dtype = match precision {
            Precision::F32 => Dtype::F32,
            Precision::F16 => Dtype::F16,
            Precision::Bf16 => Dtype::BF16,
        };
        let views = tensors.found.iter().map(|(name, data)| {
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
}

/// Collects a tower's parameters.
struct Tensors {
    precision: Precision,
    /// From a parameter's path of fields to its name in the file.
    name: fn(&str) -> String,
    /// Field names down to the parameter, each with the type it is a field of.
    path: Vec<(String, String)>,
    found: Vec<(String, TensorData)>,
    /// The first reason for which a parameter could not be had.
    failure: Option<String>,
}

impl Tensors {
    fn add(&mut self, name: String, data: TensorData) {
        let data = data.convert_dtype(self.precision.dtype());
        if let Some(value) = data.iter::<f32>().find(|value| !value.is_finite()) {
            let reason = format!("{name} holds {value} in this precision");
            self.failure.get_or_insert(reason);
        }
        self.found.push((name, data));
    }
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
            Ok(data) => self.add(name, data),
            Err(error) => {
                self.failure.get_or_insert(format!("{name}: {error}"));
            }
        }
    }
}

/// A file's name for a path of fields in the image tower.
pub(crate) fn image_name(path: &str) -> String {
    match path {
        "class_embedding" => "vision_model.embeddings.class_embedding".into(),
        "patch_embedding" | "position_embedding" => {
            format!("vision_model.embeddings.{path}.weight")
        }
        "projection.weight" => "visual_projection.weight".into(),
        _ => format!(
            "vision_model.{}",
            path.replace("pre_layernorm", "pre_layrnorm")
        ),
    }
}

/// The same in the text tower.
pub(crate) fn text_name(path: &str) -> String {
    match path {
        "token_embedding" | "position_embedding" => format!("text_model.embeddings.{path}.weight"),
        "projection.weight" => "text_projection.weight".into(),
        _ => format!("text_model.{path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clip_input::Content;

    use crate::Tower;
    use crate::clip::{ClipConfig, random_clip};

    fn config() -> &'static [u8] {
        br#"{"projection_dim": 6, "vision_config": {"hidden_size": 8,
            "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
            "image_size": 4, "patch_size": 2}, "text_config": {"vocab_size": 5, "hidden_size": 4,
            "num_attention_heads": 1, "num_hidden_layers": 1, "intermediate_size": 4}}"#
    }

    fn clip() -> Clip {
        let config = ClipConfig::from_json(config(), "config.json").unwrap();
        random_clip(config, 3, &m2ib_cpu::flex())
    }

    fn reload(bytes: Vec<u8>) -> Clip {
        let weights = [Content::bytes("weights", bytes)];
        let config = Content::bytes("config.json", config());
        Clip::from_parts(&config, &weights, &m2ib_cpu::flex()).unwrap()
    }

    #[test]
    fn what_is_exported_loads_as_the_same_model() {
        let clip = clip();
        let bytes = clip.to_safetensors(Precision::F32, HashMap::new()).unwrap();
        let loaded = reload(bytes.clone());
        assert_eq!(loaded.image.digest(), clip.image.digest());
        assert_eq!(loaded.text.digest(), clip.text.digest());
        // And again, exported once more.
        let again = reload(bytes.clone()).to_safetensors(Precision::F32, HashMap::new());
        let (file, again) = (
            safetensors::SafeTensors::deserialize(&bytes).unwrap(),
            again.unwrap(),
        );
        let again = safetensors::SafeTensors::deserialize(&again).unwrap();
        assert_eq!(file.names().len(), again.names().len());
        for (name, tensor) in file.tensors() {
            // The scale passes through an exponential and a logarithm.
            if name != "logit_scale" {
                assert_eq!(tensor.data(), again.tensor(&name).unwrap().data(), "{name}");
            }
        }
    }

    #[test]
    fn half_precision_halves_the_file_and_keeps_its_metadata() {
        let metadata = HashMap::from([("commit".to_owned(), "abc".to_owned())]);
        let full = clip()
            .to_safetensors(Precision::F32, HashMap::new())
            .unwrap();
        let half = clip().to_safetensors(Precision::F16, metadata).unwrap();
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
        assert!((reload(half).logit_scale - clip().logit_scale).abs() < 0.02);
    }
}
