//! A fit that this project does not have, brought along from outside: why this caption rather than
//! that one? Everything that needs a score and its gradient takes it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;

use burn::tensor::Tensor;
use m2ib::emoji::{self, Scene};
use m2ib::image::DynamicImage;
use m2ib::m2ib_core::{Cosine, Fit, Result};
use m2ib::ndarray::Array2;
use m2ib::{Attribution, Backend, DualEncoder, Explainer, Fits, Preset, Unit, decode_image};
use m2ib_methods::{
    Chefer, GradCam, GradEclip, IntegratedGradients, KernelShap, Method, Occlusion, Rise, Saliency,
    Subject,
};

/// Cosine with one embedding minus cosine with another.
#[derive(Debug)]
struct Rather {
    this: Cosine,
    than: Cosine,
}

impl Fit for Rather {
    fn value(&self, embedding: Tensor<2>) -> Result<Tensor<1>> {
        Ok(self.this.value(embedding.clone())? - self.than.value(embedding)?)
    }

    fn describe(&self) -> String {
        "one caption rather than another".into()
    }
}

struct Question {
    model: DualEncoder,
    scene: &'static Scene,
    image: DynamicImage,
}

impl Question {
    fn new() -> Self {
        let device = Backend::Cpu.device().unwrap();
        let scene = &emoji::SCENES[0];
        Self {
            model: emoji::pretrained(&device).unwrap(),
            scene,
            image: decode_image(scene.png, scene.name).unwrap().into_image(),
        }
    }

    fn explainer(&self) -> Explainer {
        Explainer::builder(self.model.clone())
            .preset(Preset::Matched)
            .calibration(emoji::calibration().unwrap())
            .steps(20)
            .build()
            .unwrap()
    }

    /// Of the image, the first caption rather than the second; of the first caption, the image.
    fn fits(&self, explainer: &Explainer) -> Fits {
        let captions = self.scene.objects.each_ref().map(|object| object.caption);
        let [this, than] = captions.map(|caption| explainer.encode_text(caption).unwrap());
        let image = explainer.encode_image(&self.image).unwrap();
        Fits {
            image: Arc::new(Rather {
                this: Cosine::new(this.embedding.clone()),
                than: Cosine::new(than.embedding),
            }),
            ..Fits::of_pair(&image.embedding, &this.embedding)
        }
    }

    fn subject(&self, fits: &Fits) -> Subject<'_> {
        let caption = self.scene.objects[0].caption;
        let subject = Subject::new(&self.model, &self.image, caption).unwrap();
        subject.with_fits(fits.clone())
    }

    /// The share of a map that lies on an object of the scene.
    fn share(&self, map: &Array2<f32>, object: usize) -> f32 {
        let mask = self.scene.objects[object].mask;
        let mask = decode_image(mask, "mask").unwrap().to_luma8();
        let patch = mask.height() as usize / map.nrows();
        let mut on = 0.0;
        for (x, y, pixel) in mask.enumerate_pixels() {
            if pixel.0[0] > 0 {
                on += map[[y as usize / patch, x as usize / patch]];
            }
        }
        on / (map.sum() * (patch * patch) as f32)
    }
}

#[test]
fn the_bottleneck_holds_up_what_the_fit_wants() {
    let question = Question::new();
    let explainer = question.explainer();
    let fits = question.fits(&explainer);
    let image = explainer.encode_image(&question.image).unwrap();
    let caption = question.scene.objects[0].caption;
    let text = explainer.encode_text(caption).unwrap();
    let plain = explainer.attribute_encoded(&image, &text).unwrap();
    let rather = explainer
        .attribute_with(&image, &text, &fits, &mut m2ib::unwatched)
        .unwrap();

    assert_eq!(rather.similarity, plain.similarity);
    assert_eq!(rather.text, plain.text);
    let recorded = &rather.provenance.fits;
    assert_eq!(recorded.image, "one caption rather than another");
    assert_eq!(recorded.text, plain.provenance.fits.text);
    let json = serde_json::to_string(&rather).unwrap();
    assert_eq!(serde_json::from_str::<Attribution>(&json).unwrap(), rather);

    let alone = explainer.attribute_image(&image, fits.image.clone());
    assert_eq!(alone.unwrap(), rather.image);
    // What tells the captions apart lies on the two objects that they name.
    let on_both = |attribution: &Attribution| {
        let map = attribution.image.saliency();
        question.share(map, 0) + question.share(map, 1)
    };
    assert_ne!(rather.image.saliency(), plain.image.saliency());
    assert!(on_both(&rather) > 0.5, "{}", on_both(&rather));
}

#[test]
fn every_method_of_scores_and_gradients_takes_it() {
    let question = Question::new();
    let fits = question.fits(&question.explainer());
    let caption = question.scene.objects[0].caption;
    let plain = Subject::new(&question.model, &question.image, caption).unwrap();
    let rather = question.subject(&fits);
    let few = Rise {
        masks: 60,
        ..Default::default()
    };
    let methods: [&dyn Method; 8] = [
        &Saliency,
        &IntegratedGradients { steps: 5 },
        &GradCam::default(),
        &GradEclip::default(),
        &Chefer::default(),
        &few,
        &KernelShap {
            samples: 80,
            ..Default::default()
        },
        &Occlusion::default(),
    ];
    for method in methods {
        let name = method.factory().name();
        let found = method.attribute_image(&rather).unwrap();
        let expected = method.attribute_image(&plain).unwrap();
        assert_ne!(found.saliency(), expected.saliency(), "{name}");
        assert_eq!(expected.unit, method.unit(), "{name}");
        assert_eq!(
            found.unit,
            Unit::Arbitrary,
            "{name}: the fit says of no unit"
        );
        let provenance = method.provenance(&rather);
        assert_eq!(provenance.fits, fits.record(), "{name}");
        // The caption is asked what it always is.
        let found = method.tokens(&rather).unwrap();
        for (found, expected) in found.iter().zip(method.tokens(&plain).unwrap()) {
            assert!(
                (found - expected).abs() < 1e-5,
                "{name}: {found} {expected}"
            );
        }
    }
}

/// Two methods that owe it to the sum: what the image adds to the fit of a blank one.
#[test]
fn contributions_sum_to_what_the_image_adds_to_the_fit() {
    let question = Question::new();
    let fits = question.fits(&question.explainer());
    let subject = question.subject(&fits);
    let whole = subject.image_score().unwrap();
    assert!((whole - subject.similarity()).abs() > 0.01, "another score");
    let blank = vec![0.0; subject.pixels().values.len()];
    let blank = subject.with_pixels(blank).unwrap().image_score().unwrap();
    let shap = KernelShap {
        samples: 80,
        ..Default::default()
    };
    let gradients = IntegratedGradients { steps: 200 };
    for (method, tolerance) in [(&shap as &dyn Method, 1e-4), (&gradients, 0.02)] {
        let sum = method.patches(&subject).unwrap().sum();
        let name = method.factory().name();
        assert!(
            (sum - (whole - blank)).abs() < tolerance,
            "{name}: {sum} {whole} {blank}"
        );
    }
}
