//! All that a run carries from step to step.

use std::collections::{BTreeMap, HashMap};

use burn::tensor::{Device, TensorData};
use clip_model::{Clip, ClipConfig, Precision, random_clip};
use safetensors::SafeTensors;

use crate::Result;

/// The name of the scale between the towers, which is trained as a logarithm.
pub(crate) const LOGIT_SCALE: &str = "logit_scale";
/// Where the scale is stopped, as in CLIP: beyond, training becomes unstable.
const LARGEST_SCALE: f32 = 100.0;

/// A weight with its moments, in the layout of Hugging Face's files.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Hugging Face's name.
    pub name: String,
    /// Its shape there.
    pub shape: Vec<usize>,
    /// The weight.
    pub values: Vec<f32>,
    /// Running mean of the gradient.
    pub first: Vec<f32>,
    /// Running mean of its square.
    pub second: Vec<f32>,
}

impl Parameter {
    /// Without a past.
    pub fn new(name: String, shape: Vec<usize>, values: Vec<f32>) -> Self {
        let nothing = vec![0.0; values.len()];
        Self {
            name,
            shape,
            values,
            first: nothing.clone(),
            second: nothing,
        }
    }

    /// Whether weight decay applies: to matrices that multiply activations.
    pub fn decays(&self) -> bool {
        self.shape.len() >= 2 && !self.name.contains("embedding")
    }
}

/// Weights and moments after a step.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Updates done.
    pub step: u64,
    /// In the order of their names.
    pub parameters: Vec<Parameter>,
}

impl State {
    /// Freshly drawn weights.
    ///
    /// # Errors
    /// None in practice: random weights can be written.
    pub fn random(config: &ClipConfig, seed: u64, device: &Device) -> Result<Self> {
        let clip = random_clip(config.clone(), seed, device);
        let bytes = clip.to_safetensors(Precision::F32, HashMap::new())?;
        let file = SafeTensors::deserialize(&bytes).expect("it was just written");
        let mut parameters: Vec<_> = file
            .tensors()
            .into_iter()
            .map(|(name, tensor)| {
                let values = tensor.data().chunks_exact(4);
                let values = values.map(|x| f32::from_le_bytes([x[0], x[1], x[2], x[3]]));
                Parameter::new(name, tensor.shape().to_vec(), values.collect())
            })
            .collect();
        parameters.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self {
            step: 0,
            parameters,
        })
    }

    /// The model of these weights.
    ///
    /// # Errors
    /// If they do not fit the configuration.
    pub fn clip(&self, config: &ClipConfig, device: &Device) -> Result<Clip> {
        let tensors: BTreeMap<_, _> = self
            .parameters
            .iter()
            .map(|parameter| {
                let data = TensorData::new(parameter.values.clone(), parameter.shape.clone());
                (parameter.name.clone(), data)
            })
            .collect();
        Ok(Clip::from_tensors(config.clone(), tensors, device)?)
    }

    /// The logarithm of the scale between the towers.
    pub fn log_scale(&self) -> f64 {
        let scale = self.parameters.iter().find(|p| p.name == LOGIT_SCALE);
        scale.map_or(0.0, |scale| f64::from(scale.values[0]))
    }

    /// Stops the scale at 100.
    pub(crate) fn bound_scale(&mut self) {
        let scale = self.parameters.iter_mut().find(|p| p.name == LOGIT_SCALE);
        if let Some(scale) = scale {
            scale.values[0] = scale.values[0].min(LARGEST_SCALE.ln());
        }
    }
}
