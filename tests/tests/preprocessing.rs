//! Pictures to pixels, against what Pillow and transformers make of them, and across formats.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use clip_input::{Adjustment, ImageProcessor, Pictured, Recipe};
use m2ib::decode_image;
use m2ib::image::codecs::gif::GifEncoder;
use m2ib::image::codecs::jpeg::JpegEncoder;
use m2ib::image::codecs::png::PngEncoder;
use m2ib::image::codecs::webp::WebPEncoder;
use m2ib::image::{
    DynamicImage, ExtendedColorType, Frame, GrayImage, ImageEncoder, ImageFormat, Luma, Rgb,
    RgbImage, Rgba, RgbaImage,
};
use rstest::rstest;
use safetensors::SafeTensors;

const MEAN: [f64; 3] = [0.48145466, 0.4578275, 0.40821073];
const DEVIATION: [f64; 3] = [0.26862954, 0.26130258, 0.27577711];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/preprocess")
}

/// CLIP's own, at a size of 32.
fn processor() -> ImageProcessor {
    ImageProcessor::from_json(br#"{"size": 32, "crop_size": 32}"#, "test").unwrap()
}

/// What transformers makes of the file, `[3, 32, 32]`.
fn expected(file: &str) -> Vec<f32> {
    let bytes = std::fs::read(folder().join("expected.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let view = tensors.tensor(file).unwrap();
    assert_eq!(view.shape(), [3, 32, 32]);
    let words = view.data().chunks_exact(4);
    words
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect()
}

#[rstest]
#[case::gray("gray.png", 0)]
#[case::odd("odd_rounding.png", 0)]
#[case::one_pixel("one_pixel.png", 0)]
#[case::palette("palette.png", 0)]
#[case::landscape("rgb_landscape.png", 0)]
#[case::portrait("rgb_portrait.png", 0)]
#[case::upscale("rgb_tiny_upscale.png", 0)]
#[case::alpha("rgba.png", 0)]
#[case::untouched("square_exact.png", 0)]
#[case::webp("wide.webp", 0)]
// Decoders may round the inverse cosine transform differently.
#[case::jpeg("photo.jpg", 2)]
fn pixels_are_pillows_before_normalisation(#[case] file: &str, #[case] levels: i32) {
    let image = m2ib::open_image(folder().join(file)).unwrap();
    let (rgb, _) = processor().crop(&image);
    let pixels = processor().process(&image);
    for (index, expected) in expected(file).into_iter().enumerate() {
        let (channel, pixel) = (index / 1024, index % 1024);
        let level = (f64::from(expected) * DEVIATION[channel] + MEAN[channel]) * 255.0;
        assert!((level - level.round()).abs() < 1e-3, "{level} is no byte");
        let found = rgb.get_pixel(pixel as u32 % 32, pixel as u32 / 32)[channel];
        let difference = (i32::from(found) - level.round() as i32).abs();
        assert!(
            difference <= levels,
            "value {index}: {found}, expected {level}"
        );
        if difference == 0 {
            let found = pixels.values[index];
            assert!(
                (found - expected).abs() < 1e-6,
                "value {index}: {found} {expected}"
            );
        }
    }
}

#[test]
fn every_picture_with_an_expectation_is_tested() {
    let bytes = std::fs::read(folder().join("expected.safetensors")).unwrap();
    assert_eq!(SafeTensors::deserialize(&bytes).unwrap().names().len(), 11);
}

/// Four flat quarters, so that lossy formats keep them apart: red green / blue white.
fn quarters() -> RgbImage {
    RgbImage::from_fn(48, 32, |x, y| match (x < 24, y < 16) {
        (true, true) => Rgb([250, 0, 0]),
        (false, true) => Rgb([0, 250, 0]),
        (true, false) => Rgb([0, 0, 250]),
        (false, false) => Rgb([250, 250, 250]),
    })
}

fn worst(found: &RgbImage, expected: &RgbImage) -> u8 {
    assert_eq!(found.dimensions(), expected.dimensions());
    // Away from the edges, where JPEG rings.
    let inside = |x: u32, y: u32| (4..20).contains(&(x % 24)) && (4..12).contains(&(y % 16));
    expected
        .enumerate_pixels()
        .filter(|(x, y, _)| inside(*x, *y))
        .flat_map(|(x, y, pixel)| (0..3).map(move |c| found.get_pixel(x, y)[c].abs_diff(pixel[c])))
        .max()
        .unwrap()
}

/// A big-endian TIFF block with one entry, the orientation.
fn exif(orientation: u8) -> Vec<u8> {
    let mut block = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0".to_vec();
    block[19] = orientation;
    block
}

/// How a camera stores the upright picture: EXIF says where stored row 0 and column 0 belong.
fn stored(upright: &RgbImage, orientation: u8) -> RgbImage {
    let (w, h) = upright.dimensions();
    let (width, height) = if orientation < 5 { (w, h) } else { (h, w) };
    RgbImage::from_fn(width, height, |x, y| {
        let (x, y) = match orientation {
            1 => (x, y),                 // top, left
            2 => (w - 1 - x, y),         // top, right
            3 => (w - 1 - x, h - 1 - y), // bottom, right
            4 => (x, h - 1 - y),         // bottom, left
            5 => (y, x),                 // left, top
            6 => (w - 1 - y, x),         // right, top
            7 => (w - 1 - y, h - 1 - x), // right, bottom
            _ => (y, h - 1 - x),         // left, bottom
        };
        *upright.get_pixel(x, y)
    })
}

fn encode_with(mut encoder: impl ImageEncoder, image: &RgbImage, orientation: u8) {
    encoder.set_exif_metadata(exif(orientation)).unwrap();
    let (width, height) = image.dimensions();
    encoder
        .write_image(image.as_raw(), width, height, ExtendedColorType::Rgb8)
        .unwrap();
}

#[rstest]
fn exif_orientation_is_honoured(
    #[values(1, 2, 3, 4, 5, 6, 7, 8)] orientation: u8,
    #[values(ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP)] format: ImageFormat,
) {
    let upright = quarters();
    let stored = stored(&upright, orientation);
    let mut bytes = Vec::new();
    let tolerance = match format {
        ImageFormat::Jpeg => {
            encode_with(
                JpegEncoder::new_with_quality(&mut bytes, 95),
                &stored,
                orientation,
            );
            12
        }
        ImageFormat::Png => {
            encode_with(PngEncoder::new(&mut bytes), &stored, orientation);
            0
        }
        _ => {
            encode_with(WebPEncoder::new_lossless(&mut bytes), &stored, orientation);
            0
        }
    };
    let found = decode_image(&bytes, "turned").unwrap().to_rgb8();
    let worst = worst(&found, &upright);
    assert!(worst <= tolerance, "{worst}");
}

#[test]
fn a_tiffs_orientation_tag_is_honoured() {
    let upright = quarters();
    // Uncompressed RGB in one strip, little-endian; orientation 6.
    let stored = stored(&upright, 6);
    let (width, height) = stored.dimensions();
    let entries: [(u16, u16, u32, u32); 10] = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 3, 8 + 2 + 10 * 12 + 4), // bits per sample, behind the directory
        (259, 3, 1, 1),                   // no compression
        (262, 3, 1, 2),                   // RGB
        (273, 4, 1, 8 + 2 + 10 * 12 + 4 + 6),
        (274, 3, 1, 6),
        (277, 3, 1, 3),
        (278, 4, 1, height),
        (279, 4, 1, width * height * 3),
    ];
    let mut bytes = b"II\x2a\0\x08\0\0\0".to_vec();
    bytes.extend(10u16.to_le_bytes());
    for (tag, kind, count, value) in entries {
        bytes.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
        bytes.extend([count.to_le_bytes(), value.to_le_bytes()].concat());
    }
    bytes.extend([0; 4]);
    bytes.extend([8, 0, 8, 0, 8, 0]);
    bytes.extend(stored.as_raw());
    let found = decode_image(&bytes, "turned.tiff").unwrap().to_rgb8();
    assert_eq!(found, upright);
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

#[rstest]
fn lossless_formats_give_the_same_pixels(
    #[values(
        ImageFormat::Png,
        ImageFormat::Bmp,
        ImageFormat::Tiff,
        ImageFormat::WebP
    )]
    format: ImageFormat,
) {
    let picture = RgbImage::from_fn(61, 43, |x, y| {
        Rgb([x as u8 * 4, y as u8 * 5, (x * y) as u8])
    });
    let image = DynamicImage::ImageRgb8(picture);
    let decoded = decode_image(&encoded(&image, format), "picture").unwrap();
    assert_eq!(processor().process(&decoded), processor().process(&image));
}

#[rstest]
fn grey_is_equal_in_all_channels(
    #[values(
        ImageFormat::Png,
        ImageFormat::Tiff,
        ImageFormat::Bmp,
        ImageFormat::Jpeg
    )]
    format: ImageFormat,
) {
    let gray = GrayImage::from_fn(40, 40, |x, y| Luma([(x * 3 + y * 2) as u8]));
    let bytes = encoded(&DynamicImage::ImageLuma8(gray), format);
    let (rgb, _) = processor().crop(&decode_image(&bytes, "gray").unwrap());
    assert!(
        rgb.pixels()
            .all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2])
    );
    assert!(rgb.pixels().any(|pixel| pixel[0] > 100) && rgb.pixels().any(|pixel| pixel[0] < 100));
}

#[rstest]
fn alpha_is_dropped_and_the_colours_beneath_are_kept(
    #[values(ImageFormat::Png, ImageFormat::WebP, ImageFormat::Tiff)] format: ImageFormat,
) {
    let colours = quarters();
    let transparent = RgbaImage::from_fn(48, 32, |x, y| {
        let [r, g, b] = colours.get_pixel(x, y).0;
        Rgba([r, g, b, (x * 5) as u8])
    });
    let bytes = encoded(&DynamicImage::ImageRgba8(transparent), format);
    let found = decode_image(&bytes, "transparent").unwrap();
    let colours = colours.into();
    let [found, colours] = [found, colours].map(|image| processor().process(&image));
    assert_eq!((found.values, found.view), (colours.values, colours.view));
}

#[test]
fn sixteen_bits_are_scaled_to_eight() {
    let colours = quarters();
    let deep = DynamicImage::ImageRgb8(colours.clone()).to_rgb16();
    let bytes = encoded(&DynamicImage::ImageRgb16(deep), ImageFormat::Png);
    let found = decode_image(&bytes, "deep.png").unwrap();
    assert_eq!(found.to_rgb8(), colours);
}

#[test]
fn an_animation_is_its_first_frame() {
    let frame = |colour: Rgb<u8>| {
        Frame::new(RgbaImage::from_pixel(
            20,
            10,
            Rgba([colour[0], colour[1], colour[2], 255]),
        ))
    };
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    let (red, blue) = (Rgb([255, 0, 0]), Rgb([0, 0, 255]));
    encoder.encode_frames([frame(red), frame(blue)]).unwrap();
    drop(encoder);
    let found = decode_image(&bytes, "animation.gif").unwrap().to_rgb8();
    assert_eq!(found, RgbImage::from_pixel(20, 10, red));
}

#[rstest]
#[case::tall(1, 100_000)]
#[case::wide(100_000, 1)]
fn a_sliver_is_cropped_without_blowing_it_up(#[case] width: u32, #[case] height: u32) {
    // Resized as a whole, its long side would have 22 million pixels.
    let clip = ImageProcessor::from_json(b"{}", "defaults").unwrap();
    let sliver = RgbImage::from_fn(width, height, |x, y| Rgb([((x + y) / 500) as u8; 3]));
    let (rgb, view) = clip.crop(&DynamicImage::ImageRgb8(sliver));
    assert_eq!(rgb.dimensions(), (224, 224));
    // The middle pixel's level.
    assert!(rgb.pixels().all(|pixel| pixel[0].abs_diff(100) <= 1));
    assert_eq!((view.width, view.height), (1.0, 1.0));
}

/// Every recipe of SigLIP and open_clip on every picture.
#[rstest]
fn pixels_are_those_of_each_familys_own_recipe(
    #[values(
        "siglip_bicubic",
        "siglip_bilinear",
        "siglip_bicubic_tall",
        "openclip_shortest_bicubic",
        "openclip_shortest_bilinear",
        "openclip_squash_bicubic",
        "openclip_squash_bilinear",
        "openclip_longest_bicubic",
        "openclip_shortest_rect",
        "hf_clip"
    )]
    recipe: &str,
) {
    let recipes = folder().with_file_name("recipes");
    let json = std::fs::read(recipes.join("recipes.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let settings = &json["recipes"][recipe];
    let bytes = std::fs::read(recipes.join("expected.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let mut compared = 0;
    for (name, view) in tensors.tensors() {
        let Some(file) = name.strip_prefix(&format!("{recipe}/")) else {
            continue;
        };
        let &[3, height, width] = view.shape() else {
            panic!("{name} has shape {:?}", view.shape())
        };
        let processor = by_recipe(settings, [height, width]);
        let path = match file {
            "crop_remainder.png" => recipes.join(file),
            file => folder().join(file),
        };
        let found = processor.process(&m2ib::open_image(path).unwrap());
        assert_eq!([found.height, found.width], [height, width], "{name}");
        let deviation = &settings["std"];
        let words = view.data().chunks_exact(4);
        let expected = words.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let differences = found.values.iter().zip(expected).enumerate();
        let levels = differences.map(|(index, (found, expected))| {
            let deviation = deviation[index / (height * width)].as_f64().unwrap();
            f64::from((found - expected).abs()) * deviation * 255.0
        });
        let worst = levels.fold(0.0, f64::max);
        let most = match file {
            // Decoders may round the inverse cosine transform differently.
            "photo.jpg" => 2.01,
            _ => 1e-3,
        };
        assert!(worst < most, "{name}: {worst} levels");
        compared += 1;
    }
    assert!(compared >= 12, "{compared}");
}

fn recorded(file: &str) -> Vec<u8> {
    std::fs::read(folder().with_file_name("recipes").join(file)).unwrap()
}

/// The bytes of a picture, channels first, as they are before they are normalised.
fn channels_first(picture: &RgbImage) -> Vec<u8> {
    let channel = |channel| picture.pixels().map(move |pixel| pixel[channel]);
    (0..3).flat_map(channel).collect()
}

/// Between the numbers of two colours there is no third colour: open_clip resizes before it looks colours up.
#[test]
fn pictures_out_of_palettes_are_resized_as_by_open_clip() {
    let bytes = recorded("palettes.safetensors");
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let (mut compared, mut interpolated) = (0, 0);
    for (name, view) in tensors.tensors() {
        let (recipe, file) = name.split_once('/').unwrap();
        let (mode, interpolation) = recipe.split_once('_').unwrap();
        let fill = if mode == "longest" { 3 } else { 0 };
        let json = serde_json::json!({"preprocess_cfg": {"resize_mode": mode,
            "interpolation": interpolation, "fill_color": fill}});
        let processor =
            ImageProcessor::open_clip(json.to_string().as_bytes(), "recipe", [32, 32]).unwrap();
        let path = folder().with_file_name("recipes/palettes").join(file);
        let picture = m2ib::open_image(path).unwrap();
        assert_eq!(view.shape(), [3, 32, 32], "{name}");
        let (found, _) = processor.crop(&picture);
        assert_eq!(channels_first(&found), view.data(), "{name}");
        // Without its palette, the same picture is one of colours.
        let (colours, _) = processor.crop(&picture.into_image());
        interpolated += usize::from(channels_first(&colours) != view.data());
        compared += 1;
    }
    assert_eq!((compared, interpolated), (27, 21));
}

#[test]
fn a_changed_picture_has_no_palette_any_more() {
    let path = folder().with_file_name("recipes/palettes/many.png");
    let picture = || m2ib::open_image(&path).unwrap();
    let kept = Adjustment::default().apply(picture());
    assert!(kept.palette().is_some());
    let window = Some("0-200".parse().unwrap());
    let background = Some("white".parse().unwrap());
    for adjustment in [
        Adjustment {
            window,
            ..Adjustment::default()
        },
        Adjustment {
            background,
            ..Adjustment::default()
        },
    ] {
        assert!(
            adjustment.apply(picture()).palette().is_none(),
            "{adjustment:?}"
        );
    }
}

/// As many whole patches as an image of that shape makes the best use of, to the byte.
#[test]
fn naflex_cuts_images_into_the_patches_of_transformers() {
    let bytes = recorded("naflex.safetensors");
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let json = br#"{"patch_size": 4, "max_num_patches": 30}"#;
    let recipe = Recipe::NaFlex { patch: 4 };
    let processor = ImageProcessor::by_recipe(json, "p.json", recipe).unwrap();
    assert_eq!(processor.output_size(), None);
    let mut shapes = BTreeSet::new();
    for (file, view) in tensors.tensors() {
        let &[3, height, width] = view.shape() else {
            panic!("{file} has shape {:?}", view.shape())
        };
        let picture = m2ib::open_image(folder().join(&file)).unwrap();
        let (found, seen) = processor.crop(&picture);
        assert_eq!(
            [found.height() as usize, found.width() as usize],
            [height, width],
            "{file}"
        );
        let levels = if file.ends_with(".jpg") { 2 } else { 0 };
        let differences = channels_first(&found).into_iter().zip(view.data());
        let worst = differences
            .map(|(found, &expected)| found.abs_diff(expected))
            .max();
        assert!(worst.unwrap() <= levels, "{file}: {worst:?} levels");
        // All of it is seen.
        assert_eq!((seen.left, seen.top), (0.0, 0.0));
        assert!(
            (seen.width - f64::from(picture.width())).abs() < 1e-9,
            "{file}"
        );
        assert!(
            (seen.height - f64::from(picture.height())).abs() < 1e-9,
            "{file}"
        );
        shapes.insert([height, width]);
    }
    assert!(shapes.len() >= 4, "{shapes:?}");
}

#[rstest]
#[case(
    r#"{"patch_size": 16}"#,
    "patch_size is 16, expected 4, the patch_size of the image tower"
)]
#[case(r#"{"patch_size": 4, "max_num_patches": 0}"#, "max_num_patches is 0")]
#[case(
    r#"{"patch_size": 4, "max_num_patches": 4294967295}"#,
    "expected 1 to 4194304"
)]
fn patches_that_do_not_fit_are_refused(#[case] json: &str, #[case] needle: &str) {
    let recipe = Recipe::NaFlex { patch: 4 };
    let error = ImageProcessor::by_recipe(json.as_bytes(), "p.json", recipe).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains(needle) && error.contains("p.json"),
        "{error}"
    );
}

fn by_recipe(settings: &serde_json::Value, [height, width]: [usize; 2]) -> ImageProcessor {
    let (mean, std) = (&settings["mean"], &settings["std"]);
    if let Some(interpolation) = settings["interpolation"].as_str() {
        let json = serde_json::json!({"preprocess_cfg": {"mean": mean, "std": std,
            "interpolation": interpolation, "resize_mode": settings["resize_mode"]}});
        let size = [height as u32, width as u32];
        return ImageProcessor::open_clip(json.to_string().as_bytes(), "recipe", size).unwrap();
    }
    let (recipe, size) = match settings["resize_mode"].as_str() {
        Some("squash") => {
            let size = serde_json::json!({"height": height, "width": width});
            (Recipe::Siglip, size)
        }
        _ => (Recipe::Clip, settings["size"].clone()),
    };
    let json = serde_json::json!({"size": size, "crop_size": size, "image_mean": mean,
        "image_std": std, "resample": settings["resample"]});
    ImageProcessor::by_recipe(json.to_string().as_bytes(), "recipe", recipe).unwrap()
}
