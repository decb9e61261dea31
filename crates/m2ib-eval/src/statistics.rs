//! Feature statistics of a model of scenes that comes without any.

use m2ib::{Calibration, Calibrator, DualEncoder, Picture};
use m2ib_scenes::{Generator, Split};

use crate::Result;

/// Statistics over scenes of the training split and one caption of each; 512 are plenty.
///
/// # Errors
/// If the model does not take scenes or their captions, or there are fewer than two.
pub fn calibrate(model: &DualEncoder, scenes: u64) -> Result<Calibration> {
    let generator = Generator::new();
    let mut calibrator = Calibrator::new(model);
    for number in 0..scenes {
        let scene = generator.scene(Split::Train, number);
        let [caption, _] = scene.training_captions();
        calibrator.add_image(&Picture::from(scene.image))?;
        calibrator.add_caption(&caption.text)?;
    }
    Ok(calibrator.finish()?)
}
