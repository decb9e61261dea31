//! What is told of a map beside its values.

use m2ib::ImageAttribution;
use m2ib::draw::hot_regions;

/// How hot a region is at least, of the hottest place.
const HOT: f32 = 0.5;
/// The longer side on which regions are looked for: a map has few places, and a photograph's every
/// pixel would tell nothing more.
const LONGEST: f64 = 224.0;

/// Around the largest hot region, `[left, top, width, height]` in the image's pixels; none where all
/// places are alike.
pub(crate) fn best_box(image: &ImageAttribution) -> Option<[f32; 4]> {
    if image.is_flat() {
        return None;
    }
    let size = [image.view.image_width, image.view.image_height].map(f64::from);
    let scale = (LONGEST / size[0].max(size[1])).min(1.0);
    let [width, height] = size.map(|side| ((side * scale).round() as u32).max(1));
    let map = image.heat_map_at(width, height);
    let region = *hot_regions(&map, HOT).first()?;
    let across = |pixel: u32| (f64::from(pixel) * size[0] / f64::from(width)) as f32;
    let down = |pixel: u32| (f64::from(pixel) * size[1] / f64::from(height)) as f32;
    let (left, top) = (across(region.left), down(region.top));
    Some([
        left,
        top,
        across(region.right) - left,
        down(region.bottom) - top,
    ])
}
