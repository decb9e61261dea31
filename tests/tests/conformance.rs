//! Every backend that is compiled in computes the same, within the tolerances below.
//!
//! The others are compiled in by features of this package: `--features wgpu`, `--features tch`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use clip_model::{DualEncoder, ImageTower, TextTower, Tower, TraceOptions, Trainable};
use m2ib::image::{DynamicImage, Rgb, RgbImage};
use m2ib::{
    Attribution, Backend, Error, Explainer, ExplainerBuilder, Noise, Precision, Preset, emoji,
};
use m2ib_core::{NoiseSource, SeededNoise};
use m2ib_tests::case::Case;
use m2ib_tests::parity;
use m2ib_tests::toy::Toy;

/// How far a backend may be from the CPU's results, in shares of the largest value.
///
/// Sums are taken in another order everywhere, which costs a few units in the last place (6e-8) a
/// layer. A solution amplifies that: Adam divides by the gradient's own size, so that where it is
/// nearly zero its rounding decides the update.
struct Tolerance {
    forward: f32,
    gradient: f32,
    solution: f32,
    /// Of the bounds that recorded cases are held to.
    parity: f64,
}

/// The same for matrices of 16 bits: a few of the format's own roundings (5e-4 and 4e-3), the
/// same on every backend.
fn coarse_tolerance(precision: Precision) -> Tolerance {
    let (forward, solution) = match precision {
        Precision::F32 => unreachable!("has the backend's own"),
        Precision::F16 => (2e-3, 2e-2),
        Precision::Bf16 => (2e-2, 2e-1),
    };
    Tolerance {
        forward,
        gradient: forward,
        solution,
        parity: f64::INFINITY,
    }
}

fn tolerance(backend: Backend) -> Tolerance {
    match backend {
        // The same arithmetic on the host.
        Backend::Cpu | Backend::NdArray | Backend::Tch => Tolerance {
            forward: 1e-5,
            gradient: 1e-5,
            solution: 1e-3,
            parity: 1.0,
        },
        // Shading languages promise less of exp and sqrt: 3 units in the last place and more.
        _ => Tolerance {
            forward: 3e-5,
            gradient: 5e-5,
            solution: 3e-3,
            // One small saliency, relative to itself, is 1.4e-4 off with Mesa's software Vulkan.
            parity: 3.0,
        },
    }
}

/// Runs a check on every backend that is compiled in.
fn each(check: impl Fn(Backend, &Device)) {
    for backend in Backend::compiled() {
        let device = backend.device().unwrap();
        check(backend, &device);
    }
}

fn reference() -> Device {
    Backend::Cpu.device().unwrap()
}

/// Standard normal numbers, the same on every device.
fn random<const D: usize>(seed: u64, shape: [usize; D], device: &Device) -> Tensor<D> {
    let noise = SeededNoise::new(seed, 9);
    let values = noise.draw(0, 0..1, [1, 1, shape.iter().product()]).unwrap();
    Tensor::from_data(TensorData::new(values, shape), device)
}

fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_vec_as::<f32>().unwrap()
}

#[track_caller]
fn close(what: &str, backend: Backend, found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len(), "{what} on {backend}");
    let largest = expected
        .iter()
        .fold(0.0f32, |largest, x| largest.max(x.abs()));
    for (found, expected) in found.iter().zip(expected) {
        // A NaN is not close.
        let close = (found - expected).abs() <= tolerance * largest;
        assert!(
            close,
            "{what} on {backend}: {found}, expected {expected} of {largest}"
        );
    }
}

fn toy(device: &Device) -> DualEncoder {
    Toy::new(1).load(device).unwrap()
}

fn picture() -> DynamicImage {
    DynamicImage::ImageRgb8(RgbImage::from_fn(50, 41, |x, y| {
        Rgb([x as u8 * 5, y as u8 * 6, (x ^ y) as u8])
    }))
}

const CAPTION: &str = "a photo of a red piano";

#[test]
fn recorded_cases_of_the_reference_method_are_met() {
    each(|backend, device| {
        for case in [
            "tiny",
            "tiny-gelu",
            "tiny-matched",
            "tiny-sigma",
            "tiny-few-gates",
            "tiny-two-sided",
        ] {
            // Where it runs, not where it was built: scripts/gpu.sh takes it elsewhere.
            let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap();
            let folder = Path::new(&here).join("data/parity").join(case);
            let checks = parity::run(&Case::open(folder).unwrap(), device, 1).unwrap();
            let factor = tolerance(backend).parity;
            let holds = |check: &parity::Check| check.difference <= factor * check.bound;
            let broken: Vec<_> = checks.iter().filter(|check| !holds(check)).collect();
            assert!(broken.is_empty(), "{case} on {backend}: {broken:#?}");
        }
    });
}

/// Towers with other parts than CLIP's: attention that reads out and padding that is seen, norms behind
/// the sums, two layers in place of a projection.
const FAMILIES: [&str; 3] = ["siglip", "biomedclip", "openclip-custom-text"];

fn family(name: &str) -> std::path::PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap();
    Path::new(&here).join("data/families").join(name)
}

#[test]
fn recorded_cases_of_other_families_are_met() {
    each(|backend, device| {
        for case in FAMILIES {
            let checks = parity::run(&Case::open(family(case)).unwrap(), device, 1).unwrap();
            let factor = tolerance(backend).parity;
            let holds = |check: &parity::Check| check.difference <= factor * check.bound;
            let broken: Vec<_> = checks.iter().filter(|check| !holds(check)).collect();
            assert!(broken.is_empty(), "{case} on {backend}: {broken:#?}");
        }
    });
}

#[test]
fn matrices_of_16_bits_embed_nearly_the_same_in_other_families() {
    each(|backend, device| {
        for (case, precision) in FAMILIES
            .iter()
            .flat_map(|case| [(case, Precision::F16), (case, Precision::Bf16)])
            .filter(|(_, precision)| {
                Precision::supported_by(device).any(|supported| supported == *precision)
            })
        {
            let folder = family(case);
            let case = Case::open(&folder).unwrap();
            let mut model = Trainable::load(folder.join("model"), device).unwrap();
            model.set_precision(precision).unwrap();
            let pixels = case.tensor("pixel_values").unwrap();
            let shape: [usize; 4] = pixels.shape.try_into().unwrap();
            let pixels = Tensor::<4>::from_data(TensorData::new(pixels.data, shape), device);
            let image = &model.image;
            let layout = image.layout([shape[2], shape[3]]).unwrap();
            let image = image.read_out(0, image.embed(pixels).unwrap(), &layout);
            let (text, ids) = (&model.text, case.ids().unwrap());
            let layout = text.layout_of_ids(&ids).unwrap();
            let text = text.read_out(0, text.embed(text.ids(&ids).unwrap()), &layout);
            for (side, found) in [("image", host(image)), ("text", host(text))] {
                let expected = case.tensor(&format!("expected.{side}_embeds")).unwrap();
                let what = format!("{precision} {side} embedding of {}", folder.display());
                let tolerance = 2.0 * coarse_tolerance(precision).forward;
                close(&what, backend, &found, &expected.data, tolerance);
            }
        }
    });
}

#[test]
fn hidden_states_and_embeddings_agree() {
    let states = |device: &Device| {
        let model = toy(device);
        let options = TraceOptions {
            hidden: true,
            ..Default::default()
        };
        let pixels = model
            .pixels(&model.processor().process(&picture()))
            .unwrap();
        let tower = model.image();
        let layout = &tower.layout([32, 32]).unwrap();
        let trace = tower.trace(tower.embed(pixels).unwrap(), layout, options);
        let mut states: Vec<_> = (0..trace.hidden_states())
            .map(|index| host(trace.hidden_state(index).unwrap()))
            .collect();
        states.push(host(tower.read_out(tower.depth(), trace.output(), layout)));
        let caption = model.tokenizer().encode(CAPTION).unwrap();
        let ids = caption.ids();
        let tower = model.text();
        let layout = tower.layout(&caption).unwrap();
        let trace = tower.trace(tower.embed(tower.ids(&ids).unwrap()), &layout, options);
        states.extend(
            (0..trace.hidden_states()).map(|index| host(trace.hidden_state(index).unwrap())),
        );
        states.push(host(tower.read_out(tower.depth(), trace.output(), &layout)));
        states
    };
    let expected = states(&reference());
    each(|backend, device| {
        let found = states(device);
        assert_eq!(found.len(), expected.len());
        for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let what = format!("hidden state {index}");
            close(&what, backend, found, expected, tolerance(backend).forward);
        }
    });
}

#[test]
fn the_way_back_agrees_with_automatic_differentiation_and_with_the_cpu() {
    let gradients = |device: &Device| {
        let model = toy(device);
        let tower = model.image();
        let layout = tower.layout([32, 32]).unwrap();
        let (latent, weight) = (random(2, [2, 17, 32], device), random(3, [2, 16], device));
        let by_hand = tower
            .read_out_with_pullback(1, latent.clone(), &layout)
            .pull_back(weight.clone());
        let leaf = latent.autodiff().require_grad();
        let score = (tower.read_out(1, leaf.clone(), &layout) * weight).sum();
        let traced = leaf.grad(&score.backward()).unwrap();
        [host(by_hand), host(traced)]
    };
    let [expected, _] = gradients(&reference());
    each(|backend, device| {
        let [by_hand, traced] = gradients(device);
        let tolerance = tolerance(backend).gradient;
        close("gradient by hand", backend, &by_hand, &expected, tolerance);
        close("traced gradient", backend, &traced, &expected, tolerance);
    });
}

/// Attention that reads out, among others, whose query is one for all of a batch.
#[test]
fn the_way_back_of_other_families_agrees_with_the_cpu() {
    let found = |case: &str, device: &Device| {
        let folder = family(case);
        let model = Trainable::load(folder.join("model"), device).unwrap();
        let pixels = Case::open(&folder).unwrap().tensor("pixel_values").unwrap();
        let image = &model.image;
        let layout = image.layout([pixels.shape[2], pixels.shape[3]]).unwrap();
        let latent = random(2, [3, layout.tokens.len(), image.width()], device);
        let read_out = image.read_out_with_pullback(1, latent, &layout);
        let embedding = read_out.embedding.clone();
        let weight = random(3, embedding.dims(), device);
        [host(embedding), host(read_out.pull_back(weight))]
    };
    each(|backend, device| {
        for case in FAMILIES {
            let expected = found(case, &reference());
            let [embedding, gradient] = found(case, device);
            let tolerance = tolerance(backend);
            let what = |what: &str| format!("{what} of {case}");
            let close = |name, found: &[f32], expected: &[f32], tolerance| {
                close(&what(name), backend, found, expected, tolerance);
            };
            close("embedding", &embedding, &expected[0], tolerance.forward);
            close("gradient", &gradient, &expected[1], tolerance.gradient);
        }
    });
}

fn quick(device: &Device) -> ExplainerBuilder {
    Explainer::builder(toy(device))
        .preset(Preset::Released)
        .steps(4)
        .samples(3)
        .seed(5)
}

fn maps(attribution: &Attribution) -> [Vec<f32>; 2] {
    [
        attribution.image.saliency().iter().copied().collect(),
        attribution.text.saliency.clone(),
    ]
}

#[test]
fn a_seed_gives_the_same_explanation_on_all_and_the_same_bits_twice_on_one() {
    let explain = |device: &Device| {
        let explainer = quick(device).build().unwrap();
        maps(&explainer.attribute(&picture(), CAPTION).unwrap())
    };
    let expected = explain(&reference());
    each(|backend, device| {
        let found = explain(device);
        assert_eq!(found, explain(device), "{backend}");
        for (found, expected) in found.iter().zip(&expected) {
            close("map", backend, found, expected, tolerance(backend).solution);
        }
    });
}

#[test]
fn matched_noise_from_an_images_own_patches_agrees() {
    let explain = |device: &Device| {
        let own = m2ib::Overrides {
            noise: Some(Noise::Matched),
            ..Default::default()
        };
        let builder = quick(device).overrides(m2ib::Modality::Image, own);
        let explainer = builder.build().unwrap();
        maps(&explainer.attribute(&picture(), CAPTION).unwrap())
    };
    let [expected, _] = explain(&reference());
    each(|backend, device| {
        let [found, _] = explain(device);
        close(
            "map",
            backend,
            &found,
            &expected,
            tolerance(backend).solution,
        );
    });
}

#[test]
fn many_pairs_are_explained_as_one_by_one() {
    each(|backend, device| {
        let explainer = quick(device).build().unwrap();
        let image = explainer.encode_image(&picture()).unwrap();
        let texts = [CAPTION, "a red piano", "a photo of a red tractor"]
            .map(|caption| explainer.encode_text(caption).unwrap());
        let pairs: Vec<_> = texts.iter().map(|text| (&image, text)).collect();
        let many = explainer.attribute_many(&pairs);
        assert_eq!(many.len(), 3);
        for ((image, text), found) in pairs.into_iter().zip(many) {
            let expected = explainer.attribute_encoded(image, text).unwrap();
            for (found, expected) in maps(&found.unwrap()).iter().zip(&maps(&expected)) {
                close("map", backend, found, expected, tolerance(backend).solution);
            }
        }
    });
}

#[test]
fn the_embedded_model_names_the_same_word() {
    each(|backend, device| {
        let explainer = Explainer::builder(emoji::pretrained(device).unwrap())
            .preset(Preset::Matched)
            .calibration(emoji::calibration().unwrap())
            .steps(6)
            .samples(2)
            .build()
            .unwrap();
        let scene = &emoji::SCENES[0];
        let image = m2ib::decode_image(scene.png, scene.name).unwrap();
        let attribution = explainer
            .attribute(&image, scene.objects[0].caption)
            .unwrap();
        let words = attribution.text.words();
        let strongest = words
            .iter()
            .max_by(|a, b| a.saliency.total_cmp(&b.saliency))
            .unwrap();
        assert_eq!(strongest.text, scene.objects[0].name, "{backend}");
    });
}

#[test]
fn matrices_of_16_bits_explain_nearly_the_same() {
    let explain = |device: &Device, precision| {
        let mut model = toy(device);
        model.set_precision(precision)?;
        let explainer = Explainer::builder(model).preset(Preset::Released);
        let explainer = explainer.steps(4).samples(3).seed(5);
        let explainer = explainer.build().unwrap();
        let image = explainer.encode_image(&picture()).unwrap();
        let text = explainer.encode_text(CAPTION).unwrap();
        let attribution = explainer.attribute_encoded(&image, &text).unwrap();
        assert_eq!(attribution.provenance.precision, precision.to_string());
        let embeddings = [host(image.embedding), host(text.embedding)];
        Ok::<_, clip_model::Error>((embeddings, maps(&attribution)))
    };
    let (embeddings, expected) = explain(&reference(), Precision::F32).unwrap();
    each(|backend, device| {
        for precision in [Precision::F16, Precision::Bf16] {
            if !Precision::supported_by(device).any(|supported| supported == precision) {
                let error = explain(device, precision).unwrap_err().to_string();
                let named = error.contains(&precision.to_string()) && error.contains("f32");
                assert!(named, "{error}");
                continue;
            }
            let tolerance = coarse_tolerance(precision);
            let (found_embeddings, found) = explain(device, precision).unwrap();
            let what = format!("{precision} embedding");
            for (found, expected) in found_embeddings.iter().zip(&embeddings) {
                close(&what, backend, found, expected, tolerance.forward);
            }
            let what = format!("{precision} map");
            for (found, expected) in found.iter().zip(&expected) {
                close(&what, backend, found, expected, tolerance.solution);
            }
        }
    });
}

#[test]
fn encodings_are_refused_on_another_device_than_their_own() {
    let home = quick(&reference()).build().unwrap();
    let image = home.encode_image(&picture()).unwrap();
    let text = home.encode_text(CAPTION).unwrap();
    each(|backend, device| {
        let abroad = quick(device).build().unwrap();
        let result = abroad.attribute_encoded(&image, &text);
        match backend {
            Backend::Cpu => assert!(result.is_ok()),
            _ => {
                let error = result.unwrap_err();
                assert!(matches!(error, Error::Encoded { .. }), "{error}");
                let [from, to] = [&reference(), device].map(|x| format!("{:?}", x.as_dispatch()));
                let error = error.to_string();
                assert!(error.contains(&from) && error.contains(&to), "{error}");
            }
        }
    });
}
