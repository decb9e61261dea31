//! Gradients of weights, collected over parts of a batch.

use std::collections::BTreeMap;

/// The gradient of each weight, by Hugging Face's name and in its layout.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Gradients {
    values: BTreeMap<String, Vec<f32>>,
}

impl Gradients {
    /// Of the weight `name`, if anything was added to it.
    pub fn get(&self, name: &str) -> Option<&[f32]> {
        self.values.get(name).map(Vec::as_slice)
    }

    /// All of them, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[f32])> {
        let values = self.values.iter();
        values.map(|(name, values)| (name.as_str(), values.as_slice()))
    }

    /// Adds to the gradient of the weight `name`.
    pub fn add(&mut self, name: String, values: Vec<f32>) {
        match self.values.get_mut(&name) {
            Some(sum) => sum.iter_mut().zip(values).for_each(|(sum, x)| *sum += x),
            None => {
                self.values.insert(name, values);
            }
        }
    }

    /// Adds all gradients of another part of the batch.
    pub fn merge(&mut self, other: Self) {
        for (name, values) in other.values {
            self.add(name, values);
        }
    }
}
