//! What a user meets whose graphics adapter is missing or too small.

#![cfg(feature = "wgpu")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::env;
use std::process::Command;
use std::sync::Arc;

use burn::tensor::Tensor;
use m2ib::{Backend, Explainer, decode_image, emoji};
use m2ib_core::{Bottleneck, Cosine, Error, NoiseModel, Problem, Readout, SeededNoise, Settings};

/// A read-out that needs more memory on the way than any device has.
struct Wasteful;

impl Readout for Wasteful {
    fn read(&self, latent: Tensor<3>) -> Tensor<2> {
        let [batch, _, width] = latent.dims();
        // 2 TB, of which a corner is used.
        let much = latent.sum_dim(1).expand([batch, 1 << 36, width]) + 1.0;
        much.narrow(1, 0, 1).squeeze_dim(1)
    }
}

#[test]
fn a_full_memory_is_an_error_that_leaves_the_device_usable() {
    let device = Backend::Wgpu.device().unwrap();
    let problem = Problem {
        latent: Tensor::ones([1, 5, 8], &device),
        noise_model: NoiseModel::Isotropic(1.0),
        fit: Arc::new(Cosine::new(Tensor::ones([1, 8], &device))),
        stream: 0,
    };
    let bottleneck = Bottleneck::new(Settings {
        steps: 2,
        samples: 1,
        ..Settings::default()
    });
    let noise = SeededNoise::new(0, 0);
    let result = bottleneck
        .unwrap()
        .solve(&problem, &Wasteful, &noise, &mut |_| {});
    let error = result.unwrap_err();
    assert!(matches!(error, Error::OutOfMemory { .. }), "{error:?}");
    assert!(!error.to_string().contains('\n'), "{error}");

    let scene = &emoji::SCENES[0];
    let explainer = Explainer::builder(emoji::pretrained(&device).unwrap())
        .sigma(1.0)
        .steps(2)
        .build();
    let image = decode_image(scene.png, scene.name).unwrap();
    let caption = scene.objects[0].caption;
    explainer.unwrap().attribute(&image, caption).unwrap();
}

/// Set for the process that sees no adapter.
const CHILD: &str = "M2IB_TEST_WITHOUT_ADAPTER";

#[cfg(target_os = "linux")]
#[test]
fn without_an_adapter_the_error_says_how_to_get_one() {
    if env::var_os(CHILD).is_some() {
        assert!(Backend::Wgpu.devices().is_empty());
        let error = Backend::Wgpu.device().unwrap_err().to_string();
        let told = ["\"wgpu\"", "no graphics adapter", "mesa-vulkan-drivers"];
        assert!(told.iter().all(|word| error.contains(word)), "{error}");
        return;
    }
    // Drivers are looked up once a process.
    let nowhere = [
        "VK_DRIVER_FILES",
        "VK_ICD_FILENAMES",
        "__EGL_VENDOR_LIBRARY_FILENAMES",
    ]
    .map(|name| (name, "/nonexistent"));
    let child = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "without_an_adapter_the_error_says_how_to_get_one",
        ])
        .envs(nowhere)
        .env(CHILD, "yes")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success() && said.contains("1 passed"),
        "{said}"
    );
}
