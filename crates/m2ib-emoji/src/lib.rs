//! A small CLIP model of emoji scenes, carried in the binary, with scenes to explain.
//!
//! 1.7 million parameters, image 96 px in 8 × 8 patches, trained on pictures composed of emoji and
//! captions that name them. Every pixel's owner is known, so explanations can be checked.
//!
//! **What this crate may know:** bytes. It names no type of any other crate.

/// `config.json` in Hugging Face's layout.
pub const CONFIG: &[u8] = include_bytes!("../model/config.json");
/// `preprocessor_config.json`.
pub const PREPROCESSOR: &[u8] = include_bytes!("../model/preprocessor_config.json");
/// `tokenizer.json`: byte pairs of a small vocabulary, lower case.
pub const TOKENIZER: &[u8] = include_bytes!("../model/tokenizer.json");
/// `tokenizer_config.json`, which transformers wants beside it.
pub const TOKENIZER_CONFIG: &[u8] = include_bytes!("../model/tokenizer_config.json");
/// `model.safetensors`, f16.
pub const WEIGHTS: &[u8] = include_bytes!("../model/model.safetensors");
/// Feature statistics of every layer, over 512 scenes and 512 captions.
pub const CALIBRATION: &[u8] = include_bytes!("../model/calibration.safetensors");

/// A picture of several emoji, of which two are named by a caption each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scene {
    /// The picture's file name without its ending.
    pub name: &'static str,
    /// The picture, 96 × 96 pixels, PNG.
    pub png: &'static [u8],
    /// The named objects.
    pub objects: [Object; 2],
}

/// One named object of a scene.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Object {
    /// Its class name.
    pub name: &'static str,
    /// A caption that names it alone.
    pub caption: &'static str,
    /// Where it is visible: a grey PNG of the scene's size, 0 outside.
    pub mask: &'static [u8],
}

macro_rules! scene {
    ($name:literal, $(($index:literal, $file:literal, $object:literal, $caption:literal)),+) => {
        Scene {
            name: $name,
            png: include_bytes!(concat!("../scenes/", $name, ".png")),
            objects: [$(Object {
                name: $object,
                caption: $caption,
                mask: include_bytes!(
                    concat!("../scenes/", $name, "_mask", $index, "_", $file, ".png")
                ),
            }),+],
        }
    };
}

/// Scenes to explain; none was trained on.
pub const SCENES: &[Scene] = &[
    scene!(
        "scene0",
        (0, "piano", "piano", "a photo of a piano"),
        (1, "money_bag", "money bag", "a photo of a money bag")
    ),
    scene!(
        "scene1",
        (0, "lock", "lock", "a photo of a lock"),
        (1, "hammer", "hammer", "a photo of a hammer")
    ),
    scene!(
        "scene2",
        (0, "koala", "koala", "a photo of a koala"),
        (1, "boot", "boot", "a photo of a boot")
    ),
    scene!(
        "scene3",
        (0, "raccoon", "raccoon", "a photo of a raccoon"),
        (1, "monkey", "monkey", "a photo of a monkey")
    ),
    scene!(
        "scene4",
        (0, "dice", "dice", "a photo of dice"),
        (1, "crown", "crown", "a photo of a crown")
    ),
    scene!(
        "scene5",
        (0, "piano", "piano", "a photo of a piano"),
        (1, "tractor", "tractor", "a photo of a tractor")
    ),
    scene!(
        "scene6",
        (0, "maple_leaf", "maple leaf", "a photo of a maple leaf"),
        (1, "hedgehog", "hedgehog", "a photo of a hedgehog")
    ),
    scene!(
        "scene7",
        (0, "scooter", "scooter", "a photo of a scooter"),
        (
            1,
            "shopping_cart",
            "shopping cart",
            "a photo of a shopping cart"
        )
    ),
];

const CLASSES: &str = include_str!("../classes.tsv");

/// The nouns the model knows, in plain English.
pub fn class_names() -> impl Iterator<Item = &'static str> {
    CLASSES
        .lines()
        .skip(1)
        .filter_map(|line| line.split('\t').nth(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_object_is_a_class() {
        assert_eq!(class_names().count(), 221);
        for object in SCENES.iter().flat_map(|scene| scene.objects) {
            assert!(
                class_names().any(|name| name == object.name),
                "{}",
                object.name
            );
            assert!(object.caption.contains(object.name));
        }
    }
}
