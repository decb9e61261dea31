//! The record of how an explanation is made with a model.

use clip_model::Pretrained;
use m2ib_attribution::{FitRecord, Method, Provenance};

/// Of what is made now with this model.
pub fn provenance(model: &Pretrained, method: Method, seed: u64) -> Provenance {
    let clip = &model.clip;
    Provenance {
        model: model.name.clone(),
        fingerprint: clip.fingerprint().into(),
        method,
        fits: FitRecord::default(),
        seed,
        backend: format!("{:?}", clip.device().as_dispatch()),
        precision: clip.precision().to_string(),
        version: env!("CARGO_PKG_VERSION").into(),
    }
}
