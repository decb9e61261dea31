//! Every method says the same on every backend that is compiled in.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use m2ib::{Backend, Device, emoji};
use m2ib_methods::{Registry, Subject};

/// With few steps, passes and samples: what is asked is whether backends agree.
fn text(name: &str) -> String {
    let few = match name {
        m2ib if m2ib.starts_with("m2ib") => ":steps=3:samples=2",
        "nib" | "integrated-gradients" => ":steps=3",
        "coiba" => ":steps=3:samples=2",
        "rise" => ":masks=8:text-masks=8",
        "kernel-shap" => ":samples=80",
        "occlusion" => ":window=3",
        _ => "",
    };
    format!("{name}{few}")
}

/// Image and text, of the first scene.
fn explain(name: &str, device: &Device) -> [Vec<f32>; 2] {
    let model = emoji::pretrained(device).unwrap();
    let calibration = emoji::calibration().unwrap();
    let scene = &emoji::SCENES[0];
    let image = m2ib::decode_image(scene.png, scene.name).unwrap();
    let subject = Subject::new(&model, &image, scene.objects[0].caption).unwrap();
    let factory = Registry::standard().parse(&text(name)).unwrap();
    let method = factory.build(&model, Some(&calibration)).unwrap();
    let attribution = method.attribute(&subject).unwrap();
    let map = attribution.image.saliency().iter().copied().collect();
    [map, attribution.text.saliency]
}

#[test]
fn all_methods_agree_with_the_cpu() {
    let reference = Backend::Cpu.device().unwrap();
    for method in Registry::standard().methods() {
        let name = method.name();
        let expected = explain(name, &reference);
        // Shapley values divide small differences of similarities, Finer-CAM's gradient is of one; the
        // bottleneck's optimiser divides gradients by their own size.
        let tolerance = match name {
            "kernel-shap" | "finer-cam" => 1e-2,
            m2ib if m2ib.starts_with("m2ib") || m2ib == "coiba" => 1e-2,
            _ => 1e-3,
        };
        for backend in Backend::compiled() {
            let found = explain(name, &backend.device().unwrap());
            for (found, expected) in found.iter().zip(&expected) {
                let largest = expected.iter().fold(0.0f32, |most, x| most.max(x.abs()));
                assert_eq!(found.len(), expected.len());
                for (found, expected) in found.iter().zip(expected) {
                    // A NaN is not close.
                    let close = (found - expected).abs() <= tolerance * largest;
                    assert!(
                        close,
                        "{name} on {backend}: {found}, expected {expected} of {largest}"
                    );
                }
            }
        }
    }
}
