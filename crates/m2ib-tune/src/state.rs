//! All that a run carries from step to step.

use std::collections::{BTreeMap, HashMap};

use burn::tensor::{Device, TensorData};
use clip_model::Precision;
use clip_model::clip::{Clip, ClipConfig, Gradients, random_clip};
use safetensors::SafeTensors;

use crate::adamw::AdamW;
use crate::{Error, Result};

/// The name of the scale between the towers, which is trained as a logarithm.
pub const LOGIT_SCALE: &str = "logit_scale";
/// Where the scale is stopped, as in CLIP: beyond, training becomes unstable.
const LARGEST_SCALE: f32 = 100.0;
/// The norm of all gradients together beyond which they are scaled down to it.
const LARGEST_NORM: f64 = 1.0;

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

/// Weights and moments after a step: of a whole model, or of the part that is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Updates done.
    pub step: u64,
    /// In the order of their names.
    pub parameters: Vec<Parameter>,
}

/// How far a step goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Update {
    /// The learning rate.
    pub rate: f64,
    /// Decay of matrices, in units of the learning rate.
    pub weight_decay: f64,
    /// The norm of all gradients together; beyond 1, they are scaled down to it.
    pub gradient_norm: f64,
}

impl State {
    /// Freshly drawn weights.
    ///
    /// # Errors
    /// None in practice: random weights can be written.
    pub fn random(config: &ClipConfig, seed: u64, device: &Device) -> Result<Self> {
        Self::of(&random_clip(config.clone(), seed, device), |_| true)
    }

    /// Those weights of a model whose names are `chosen`, without a past.
    ///
    /// # Errors
    /// [`Error::Precision`] for a model whose weights are not in single precision; [`Error::Model`]
    /// for weights that are not finite.
    pub fn of(clip: &Clip, chosen: impl Fn(&str) -> bool) -> Result<Self> {
        if clip.precision() != Precision::F32 {
            return Err(Error::Precision {
                found: clip.precision(),
            });
        }
        let bytes = clip.to_safetensors(Precision::F32, HashMap::new())?;
        let file = SafeTensors::deserialize(&bytes).expect("it was just written");
        let mut parameters: Vec<_> = file
            .tensors()
            .into_iter()
            .filter(|(name, _)| chosen(name))
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
        Ok(Clip::from_tensors(config.clone(), self.tensors(), device)?)
    }

    /// A model with these weights in the place of its own.
    ///
    /// # Errors
    /// If they do not fit it.
    pub fn put_into(&self, model: &Clip) -> Result<Clip> {
        let mut clip = model.clone();
        clip.set_weights(self.tensors())?;
        Ok(clip)
    }

    fn tensors(&self) -> BTreeMap<String, TensorData> {
        let parameters = self.parameters.iter().map(|parameter| {
            let data = TensorData::new(parameter.values.clone(), parameter.shape.clone());
            (parameter.name.clone(), data)
        });
        parameters.collect()
    }

    /// One step of AdamW along the gradients.
    pub fn update(&mut self, gradients: &Gradients, update: Update) {
        self.step += 1;
        let adam = AdamW {
            step: self.step,
            rate: update.rate,
            weight_decay: update.weight_decay,
            factor: (LARGEST_NORM / update.gradient_norm).min(1.0),
        };
        for parameter in &mut self.parameters {
            // A weight that nothing passed through decays like the others.
            match gradients.get(&parameter.name) {
                Some(gradient) => adam.update(parameter, gradient),
                None => adam.update(parameter, &vec![0.0; parameter.values.len()]),
            }
        }
        self.bound_scale();
    }

    /// The logarithm of the scale between the towers.
    pub fn log_scale(&self) -> f64 {
        let scale = self.parameters.iter().find(|p| p.name == LOGIT_SCALE);
        scale.map_or(0.0, |scale| f64::from(scale.values[0]))
    }

    /// Stops the scale at 100.
    fn bound_scale(&mut self) {
        let scale = self.parameters.iter_mut().find(|p| p.name == LOGIT_SCALE);
        if let Some(scale) = scale {
            scale.values[0] = scale.values[0].min(LARGEST_SCALE.ln());
        }
    }
}
