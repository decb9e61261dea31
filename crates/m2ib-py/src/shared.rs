//! An explainer without Python: what jobs on other threads need of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use m2ib::DualEncoder;
use m2ib_methods::{Method, Registry};

use crate::failure::{Failure, fault};
use crate::settings::Recipe;

/// What jobs on other threads need of an explainer.
pub(crate) struct Shared {
    pub(crate) inner: m2ib::Explainer,
    /// As it was loaded, which is how the program's other methods have it: an explainer's computes the
    /// same in other kernels.
    pub(crate) model: DualEncoder,
    pub(crate) recipe: Recipe,
    pub(crate) calibration: Option<Arc<m2ib::Calibration>>,
    /// Those that were asked for by name.
    methods: Mutex<HashMap<String, Arc<dyn Method>>>,
}

impl Shared {
    pub(crate) fn new(
        model: DualEncoder,
        recipe: Recipe,
        calibration: Option<Arc<m2ib::Calibration>>,
    ) -> Result<Self, Failure> {
        Ok(Self {
            inner: recipe.build(model.clone(), calibration.as_deref())?,
            model,
            recipe,
            calibration,
            methods: Mutex::default(),
        })
    }

    /// A method by name.
    pub(crate) fn method(&self, name: &str) -> Result<Arc<dyn Method>, Failure> {
        let broken = |_| fault("a method broke");
        if let Some(method) = self.methods.lock().map_err(broken)?.get(name) {
            return Ok(method.clone());
        }
        let factory = Registry::standard().parse(name)?;
        let built = factory.build(&self.model, self.calibration.as_deref())?;
        let method: Arc<dyn Method> = built.into();
        let mut methods = self.methods.lock().map_err(broken)?;
        methods.insert(name.into(), method.clone());
        Ok(method)
    }
}
