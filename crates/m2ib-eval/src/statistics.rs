//! Feature statistics of a model of scenes that comes without any.

use m2ib::{Calibration, Calibrator, DualEncoder, Picture};
use m2ib_data::Dataset;
use m2ib_scenes::{Generator, Split};

use crate::Result;

/// Statistics over scenes of the training split and one caption of each; 512 are plenty. `on_scene` hears of
/// every scene that is done.
///
/// # Errors
/// If the model does not take scenes or their captions, or there are fewer than two.
pub fn calibrate(
    model: &DualEncoder,
    scenes: u64,
    on_scene: &mut dyn FnMut(),
) -> Result<Calibration> {
    let generator = Generator::new();
    let mut calibrator = Calibrator::new(model);
    for number in 0..scenes {
        let scene = generator.scene(Split::Train, number);
        let [caption, _] = scene.training_captions();
        calibrator.add_image(&Picture::from(scene.image))?;
        calibrator.add_caption(&caption.text)?;
        on_scene();
    }
    Ok(calibrator.finish()?)
}

/// Statistics over the images and captions of at most so many rows, which are taken evenly from all. What
/// cannot be opened or read is left out: whoever explains it is told.
///
/// # Errors
/// [`m2ib::Error::TooFewSamples`] for fewer than two images or captions.
pub fn calibrate_rows(model: &DualEncoder, dataset: &Dataset, most: usize) -> Result<Calibration> {
    let mut calibrator = Calibrator::new(model);
    let rows = &dataset.rows;
    let count = rows.len().min(most);
    for place in 0..count {
        let row = &rows[place * rows.len() / count];
        if let Ok(image) = row.open() {
            // Left out whole, or added whole.
            let _ = calibrator.add_image(&image);
        }
        let _ = calibrator.add_caption(&row.caption);
    }
    Ok(calibrator.finish()?)
}
