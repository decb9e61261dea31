//! All that a run carries from step to step.

use std::collections::BTreeMap;

use burn::tensor::TensorData;
use clip_model::{Gradients, LOGIT_BIAS, LOGIT_SCALE, Precision, Trainable};

use crate::adamw::AdamW;
use crate::{Error, Logits, Result};

/// Where the scale is stopped, as in CLIP: beyond, training becomes unstable. (SigLIP's, which are
/// not stopped, go beyond it.)
const LARGEST_SCALE: f32 = 100.0;
/// The norm of all gradients together beyond which they are scaled down to it.
const LARGEST_NORM: f64 = 1.0;

/// A weight with its moments, as [`Trainable::tensors`] hands it out.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its name.
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
        let is_matrix = !self.name.contains("embedding") && !self.name.ends_with("probe");
        self.shape.len() >= 2 && is_matrix
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
    /// Those weights of a model whose names are `chosen`, without a past.
    ///
    /// # Errors
    /// [`Error::Precision`] for a model whose weights are not in single precision; [`Error::Weight`]
    /// for weights that are not finite.
    pub fn of(model: &Trainable, chosen: impl Fn(&str) -> bool) -> Result<Self> {
        if model.precision() != Precision::F32 {
            return Err(Error::Precision {
                found: model.precision(),
            });
        }
        let tensors = model.tensors()?.into_iter();
        let tensors = tensors.filter(|(name, _)| chosen(name));
        let parameters = tensors.map(|(name, data)| {
            let values = data.iter::<f32>().collect();
            Parameter::new(name, data.shape().to_vec(), values)
        });
        let parameters: Vec<Parameter> = parameters.collect();
        let is_broken = |parameter: &&Parameter| parameter.values.iter().any(|x| !x.is_finite());
        if let Some(broken) = parameters.iter().find(is_broken) {
            return Err(Error::Weight {
                name: broken.name.clone(),
            });
        }
        Ok(Self {
            step: 0,
            parameters,
        })
    }

    /// A model with these weights in the place of its own.
    ///
    /// # Errors
    /// If they do not fit it.
    pub fn put_into(&self, model: &Trainable) -> Result<Trainable> {
        let mut changed = model.clone();
        changed.set_weights(self.tensors())?;
        Ok(changed)
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

    /// What cosines become scores by.
    pub fn logits(&self) -> Logits {
        let number = |name| {
            let found = self.parameters.iter().find(|p| p.name == name);
            found.map(|found| f64::from(found.values[0]))
        };
        Logits {
            log_scale: number(LOGIT_SCALE).unwrap_or(0.0),
            bias: number(LOGIT_BIAS),
        }
    }

    /// Stops the scale at 100.
    fn bound_scale(&mut self) {
        if self.logits().bias.is_some() {
            return;
        }
        let scale = self.parameters.iter_mut().find(|p| p.name == LOGIT_SCALE);
        if let Some(scale) = scale {
            scale.values[0] = scale.values[0].min(LARGEST_SCALE.ln());
        }
    }
}
