//! The heat map as a picture of its own.

use image::{Rgba, RgbaImage};
use m2ib_attribution::{HeatMap, ImageAttribution};

use crate::ColorMap;

/// The map alone, of the original image's size: opaque where the model saw something, transparent
/// elsewhere. In [grey](ColorMap::Gray) its levels are the map's numbers, 0 to 255.
pub fn heat_picture(image: &ImageAttribution, color_map: ColorMap) -> RgbaImage {
    heat_layer(&image.heat_map(), color_map)
}

/// The map in colour as it lies over the image: what is cold is clear, so that it veils nothing, and what the
/// model did not see is too.
pub(crate) fn clear_layer(map: &HeatMap, color_map: ColorMap) -> RgbaImage {
    let mut layer = heat_layer(map, color_map);
    for (pixel, value) in layer.pixels_mut().zip(&map.values) {
        let alpha = f32::from(pixel[3]) * cover(*value);
        pixel[3] = alpha.round() as u8;
    }
    layer
}

/// How much of the image a value's colour covers, 0..1: all from five eighths on, so that of what is hot the
/// colour tells how hot. (As the explorer in the browser has it.)
pub(crate) fn cover(value: f32) -> f32 {
    (value * 1.6).clamp(0.0, 1.0)
}

/// The map in colour: opaque where the model saw something, transparent elsewhere.
pub(crate) fn heat_layer(map: &HeatMap, color_map: ColorMap) -> RgbaImage {
    let (height, width) = map.values.dim();
    let table = color_map.table();
    RgbaImage::from_fn(width as u32, height as u32, |x, y| {
        if !map.seen.contains(x, y) {
            return Rgba([0; 4]);
        }
        let value = map.values[[y as usize, x as usize]];
        let [r, g, b] = table[(value * 255.0).round() as usize];
        Rgba([r, g, b, 255])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use m2ib_attribution::Rect;
    use ndarray::array;

    #[test]
    fn seen_pixels_take_the_maps_colours_and_others_none() {
        let seen = Rect {
            left: 0,
            top: 0,
            right: 2,
            bottom: 1,
        };
        let map = HeatMap {
            values: array![[0.0, 1.0, 0.0]],
            seen,
        };
        let layer = heat_layer(&map, ColorMap::Viridis);
        let table = ColorMap::Viridis.table();
        assert_eq!(layer.get_pixel(0, 0).0[..3], table[0]);
        assert_eq!(layer.get_pixel(1, 0).0[..3], table[255]);
        assert_eq!(layer.get_pixel(2, 0).0, [0; 4]);
        let clear = clear_layer(&map, ColorMap::Viridis);
        assert_eq!(clear.get_pixel(0, 0)[3], 0);
        assert_eq!(clear.get_pixel(1, 0), layer.get_pixel(1, 0));
        assert_eq!((cover(0.25), cover(0.9)), (0.4, 1.0));
    }
}
