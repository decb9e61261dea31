//! The record of how an explanation is made with a model.

use clip_input::{Adjustment, PictureFacts};
use clip_model::DualEncoder;
use m2ib_attribution::{FitRecord, Method, Provenance};

/// What provenance calls a picture: its digest in hexadecimal digits.
pub fn picture_name(facts: &PictureFacts) -> Option<String> {
    Some(facts.digest?.to_string())
}

/// Of what is made now with this model.
pub fn provenance(model: &DualEncoder, method: Method, seed: u64) -> Provenance {
    Provenance {
        model: model.name().into(),
        identity: model.identity().to_string(),
        method,
        fits: FitRecord::default(),
        adjustment: Adjustment::default(),
        picture: None,
        seed,
        backend: format!("{:?}", model.device().as_dispatch()),
        precision: model.precision().to_string(),
        version: env!("CARGO_PKG_VERSION").into(),
    }
}
