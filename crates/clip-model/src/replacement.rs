//! New values for some of a model's weights, as a training step leaves them.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor, TensorData};
use clip_input::Digest;

use crate::export::{image_name, text_name};
use crate::trainable::{LOGIT_BIAS, LOGIT_SCALE, Trainable};
use crate::weights::tensor_digest;
use crate::{Error, Result, TensorProblem};

impl Trainable {
    /// Replaces weights, by their names and as [`tensors`](Self::tensors) gives them; the others are
    /// left alone.
    ///
    /// The digest becomes one of the old and the replacement. (Exported and loaded again, the
    /// model has that of its file.)
    ///
    /// # Errors
    /// [`Error::Tensors`] for names the model does not have and shapes that do not fit; nothing is
    /// replaced then.
    pub fn set_weights(&mut self, tensors: BTreeMap<String, TensorData>) -> Result<()> {
        let digests = tensors.iter().map(|(name, data)| tensor_digest(name, data));
        let digests: Vec<Digest> = digests.collect();
        let mut replace = Replace {
            tensors,
            device: self.device(),
            name: image_name,
            path: Vec::new(),
            problems: Vec::new(),
        };
        let scale = replace.take(LOGIT_SCALE.into(), &[]);
        let bias = match self.bias {
            Some(_) => replace.take(LOGIT_BIAS.into(), &[]),
            None => None,
        };
        let mut image = self.image.clone().map(&mut replace);
        replace.name = text_name;
        let mut text = self.text.clone().map(&mut replace);
        replace.finish()?;
        let number = |data: TensorData| data.iter::<f32>().next();
        if let Some(scale) = scale.and_then(number) {
            self.scale = scale.exp();
        }
        if let Some(bias) = bias.and_then(number) {
            self.bias = Some(bias);
        }
        for layer in image.dense().into_iter().chain(text.dense()) {
            layer.forget_copy();
        }
        (self.image, self.text) = (image, text);
        for digest in [&mut self.image.digest, &mut self.text.digest] {
            let all = [&*digest].into_iter().chain(&digests);
            *digest = Digest::of(all.map(Digest::as_bytes));
        }
        Ok(())
    }
}

/// Puts values in the place of parameters.
struct Replace {
    tensors: BTreeMap<String, TensorData>,
    device: Device,
    /// From a parameter's path of fields to its name in a file.
    name: fn(&str) -> String,
    /// Field names down to the parameter, each with the type it is a field of.
    path: Vec<(String, String)>,
    problems: Vec<TensorProblem>,
}

impl Replace {
    /// The values given for a name, if they are of the shape.
    fn take(&mut self, name: String, expected: &[usize]) -> Option<TensorData> {
        let data = self.tensors.remove(&name)?;
        if data.shape().as_slice() == expected {
            return Some(data);
        }
        self.problems.push(TensorProblem::Shape {
            name,
            found: data.shape().to_vec(),
            expected: expected.to_vec(),
        });
        None
    }

    fn finish(mut self) -> Result<()> {
        let names = self.tensors.into_keys();
        self.problems
            .extend(names.map(|name| TensorProblem::Unexpected { name }));
        match self.problems.is_empty() {
            true => Ok(()),
            false => Err(Error::Tensors {
                file: "the weights given".into(),
                problems: self.problems,
                unused: Vec::new(),
            }),
        }
    }
}

impl ModuleMapper for Replace {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.push((name.into(), container.into()));
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let names: Vec<_> = self.path.iter().map(|(name, _)| name.as_str()).collect();
        let name = (self.name)(&names.join("."));
        let container = self.path.last().map(|(_, container)| container.as_str());
        let dense = (container, D) == (Some("Struct:Linear"), 2);
        let mut shape = param.val().dims();
        if dense {
            shape.swap(0, 1);
        }
        let Some(data) = self.take(name, &shape) else {
            return param;
        };
        let (id, old, mapper) = param.consume();
        let mut value = Tensor::<D>::from_data(data, &self.device).cast(old.dtype());
        if dense {
            // In order in memory too, as when it was loaded.
            let count: usize = shape.iter().product();
            value = value.swap_dims(0, 1).reshape([count]).reshape(old.dims());
        }
        Param::from_mapped_value(id, value, mapper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip::{ClipConfig, random_clip};
    use crate::{ImageTower, TextTower, Tower};
    use clip_input::{Content, Layout, Read, Role, Sight};

    fn clip(seed: u64) -> Trainable {
        let json = br#"{"projection_dim": 6, "vision_config": {"hidden_size": 8,
            "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
            "image_size": 4, "patch_size": 2}, "text_config": {"vocab_size": 5, "hidden_size": 4,
            "num_attention_heads": 1, "num_hidden_layers": 1, "intermediate_size": 4}}"#;
        let config = ClipConfig::from_json(json, "config.json").unwrap();
        random_clip(config, seed, &m2ib_cpu::flex())
    }

    fn tensors(model: &Trainable) -> BTreeMap<String, TensorData> {
        model.tensors().unwrap()
    }

    fn embed(clip: &Trainable) -> Vec<f32> {
        let ids = [1, 3, 2];
        let x = clip.text.embed(clip.text.ids(&ids).unwrap());
        let layout = Layout {
            tokens: vec![Role::Piece; 3],
            grid: None,
            read: Read::Row(2),
            sight: Sight::Causal,
        };
        // With the way back, which uses the second copies of the weights.
        let out = clip.text.read_out_with_pullback(0, x, &layout);
        let pixels = Tensor::<4>::ones([1, 3, 4, 4], &clip.device()) * 0.3;
        let (image, whole) = (&clip.image, clip.image.layout([4, 4]).unwrap());
        let image = image.read_out(0, image.embed(pixels).unwrap(), &whole);
        let text = out.embedding.clone();
        let back = out.pull_back(text.ones_like()).flatten::<1>(0, 2);
        let all = Tensor::cat(vec![image.flatten::<1>(0, 1), text.flatten(0, 1), back], 0);
        all.into_data().iter::<f32>().collect()
    }

    #[test]
    fn all_weights_replaced_make_the_other_model() {
        let (mut here, there) = (clip(1), clip(2));
        assert_ne!(embed(&here), embed(&there));
        here.set_weights(tensors(&there)).unwrap();
        assert_eq!(embed(&here), embed(&there));
        assert!((here.scale - there.scale).abs() < 1e-4);
    }

    #[test]
    fn the_head_and_the_bias_of_siglip_are_replaced_too() {
        let config = br#"{"model_type": "siglip", "vision_config": {"hidden_size": 8,
            "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
            "image_size": 4, "patch_size": 2}, "text_config": {"vocab_size": 5, "hidden_size": 8,
            "num_attention_heads": 1, "num_hidden_layers": 1, "intermediate_size": 4,
            "max_position_embeddings": 3}}"#;
        let model = |seed| {
            let config = Content::bytes("config.json", config.to_vec());
            Trainable::random(&config, seed, &m2ib_cpu::flex()).unwrap()
        };
        let (mut here, there) = (model(1), model(2));
        let embed = |model: &Trainable| -> Vec<f32> {
            let pixels = Tensor::<4>::ones([1, 3, 4, 4], &model.device()) * 0.3;
            let (image, layout) = (&model.image, model.image.layout([4, 4]).unwrap());
            let out = image.read_out_with_pullback(0, image.embed(pixels).unwrap(), &layout);
            let embedding = out.embedding.clone();
            let back = out.pull_back(embedding.ones_like()).flatten::<1>(0, 2);
            let all = Tensor::cat(vec![embedding.flatten::<1>(0, 1), back], 0);
            all.into_data().iter::<f32>().collect()
        };
        let mut other = tensors(&there);
        other.insert(LOGIT_BIAS.into(), TensorData::new(vec![-4.0f32], [0; 0]));
        assert_ne!(embed(&here), embed(&there));
        here.set_weights(other).unwrap();
        assert_eq!(embed(&here), embed(&there));
        assert_eq!(here.bias, Some(-4.0));
    }

    #[test]
    fn only_the_weights_given_change_and_other_models_are_not_touched() {
        let base = clip(1);
        let (mut changed, expected) = (base.clone(), embed(&base));
        let name = "text_model.encoder.layers.0.mlp.fc1.weight";
        let one = BTreeMap::from([(name.to_owned(), tensors(&clip(2))[name].clone())]);
        changed.set_weights(one).unwrap();
        assert_ne!(changed.digest(), base.digest());
        let (before, after) = (tensors(&base), tensors(&changed));
        for (key, data) in &before {
            assert_eq!(*data == after[key], key != name, "{key}");
        }
        assert_ne!(embed(&changed), expected);
        assert_eq!(embed(&base), expected);
    }

    #[test]
    fn misfits_are_named_and_nothing_is_replaced() {
        let mut clip = clip(1);
        let expected = embed(&clip);
        let wrong = TensorData::new(vec![0.0f32; 8], [4, 2]);
        let mut given = tensors(&super::tests::clip(2));
        given.insert("text_projection.weight".into(), wrong.clone());
        given.insert("nowhere".into(), wrong);
        let error = clip.set_weights(given).unwrap_err().to_string();
        assert!(
            error.contains("text_projection.weight has shape [4, 2]"),
            "{error}"
        );
        assert!(error.contains("nowhere is unexpected"), "{error}");
        assert_eq!(embed(&clip), expected);
    }
}
