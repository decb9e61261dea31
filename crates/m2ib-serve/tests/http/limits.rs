//! What is too much is refused, stopped or made to wait.

use std::time::{Duration, Instant};

use axum::http::{StatusCode, header};

use crate::client::{Client, ENDLESS, HEDGEHOG, SCENE, id};
use m2ib_serve::Limits;

fn narrow() -> Limits {
    let mut limits = Limits::default();
    limits.workers = 1;
    limits.queue = 1;
    limits
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_and_what_is_cancelled_makes_room() {
    let client = Client::new(narrow());
    let picture = client.scene().await;
    let first = id(&client.begin(&picture, HEDGEHOG, ENDLESS).await);
    let told = client.until(&first, &["working"]).await;
    assert_eq!(told["question"]["caption"], HEDGEHOG);
    let waiting = client
        .begin(&picture, "a photo of a maple leaf", ENDLESS)
        .await;
    let second = id(&waiting);
    assert_eq!(
        (&waiting.json()["state"], &waiting.json()["ahead"]),
        (&"waiting".into(), &0.into())
    );
    let refused = client.begin(&picture, HEDGEHOG, "m2ib-fast").await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers[header::RETRY_AFTER], "1");
    assert!(refused.json()["detail"].as_str().unwrap().contains("wait"));
    // Pictures are taken and shown meanwhile.
    assert_eq!(client.give(SCENE).await.status, StatusCode::CREATED);

    for id in [&second, &first] {
        let gone = client
            .ask("DELETE", &format!("/api/explanations/{id}"), "", "")
            .await;
        assert_eq!(gone.json()["state"], "cancelled");
    }
    let early = client
        .get(&format!("/api/explanations/{first}/picture.png"))
        .await;
    assert_eq!(early.status, StatusCode::CONFLICT);
    let began = Instant::now();
    let quick = client.begin(&picture, HEDGEHOG, "m2ib-fast").await;
    client.until(&id(&quick), &["done"]).await;
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "the first goes on"
    );
    client.service.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_too_long_is_stopped_and_its_worker_free() {
    let mut limits = narrow();
    limits.time = Duration::from_secs(5);
    let client = Client::new(limits);
    let path = |method: &str| format!("/api/explain?caption=a+photo+of+a+hedgehog&method={method}");
    let late = client.ask("POST", &path(ENDLESS), "image/png", SCENE).await;
    assert_eq!(late.status, StatusCode::GATEWAY_TIMEOUT);
    assert!(
        late.json()["detail"]
            .as_str()
            .unwrap()
            .contains("within 5 s")
    );
    let made = client
        .ask("POST", &path("m2ib-fast"), "image/png", SCENE)
        .await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.text());
    client.service.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_is_not_worked_for() {
    let client = Client::new(narrow());
    let path = |method: &str| format!("/api/explain?caption=a+photo+of+a+hedgehog&method={method}");
    let endless = path(ENDLESS);
    let request = client.ask("POST", &endless, "image/png", SCENE);
    assert!(
        tokio::time::timeout(Duration::from_millis(700), request)
            .await
            .is_err()
    );
    let quick = path("m2ib-fast");
    let made = client.ask("POST", &quick, "image/png", SCENE);
    let made = tokio::time::timeout(Duration::from_secs(20), made)
        .await
        .unwrap();
    assert_eq!(made.status, StatusCode::OK);
    client.service.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_follows_any_more_is_stopped() {
    let mut limits = Limits::default();
    limits.forgotten = Duration::from_millis(300);
    let client = Client::new(limits);
    let picture = client.scene().await;
    let [left, asked] = [ENDLESS, "m2ib-fine:steps=99999"];
    let begin = async |method| id(&client.begin(&picture, HEDGEHOG, method).await);
    let (left, asked) = (begin(left).await, begin(asked).await);
    let path = format!("/api/explanations/{left}/events");
    let follow = tokio::time::timeout(Duration::from_millis(500), client.get(&path));
    assert!(follow.await.is_err());
    tokio::time::sleep(Duration::from_millis(900)).await;
    let state = async |id: &str| {
        let told = client.get(&format!("/api/explanations/{id}")).await;
        told.json()["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(state(&left).await, "cancelled");
    // That one is to be asked for by its id.
    assert_eq!(state(&asked).await, "working");
    client.service.close();
}

/// An explanation uses all threads, and yet does not have them to itself.
#[tokio::test(flavor = "multi_thread")]
async fn captions_are_compared_while_an_explanation_goes_on() {
    let client = Client::new(Limits::default());
    let picture = client.scene().await;
    let endless = id(&client.begin(&picture, HEDGEHOG, ENDLESS).await);
    client.until(&endless, &["working"]).await;
    let pair =
        serde_json::json!({"picture": picture, "captions": [HEDGEHOG, "a photo of a piano"]});
    let compared = client.post("/api/similarities", &pair).await;
    assert_eq!(compared.status, StatusCode::OK, "{}", compared.text());
    let told = client.until(&endless, &["working"]).await;
    assert_eq!(told["state"], "working");
    client.service.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_used_longest_ago_is_dropped() {
    let mut limits = Limits::default();
    limits.explanations = 2;
    let client = Client::new(limits);
    let picture = client.scene().await;
    let mut ids = Vec::new();
    for method in ["random", "centre", "random:seed=1"] {
        let begun = client.begin(&picture, HEDGEHOG, method).await;
        ids.push(id(&begun));
        client.until(ids.last().unwrap(), &["done"]).await;
    }
    let mut there = Vec::new();
    for id in &ids {
        there.push(
            client
                .get(&format!("/api/explanations/{id}"))
                .await
                .status
                .as_u16(),
        );
    }
    assert_eq!(there, [404, 200, 200]);
    client.service.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_ends_takes_no_more_and_tells_those_who_wait() {
    let client = Client::new(narrow());
    let picture = client.scene().await;
    let first = id(&client.begin(&picture, HEDGEHOG, ENDLESS).await);
    client.until(&first, &["working"]).await;
    let service = client.service.clone();
    tokio::task::spawn_blocking(move || service.close())
        .await
        .unwrap();
    let told = client.get(&format!("/api/explanations/{first}")).await;
    assert_eq!(told.json()["state"], "cancelled");
    let refused = [
        client.begin(&picture, HEDGEHOG, "m2ib-fast").await,
        client.give(SCENE).await,
        client.get("/health").await,
    ];
    for answer in refused {
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.headers.contains_key(header::RETRY_AFTER));
    }
}
