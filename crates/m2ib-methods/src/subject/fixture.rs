//! A pair of the embedded model, for the tests of this crate.

use m2ib::{Backend, DualEncoder, emoji};

use super::Subject;

pub(crate) fn model() -> DualEncoder {
    emoji::pretrained(&Backend::Cpu.device().unwrap()).unwrap()
}

pub(crate) fn subject(model: &DualEncoder) -> Subject<'_> {
    let image = m2ib::decode_image(emoji::SCENES[0].png, "scene0.png").unwrap();
    Subject::new(model, &image, "a photo of a piano").unwrap()
}
