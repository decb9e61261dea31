//! What more is asked of a pair than where: rather than what, how sure, which word with which patch, at
//! other prices, and cut into a mask.

use axum::http::StatusCode;
use m2ib::emoji::SCENES;
use m2ib::ndarray::Array2;
use m2ib::segment::Segmenter;
use m2ib::{Against, Ask, Attribution, Explainer, Interactions};
use serde_json::{Value, json};

use crate::client::{Answer, Client, ENDLESS, HEDGEHOG, SCENE, id, model};
use m2ib_serve::Limits;

const LEAF: &str = "a photo of a maple leaf";

/// Slow enough that its steps are heard of.
const METHOD: &str = "m2ib-fast:steps=40";
const STEPS: usize = 40;

fn explainer(beta: Option<f64>) -> Explainer {
    let mut builder = Explainer::builder(model())
        .preset(m2ib::Preset::Fast)
        .steps(STEPS)
        .calibration(m2ib::emoji::calibration().unwrap());
    if let Some(beta) = beta {
        builder = builder.beta(beta);
    }
    builder.build().unwrap()
}

/// What the library says of the scene.
fn asked(explainer: &Explainer, ask: &Ask) -> Attribution {
    let image = m2ib::decode_image(SCENE, "scene").unwrap();
    let image = explainer.encode_image(&image).unwrap();
    let text = explainer.encode_text(HEDGEHOG).unwrap();
    explainer
        .ask(&image, &text, ask, &mut m2ib::unwatched)
        .unwrap()
}

fn same(rows: &Value, expected: &Array2<f32>) {
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), expected.nrows());
    let found = rows.iter().flat_map(|row| row.as_array().unwrap());
    let found: Vec<f32> = found.map(|value| value.as_f64().unwrap() as f32).collect();
    assert_eq!(found, expected.iter().copied().collect::<Vec<_>>());
}

impl Client {
    /// Asks for what is to be added to the usual question, and waits.
    async fn asked(&self, more: Value) -> (String, Value) {
        let picture = self.scene().await;
        let begun = self.asks(&picture, more).await;
        let id = id(&begun);
        (id.clone(), self.until(&id, &["done", "failed"]).await)
    }

    async fn asks(&self, picture: &str, more: Value) -> Answer {
        let mut question = json!({"picture": picture, "caption": HEDGEHOG, "method": METHOD});
        let fields = question.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        self.post("/api/explanations", &question).await
    }

    async fn attribution(&self, id: &str, query: &str) -> Attribution {
        let path = format!("/api/explanations/{id}/attribution.json{query}");
        serde_json::from_slice(&self.get(&path).await.bytes).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rivals_and_seeds_are_as_by_the_library_and_drawn() {
    let client = Client::new(Limits::default());
    let (id, told) = client
        .asked(json!({"instead_of": [LEAF], "seeds": 3}))
        .await;
    assert_eq!(told["question"]["instead_of"], json!([LEAF]), "{told}");
    let mut expected = asked(
        &explainer(None),
        &Ask {
            against: Some(Against::captions([LEAF])),
            seeds: Some(3),
        },
    );
    // The answer has each seed's map, the file hasn't.
    let spread = expected.asked.spread.as_mut().unwrap();
    let alone = std::mem::take(&mut spread.image.maps);
    let maps = told["result"]["spread"]["maps"].as_array().unwrap();
    assert_eq!((alone.len(), maps.len()), (3, 3));
    for (map, alone) in maps.iter().zip(&alone) {
        same(map, alone);
    }
    assert_ne!(alone[0], alone[1]);
    assert_eq!(client.attribution(&id, "").await, expected);
    let contrast = expected.asked.contrast.as_ref().unwrap();
    let opposed = &told["result"]["contrast"];
    same(&opposed["values"], &contrast.signed(&expected.image));
    assert_eq!(opposed["rivals"][0]["caption"], LEAF);
    let words = opposed["text"]["words"].as_array().unwrap();
    assert_eq!(words.last().unwrap()["text"], "leaf");
    let spread = expected.asked.spread.as_ref().unwrap();
    let sure = &told["result"]["spread"];
    same(&sure["support"], &spread.image.support);
    assert_eq!(sure["seeds"], json!([0, 1, 2]));
    assert_eq!(sure["words"].as_array().unwrap().len(), 5);
    let page = format!("/api/explanations/{id}/page.html");
    assert!(client.get(&page).await.text().contains("class=\"ways\""));

    // Against nothing in particular.
    let (_, told) = client
        .asked(json!({"baseline": "empty", "kappa": 0.5}))
        .await;
    let opposed = &told["result"]["contrast"];
    assert_eq!(opposed["rivals"][0]["caption"], "an empty caption");
    assert!(opposed["text"].is_null() && opposed["kappa"] == 0.5);
    client.service.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn words_have_their_patches_and_the_map_is_not_computed_twice() {
    let client = Client::new(Limits::default());
    let (plain, _) = client.asked(json!({})).await;
    let picture = client.scene().await;
    let begun = client.asks(&picture, json!({"interactions": "bottleneck"}));
    let found = id(&begun.await);
    // What was known is taken over: only the steps of the words are made, two maps a word.
    let events = format!("/api/explanations/{found}/events");
    let events = client.get(&events).await.text();
    let total = format!("\"total\":{}}}", 5 * 2 * STEPS);
    assert!(events.contains(&total), "{total} of {events}");
    let told = client.until(&found, &["done"]).await;
    let image = m2ib::decode_image(SCENE, "scene").unwrap();
    let explainer = explainer(None);
    let image = explainer.encode_image(&image).unwrap();
    let text = explainer.encode_text(HEDGEHOG).unwrap();
    let expected: Interactions = explainer.word_maps(&image, &text).unwrap();
    let together = &told["result"]["interactions"];
    let words = together["words"].as_array().unwrap();
    for (word, expected) in words.iter().zip(&expected.words) {
        assert_eq!(word["text"], *expected.text);
        same(&word["values"], &expected.map);
    }
    // One after the other as the caption's own words are.
    let texts = |words: &Value| -> Vec<Value> {
        let words = words.as_array().unwrap().iter();
        words.map(|word| word["text"].clone()).collect()
    };
    assert_eq!(
        texts(&together["words"]),
        texts(&told["result"]["text"]["words"])
    );
    let mut known = client.attribution(&found, "").await;
    assert!(known.asked.interactions.take().is_some());
    assert_eq!(known, client.attribution(&plain, "").await);

    let (id, _) = client
        .asked(json!({"method": "grad-cam", "interactions": "masks:images=200:captions=32"}))
        .await;
    let asked = client.attribution(&id, "").await.asked.interactions;
    assert_eq!(asked.unwrap().settings["images"], "200");
    client.service.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_of_prices_is_what_each_would_be_and_its_steps_are_told() {
    let client = Client::new(Limits::default());
    let picture = client.scene().await;
    let begun = client.asks(&picture, json!({"betas": [0.3, 30.0]})).await;
    assert_eq!(begun.status, StatusCode::ACCEPTED);
    let id = id(&begun);
    let events = format!("/api/explanations/{id}/events");
    let events = client.get(&events).await.text();
    let total = format!("\"total\":{}}}", 3 * 2 * STEPS);
    assert!(events.contains(&total), "{total} of {events}");
    let told = client.until(&id, &["done"]).await;
    let path = told["result"]["path"].as_array().unwrap();
    for (place, beta) in [0.3, 30.0].into_iter().enumerate() {
        let expected = asked(&explainer(Some(beta)), &Ask::default());
        assert_eq!(path[place]["beta"], beta);
        same(&path[place]["image"]["values"], expected.image.saliency());
        let found = client.attribution(&id, &format!("?beta={beta}")).await;
        assert_eq!(found, expected);
    }
    assert_ne!(path[0]["image"]["values"], path[1]["image"]["values"]);
    let own = asked(&explainer(None), &Ask::default());
    same(&told["result"]["image"]["values"], own.image.saliency());
    for part in ["page.html", "picture.png", "mask.png"] {
        let at = |beta: &str| format!("/api/explanations/{id}/{part}?beta={beta}");
        assert_eq!(client.get(&at("30")).await.status, StatusCode::OK);
        let refused = client.get(&at("4")).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.text().contains("0.3, 30"), "{}", refused.text());
    }

    // One request for all of it.
    let line = "/api/explain?caption=a+photo+of+a+hedgehog&method=m2ib-fast&betas=0.3,+30&seeds=2&baseline=bank";
    let made = client.ask("POST", line, "image/png", SCENE).await.json();
    assert_eq!(made["result"]["path"][1]["spread"]["seeds"], json!([0, 1]));
    let rivals = &made["result"]["path"][0]["contrast"]["rivals"];
    assert_eq!(rivals.as_array().unwrap().len(), 3);
    client.service.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mask_is_cut_as_by_the_library_and_lies_on_the_object() {
    let client = Client::new(Limits::default());
    let (id, _) = client.asked(json!({"method": "m2ib-fine"})).await;
    let attribution = client.attribution(&id, "").await;
    let path = format!("/api/explanations/{id}/mask.png");
    let cut = async |query: &str| {
        let mask = client.get(&format!("{path}?{query}")).await;
        assert_eq!(mask.status, StatusCode::OK, "{query}: {}", mask.text());
        m2ib::decode_image(&mask.bytes, "mask").unwrap().to_luma8()
    };
    let segmenter = Segmenter::default();
    assert_eq!(
        cut("").await,
        segmenter.cut(&attribution.image).to_picture()
    );
    let one = segmenter.regions(1).cut(&attribution.image).to_picture();
    let mask = cut("threshold=otsu&regions=1").await;
    assert_eq!(mask, one);
    let of = |caption: &str| {
        let object = SCENES[6].objects.iter().find(|it| it.caption == caption);
        let truth = m2ib::decode_image(object.unwrap().mask, "truth").unwrap();
        let pairs = truth.to_luma8();
        let both = pairs.pixels().zip(mask.pixels());
        both.filter(|(a, b)| a.0[0] > 0 && b.0[0] > 0).count()
    };
    assert!(
        of(HEDGEHOG) > 10 * of(LEAF),
        "{} {}",
        of(HEDGEHOG),
        of(LEAF)
    );
    assert_ne!(cut("threshold=mass:0.9").await, mask);
    for (query, words) in [
        ("threshold=2", "no threshold"),
        ("threshold=mass:0", "mass"),
        ("regions=0", "at least 1"),
    ] {
        let refused = client.get(&format!("{path}?{query}")).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.text().contains(words), "{}", refused.text());
    }
    client.service.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_too_much_or_of_the_wrong_method_is_refused() {
    let mut limits = Limits::default();
    (limits.seeds, limits.betas) = (8, 3);
    let client = Client::new(limits);
    let picture = client.scene().await;
    for (more, words) in [
        (json!({"seeds": 1}), "2 to 8"),
        (json!({"seeds": 9}), "2 to 8"),
        (
            json!({"seeds": 2, "method": "saliency"}),
            "nothing in saliency is random",
        ),
        (json!({"instead_of": [""]}), "caption"),
        (json!({"instead_of": [HEDGEHOG]}), "the caption itself"),
        (json!({"instead_of": vec!["a"; 33]}), "at most 32"),
        (
            json!({"instead_of": [LEAF], "baseline": "bank"}),
            "one of them",
        ),
        (json!({"kappa": 2}), "there is nothing"),
        (json!({"instead_of": [LEAF], "kappa": 0}), "above 0"),
        (json!({"betas": [1, 2, 3, 4]}), "at most 3"),
        (json!({"betas": [1, -1]}), "beta"),
        (json!({"betas": [2, 2.0]}), "twice"),
        (json!({"betas": [1], "method": "grad-cam"}), "no β"),
        (json!({"interactions": "magic"}), "bottleneck, masks, paths"),
        (json!({"interactions": "masks:wings=2"}), "wings"),
        (
            json!({"interactions": "masks:images=100000"}),
            "at most 10000",
        ),
        (
            json!({"interactions": "masks:images=9000:captions=9000"}),
            "4194304 pairs",
        ),
        (
            json!({"interactions": "bottleneck", "method": "rise"}),
            "M2IB's own",
        ),
    ] {
        let refused = client.asks(&picture, more.clone()).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{more}");
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(words), "{more}: {detail}");
    }
    for more in [json!({"baseline": "void"}), json!({"seeds": 2.5})] {
        let refused = client.asks(&picture, more.clone()).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{more}");
    }
    let line = "/api/explain?caption=a&betas=1;2";
    let refused = client.ask("POST", line, "", SCENE).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    client.service.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_it_can_be_cancelled() {
    let mut limits = Limits::default();
    limits.workers = 1;
    let client = Client::new(limits);
    let picture = client.scene().await;
    for more in [
        json!({"method": ENDLESS, "interactions": "bottleneck", "betas": [1]}),
        json!({"method": ENDLESS, "instead_of": [LEAF], "seeds": 8}),
        json!({"method": "random", "interactions": "paths:steps=100000"}),
    ] {
        let begun = id(&client.asks(&picture, more).await);
        client.until(&begun, &["working"]).await;
        let path = format!("/api/explanations/{begun}");
        let gone = client.ask("DELETE", &path, "", "").await.json();
        assert_eq!(gone["state"], "cancelled");
    }
    // The only worker is free again.
    let quick = id(&client.begin(&picture, HEDGEHOG, "m2ib-fast").await);
    client.until(&quick, &["done"]).await;
    client.service.close();
}
