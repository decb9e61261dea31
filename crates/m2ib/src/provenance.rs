//! The record of how an explanation is made with a model.

use clip_input::Adjustment;
use clip_model::DualEncoder;
use m2ib_attribution::{FitRecord, Method, Provenance};

/// Of what is made now with this model.
pub fn provenance(model: &DualEncoder, method: Method, seed: u64) -> Provenance {
    Provenance {
        model: model.name().into(),
        identity: model.identity().to_string(),
        method,
        fits: FitRecord::default(),
        adjustment: Adjustment::default(),
        seed,
        backend: format!("{:?}", model.device().as_dispatch()),
        precision: model.precision().to_string(),
        version: env!("CARGO_PKG_VERSION").into(),
    }
}
