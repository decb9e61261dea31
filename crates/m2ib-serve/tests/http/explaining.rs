//! What is computed is what the library computes.

use axum::http::{StatusCode, header};
use m2ib::emoji::SCENES;
use m2ib::{Attribution, Explainer, Unit};
use serde_json::json;

use crate::client::{Client, HEDGEHOG, SCENE, id, model};
use crate::described::Description;
use m2ib_serve::Limits;

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_is_explained_as_by_the_library_and_drawn() {
    let client = Client::new(Limits::default());
    let picture = client.scene().await;
    let begun = client
        .begin(&picture, HEDGEHOG, "m2ib-fast:beta=1:image-layer=1")
        .await;
    assert_eq!(begun.status, StatusCode::ACCEPTED);
    let id = id(&begun);
    let told = client.until(&id, &["done"]).await;

    let image = m2ib::decode_image(SCENE, "scene").unwrap();
    let expected = Explainer::builder(model())
        .preset(m2ib::Preset::Fast)
        .beta(1.0)
        .image_layer(m2ib::Layer::Block(1))
        .calibration(m2ib::emoji::calibration().unwrap())
        .build()
        .unwrap()
        .attribute(&image, HEDGEHOG)
        .unwrap();
    let path = |what: &str| format!("/api/explanations/{id}/{what}");
    let numbers = client.get(&path("attribution.json")).await;
    let made: Attribution = serde_json::from_slice(&numbers.bytes).unwrap();
    assert_eq!(made, expected);

    let result = &told["result"];
    let words = result["text"]["words"].as_array().unwrap();
    let value = |word: &serde_json::Value| word["value"].as_f64().unwrap();
    let strongest = words
        .iter()
        .max_by(|a, b| value(a).total_cmp(&value(b)))
        .unwrap();
    assert_eq!(strongest["text"], "hedgehog");
    let runs = result["text"]["runs"].as_array().unwrap().iter();
    let caption: String = runs.map(|run| run["text"].as_str().unwrap()).collect();
    assert_eq!(caption, HEDGEHOG);
    assert_eq!(result["image"]["unit"], "nats");
    assert_eq!(expected.image.unit, Unit::Nats);
    let rows = result["image"]["values"].as_array().unwrap();
    for (row, expected) in rows.iter().zip(expected.image.saliency().rows()) {
        for (value, expected) in row.as_array().unwrap().iter().zip(expected) {
            assert_eq!(value.as_f64().unwrap() as f32, *expected);
        }
    }
    // It lies on what the caption names.
    let hedgehog = SCENES[6]
        .objects
        .iter()
        .find(|object| object.caption == HEDGEHOG)
        .unwrap();
    let mask = m2ib::decode_image(hedgehog.mask, "mask")
        .unwrap()
        .to_luma8();
    let (row, column) = hottest(&expected);
    let under = mask.get_pixel(column as u32 * 12 + 6, row as u32 * 12 + 6);
    assert!(under.0[0] > 0, "{row} {column}");

    let drawn = client
        .get(&path("picture.png?color_map=viridis&opacity=0.7&boxes=0.5"))
        .await;
    assert!(m2ib::decode_image(&drawn.bytes, "drawn").unwrap().width() >= 480);
    let page = client.get(&path("page.html")).await;
    assert!(page.text().contains("hedgehog"));
    for (answer, name) in [
        (&drawn, "m2ib.png"),
        (&page, "m2ib.html"),
        (&numbers, "m2ib.json"),
    ] {
        let kept = answer.headers[header::CONTENT_DISPOSITION]
            .to_str()
            .unwrap();
        assert_eq!(kept, format!("attachment; filename=\"{name}\""));
    }

    // What is known is not computed again, however its settings are written; what is done stays.
    let again = client
        .begin(&picture, HEDGEHOG, "m2ib-fast:image-layer=block.1:beta=1.0")
        .await;
    assert_eq!(
        (again.status, crate::client::id(&again)),
        (StatusCode::OK, id.clone())
    );
    let kept = client
        .ask("DELETE", &format!("/api/explanations/{id}"), "", "")
        .await;
    assert_eq!(kept.json()["state"], "done");
    client.service.close();
}

fn hottest(attribution: &Attribution) -> (usize, usize) {
    let cells = attribution.image.saliency().indexed_iter();
    cells.max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0
}

#[tokio::test(flavor = "multi_thread")]
async fn other_methods_and_one_request_for_all() {
    let client = Client::new(Limits::default());
    let path = |method: &str| format!("/api/explain?caption=a+photo+of+a+hedgehog&method={method}");
    for method in ["chefer", "rise:masks=20", "random"] {
        let made = client.ask("POST", &path(method), "image/png", SCENE).await;
        assert_eq!(made.status, StatusCode::OK, "{method}: {}", made.text());
        let made = made.json();
        assert_eq!(
            (&made["state"], &made["question"]["method"]),
            (&json!("done"), &json!(method))
        );
        assert_eq!(made["result"]["image"]["rows"], 8);
    }
    client.service.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn captions_are_ranked_and_compared() {
    let client = Client::new(Limits::default());
    let picture = client.scene().await;
    let captions = [HEDGEHOG, "a photo of a piano", "a photo of a maple leaf"];
    let asked = json!({"picture": picture, "captions": captions});
    let told = client.post("/api/similarities", &asked).await;
    assert_eq!(told.status, StatusCode::OK);
    let told = told.json();
    let explainer = Explainer::builder(model()).build().unwrap();
    let image = explainer
        .encode_image(&m2ib::decode_image(SCENE, "scene").unwrap())
        .unwrap();
    let mut shares = 0.0;
    for (place, caption) in captions.iter().enumerate() {
        let one = &told["captions"][place];
        let text = explainer.encode_text(caption).unwrap();
        let expected = explainer.similarity(&image, &text).unwrap();
        assert_eq!(one["similarity"].as_f64().unwrap() as f32, expected);
        shares += one["share"].as_f64().unwrap();
        assert_eq!(told["among"][place][place], 1.0);
    }
    assert!((shares - 1.0).abs() < 1e-5);
    let similarity = |place: usize| told["captions"][place]["similarity"].as_f64().unwrap();
    assert!(similarity(0) > similarity(1) && similarity(2) > similarity(1));
    assert!(
        told["captions"][1]["warning"].is_string(),
        "there is no piano"
    );
    assert_eq!(told["among"][0][1], told["among"][1][0]);
    assert!(told["among"][0][1].as_f64().unwrap() < 0.99);
    // The share of one alone says nothing.
    let alone = json!({"picture": picture, "captions": [HEDGEHOG]});
    let alone = client.post("/api/similarities", &alone).await.json();
    assert!(alone["captions"][0]["share"].is_null());
    client.service.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn events_tell_of_steps_and_how_it_ends() {
    let client = Client::new(Limits::default());
    let picture = client.scene().await;
    let begun = client
        .begin(&picture, HEDGEHOG, "m2ib-fine:steps=200")
        .await;
    let events = client
        .get(&format!("/api/explanations/{}/events", id(&begun)))
        .await
        .text();
    let description = Description::read();
    let mut states = Vec::new();
    let mut steps = Vec::new();
    for data in events
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
    {
        let told = serde_json::from_str(data).unwrap();
        description.state(&told);
        states.push(told["state"].as_str().unwrap().to_owned());
        steps.extend(told["progress"]["done"].as_u64());
    }
    assert_eq!(states.last().map(String::as_str), Some("done"), "{events}");
    assert!(steps.len() > 1 && steps.is_sorted(), "{steps:?}");
    assert_eq!(events.matches("event: state").count(), states.len());
    client.service.close();
}
