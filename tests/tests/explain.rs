//! The embedded model on its bundled scenes: explanations that a person would agree with, and
//! results that can be kept, read back and made again.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::LazyLock;

use m2ib::clip_input::Role;
use m2ib::emoji::{self, SCENES, Scene};
use m2ib::image::{DynamicImage, GrayImage, RgbImage};
use m2ib::ndarray::Array2;
use m2ib::{
    Attribution, Backend, Calibration, Explainer, ExplainerBuilder, Fits, Layer, Modality, Noise,
    Overrides, Preset, Warning, decode_image,
};
use rstest::rstest;

/// Pixels along a scene's side.
const SIZE: u32 = 96;

static EXPLAINER: LazyLock<Explainer> = LazyLock::new(|| Explainer::emoji().unwrap());

fn picture(scene: &Scene) -> DynamicImage {
    decode_image(scene.png, scene.name).unwrap().into_image()
}

/// The share of every cell of a map that an object covers, `[rows, columns]`.
fn coverage(scene: &Scene, object: usize, (rows, columns): (usize, usize)) -> Array2<f64> {
    let mask: GrayImage = decode_image(scene.objects[object].mask, "mask")
        .unwrap()
        .to_luma8();
    let size = [SIZE / rows as u32, SIZE / columns as u32];
    Array2::from_shape_fn((rows, columns), |(row, column)| {
        let (top, left) = (row as u32 * size[0], column as u32 * size[1]);
        let pixels = (0..size[0]).flat_map(|y| (0..size[1]).map(move |x| (left + x, top + y)));
        let covered = pixels.filter(|&(x, y)| mask.get_pixel(x, y)[0] > 127);
        covered.count() as f64 / f64::from(size[0] * size[1])
    })
}

/// The hottest cell.
fn hottest(attribution: &Attribution) -> (usize, usize) {
    let map = attribution.image.saliency().indexed_iter();
    map.max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0
}

/// The share of the map, scaled to 0..1, that lies on an object.
fn energy(attribution: &Attribution, coverage: &Array2<f64>) -> f64 {
    let map = attribution.image.normalized().mapv(f64::from);
    (&map * coverage).sum() / map.sum()
}

/// The one object of sixteen that is missed: the model sees the raccoon's face as a monkey's, so
/// the hottest patch lies there, although the monkey does get its share of heat.
const MISSED: &str = "monkey";

// Measured over seeds 0 to 3: all other hottest patches lie on their object; the object named has
// .20 to 1.0 of the nats (.72 on average, at .03 to .19 of the area), and at least 2.3 times what
// it has when the other is named.
#[rstest]
fn the_object_named_is_the_hot_spot_and_its_noun_the_strongest_word(
    #[values(0, 1, 2, 3, 4, 5, 6, 7)] scene: usize,
) {
    let scene = &SCENES[scene];
    let image = EXPLAINER.encode_image(&picture(scene)).unwrap();
    let pair = scene.objects.map(|object| {
        let text = EXPLAINER.encode_text(object.caption).unwrap();
        EXPLAINER.attribute_encoded(&image, &text).unwrap()
    });
    for (index, object) in scene.objects.iter().enumerate() {
        let (named, unnamed) = (&pair[index], &pair[1 - index]);
        let coverage = coverage(scene, index, named.image.saliency().dim());
        let on_object = coverage[hottest(named)] > 0.2;
        assert!(
            on_object || object.name == MISSED,
            "{}: {:?}",
            object.name,
            hottest(named)
        );
        let (energy, unnamed) = (energy(named, &coverage), energy(unnamed, &coverage));
        let area = coverage.mean().unwrap();
        assert!(
            energy > 3.0 * area,
            "{}: {energy} of the nats on {area}",
            object.name
        );
        assert!(
            energy > 1.5 * unnamed,
            "{}: {energy}, unnamed {unnamed}",
            object.name
        );

        let words = named.text.words();
        let strongest = words
            .iter()
            .max_by(|a, b| a.saliency.total_cmp(&b.saliency))
            .unwrap();
        assert!(
            object.name.contains(&strongest.text),
            "{}: {words:?}",
            object.name
        );
        assert_eq!(strongest.score, 1.0);
        // It says what it is, and nothing else: the scenes are what it was made for.
        assert!(
            matches!(named.warnings[..], [Warning::Toy { .. }]),
            "{:?}",
            named.warnings
        );
    }
}

/// A few steps with everything else as the embedded model's preset.
fn quick() -> ExplainerBuilder {
    quick_on(Backend::Cpu)
}

fn quick_on(backend: Backend) -> ExplainerBuilder {
    Explainer::builder(emoji::pretrained(&backend.device().unwrap()).unwrap())
        .preset(Preset::Matched)
        .calibration(emoji::calibration().unwrap())
        .steps(5)
        .samples(3)
}

const CAPTION: &str = "a photo of a money bag";

/// Of no simple proportion to the model's input, so that the view has fractions.
fn odd_picture() -> DynamicImage {
    picture(&SCENES[0]).resize_exact(131, 97, m2ib::image::imageops::FilterType::Triangle)
}

#[test]
fn an_explanation_survives_json_to_the_bit() {
    let text = Overrides {
        noise: Some(Noise::Isotropic { sigma: 0.7 }),
        ..Overrides::default()
    };
    let explainer = quick()
        .overrides(Modality::Text, text)
        .beta(1.0 / 3.0)
        .learning_rate(0.7);
    let explainer = explainer.build().unwrap();
    let long = ["a red piano"; 12].join(" and ");
    for caption in [CAPTION, &long] {
        let mut attribution = explainer.attribute(&odd_picture(), caption).unwrap();
        // Of those numbers that a quick parser gets wrong in the last bit.
        attribution.image.view.left = 239.29297820823246;
        let json = serde_json::to_string(&attribution).unwrap();
        let back: Attribution = serde_json::from_str(&json).unwrap();
        assert_eq!(back, attribution);
        assert_eq!(serde_json::to_string(&back).unwrap(), json);
    }
}

/// Results are plain data, the explainer is shared between threads.
#[test]
fn one_explainer_serves_many_threads() {
    fn plain<T: Clone + Send + Sync + serde::Serialize + serde::de::DeserializeOwned>(
        value: T,
    ) -> T {
        value
    }
    let explainer = quick().build().unwrap();
    let explain = || plain(explainer.attribute(&odd_picture(), CAPTION).unwrap());
    let (a, b) = std::thread::scope(|scope| {
        let threads = [scope.spawn(explain), scope.spawn(explain)];
        threads.map(|thread| thread.join().unwrap()).into()
    });
    assert_eq!(a, b);
}

#[test]
fn the_seed_decides_every_bit() {
    let explain = |seed| {
        let explainer = quick().seed(seed).build().unwrap();
        explainer.attribute(&odd_picture(), CAPTION).unwrap()
    };
    let attribution = explain(7);
    assert_eq!(attribution, explain(7));
    assert_eq!(attribution.provenance.seed, 7);
    let other = explain(8);
    assert_ne!(attribution.image.saliency(), other.image.saliency());
    assert_ne!(attribution.text.saliency, other.text.saliency);
    assert_eq!(attribution.similarity, other.similarity);
}

#[test]
fn attribute_is_the_composition_of_its_public_parts() {
    let explainer = quick().build().unwrap();
    let image = explainer.encode_image(&odd_picture()).unwrap();
    let text = explainer.encode_text(CAPTION).unwrap();
    let composed = explainer.attribute_encoded(&image, &text).unwrap();
    assert_eq!(
        explainer.attribute(&odd_picture(), CAPTION).unwrap(),
        composed
    );
    assert_eq!(
        explainer.similarity(&image, &text).unwrap(),
        composed.similarity
    );
    // Another partner in between leaves no trace.
    let other = explainer.encode_text("a photo of a piano").unwrap();
    assert_ne!(
        explainer.attribute_encoded(&image, &other).unwrap(),
        composed
    );
    assert_eq!(
        explainer.attribute_encoded(&image, &text).unwrap(),
        composed
    );

    let mut told = Vec::new();
    let fits = Fits::of_pair(&image.embedding, &text.embedding);
    let told_of = explainer
        .attribute_with(&image, &text, &fits, &mut |step| {
            told.push(step);
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(told_of, composed);
    let steps: Vec<_> = told.iter().map(|p| (p.modality, p.step, p.steps)).collect();
    let of = |modality| (1..=5).map(move |step| (modality, step, 5));
    assert_eq!(
        steps,
        of(Modality::Image)
            .chain(of(Modality::Text))
            .collect::<Vec<_>>()
    );
    let reports: Vec<_> = told.iter().map(|progress| progress.report).collect();
    assert_eq!(
        reports,
        [composed.image.trace, composed.text.trace].concat()
    );
}

#[test]
fn provenance_says_how_to_make_the_explanation_again() {
    let builder = quick().beta(0.3).image_layer(Layer::Block(1)).seed(11);
    let explainer = builder.build().unwrap();
    let provenance = explainer
        .attribute(&odd_picture(), CAPTION)
        .unwrap()
        .provenance;
    let made = provenance.bottlenecks().unwrap();
    assert_eq!(provenance.model, "emoji");
    let identity = explainer.model().identity().to_string();
    assert_eq!(provenance.identity, identity);
    assert_eq!(made.image, *explainer.settings(Modality::Image));
    assert_eq!(made.text, *explainer.settings(Modality::Text));
    assert_eq!(made.image.layer, Layer::Block(1));
    assert_eq!(made.text.bottleneck.beta, 0.3.into());
    assert_eq!((made.preset, provenance.seed), (Preset::Matched, 11));
    let calibration = made.calibration.as_deref().unwrap();
    let digest = emoji::calibration().unwrap().digest();
    let expected = format!("512 images and 512 captions, {digest}");
    assert_eq!(*calibration, expected);
}

#[test]
fn a_caption_that_is_cut_is_warned_of() {
    let caption = format!("{} and a boot", ["a photo of a piano"; 5].join(" "));
    let attribution = quick()
        .build()
        .unwrap()
        .attribute(&odd_picture(), &caption)
        .unwrap();
    let is_cut = |warning: &&Warning| matches!(warning, Warning::CaptionCut { .. });
    let Some(Warning::CaptionCut {
        left_out,
        tokens,
        positions,
    }) = attribution.warnings.iter().find(is_cut)
    else {
        panic!("{:?}", attribution.warnings)
    };
    assert!(
        left_out.ends_with("and a boot") && caption.ends_with(left_out.as_str()),
        "{left_out}"
    );
    assert_eq!(*positions, 24);
    assert!(*tokens > 24);
    assert_eq!(attribution.text.saliency.len(), 24);
    assert_eq!(attribution.text.caption.text, caption);
    assert_eq!(
        attribution.text.caption.tokens.last().unwrap().role,
        Role::End
    );
}

#[test]
fn words_are_the_captions_own_bytes() {
    let caption = "  A PHOTO\tof  a\u{a0}Piano,  and a hedgehog! ";
    let encoded = quick().build().unwrap().encode_text(caption).unwrap();
    let words: Vec<_> = {
        let caption = encoded.caption();
        let pieces = caption
            .tokens
            .iter()
            .filter(|token| token.role == Role::Piece);
        let mut words: Vec<(Option<usize>, String)> = Vec::new();
        for token in pieces {
            let text = &caption.text[token.span.clone()];
            match words.last_mut() {
                Some((word, spelt)) if *word == token.word => spelt.push_str(text),
                _ => words.push((token.word, text.into())),
            }
        }
        words.into_iter().map(|(_, spelt)| spelt).collect()
    };
    assert_eq!(
        words,
        [
            "A", "PHOTO", "of", "a", "Piano", ",", "and", "a", "hedgehog", "!"
        ]
    );
}

#[test]
fn a_calibration_is_the_same_after_either_file() {
    let explainer = quick().build().unwrap();
    let pictures: Vec<_> = SCENES[..3].iter().map(picture).collect();
    let captions = SCENES[..3]
        .iter()
        .flat_map(|scene| scene.objects)
        .map(|object| object.caption);
    let calibration = explainer.calibrate(&pictures, captions).unwrap();
    assert_eq!((calibration.images, calibration.captions), (3, 6));
    assert_eq!(calibration.image.len(), 7);
    assert_eq!(calibration.text.len(), 4);

    let explain = |calibration| {
        let explainer = quick().calibration(calibration).build().unwrap();
        explainer.attribute(&odd_picture(), CAPTION).unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let expected = explain(calibration.clone());
    for name in ["calibration.json", "calibration.safetensors"] {
        let path = folder.path().join(name);
        calibration.save(&path).unwrap();
        let loaded = Calibration::load(&path).unwrap();
        assert_eq!(loaded, calibration);
        assert_eq!(explain(loaded), expected);
    }
}

#[test]
fn the_embedded_calibration_is_the_embedded_models() {
    let pictures: Vec<_> = SCENES.iter().map(picture).collect();
    let captions: Vec<_> = emoji::class_names()
        .map(|name| format!("a photo of a {name}"))
        .collect();
    let captions = captions.iter().map(String::as_str);
    let own = EXPLAINER.calibrate(&pictures, captions).unwrap();
    let embedded = emoji::calibration().unwrap();
    assert_eq!(embedded.identity, own.identity);
    for (own, embedded) in [(own.image, embedded.image), (own.text, embedded.text)] {
        assert!(own.keys().eq(embedded.keys()));
        for (layer, own) in own {
            let embedded = &embedded[&layer];
            // Eight scenes and one template differ from 512 of each, but not by much:
            // measured, means by .07 to .21 deviations, deviations by a factor of .83 to 1.03.
            let mean = |values: Vec<f32>| values.iter().sum::<f32>() / values.len() as f32;
            let pairs = || {
                own.mean
                    .iter()
                    .zip(&embedded.mean)
                    .zip(own.std.iter().zip(&embedded.std))
            };
            let shift = mean(pairs().map(|((a, b), (_, s))| (a - b).abs() / s).collect());
            let ratio = mean(pairs().map(|(_, (a, b))| a / b).collect());
            assert!(
                shift < 0.4 && (0.7..1.3).contains(&ratio),
                "{layer}: {shift} {ratio}"
            );
        }
    }
}

#[test]
#[cfg(feature = "ndarray")]
fn backends_agree() {
    let explain = |backend| {
        let explainer = quick_on(backend).build().unwrap();
        explainer.attribute(&odd_picture(), CAPTION).unwrap()
    };
    let (a, b) = (explain(Backend::Cpu), explain(Backend::NdArray));
    assert!((a.similarity - b.similarity).abs() < 1e-5);
    let largest = a.image.saliency().iter().copied().fold(0.0, f32::max);
    for (a, b) in a.image.saliency().iter().zip(b.image.saliency()) {
        assert!((a - b).abs() < 1e-3 * largest, "{a} {b}");
    }
    let largest = a.text.saliency.iter().copied().fold(0.0, f32::max);
    for (a, b) in a.text.saliency.iter().zip(&b.text.saliency) {
        assert!((a - b).abs() < 1e-3 * largest, "{a} {b}");
    }
    assert_ne!(a.provenance.backend, b.provenance.backend);
}

#[test]
fn what_was_cropped_away_is_not_seen() {
    let wide = DynamicImage::ImageRgb8(RgbImage::from_fn(300, 100, |x, y| {
        m2ib::image::Rgb([x as u8, y as u8, 0])
    }));
    let attribution = quick().build().unwrap().attribute(&wide, CAPTION).unwrap();
    let map = attribution.image.heat_map();
    assert_eq!(map.values.dim(), (100, 300));
    assert_eq!(
        (map.seen.left, map.seen.right, map.seen.top, map.seen.bottom),
        (100, 200, 0, 100)
    );
    let (inside, outside): (Vec<_>, Vec<_>) = map
        .values
        .indexed_iter()
        .partition(|((y, x), _)| map.seen.contains(*x as u32, *y as u32));
    assert!(outside.iter().all(|(_, value)| **value == 0.0));
    assert!(inside.iter().any(|(_, value)| **value == 1.0));
}
