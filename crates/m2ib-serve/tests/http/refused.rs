//! What is wrong is said, in a sentence with what was found and expected.

use axum::body::Body;
use axum::http::{StatusCode, header};
use serde_json::json;

use crate::client::{Client, SCENE, id};
use m2ib_serve::Limits;

/// That a request is refused so, with these words.
async fn refused(client: &Client, line: &str, kind: &str, body: &[u8], status: u16, part: &str) {
    let (method, path) = line.split_once(' ').unwrap();
    let answer = client.ask(method, path, kind, body.to_vec()).await;
    assert_eq!(answer.status.as_u16(), status, "{line}: {}", answer.text());
    let problem = answer.json();
    assert_eq!(problem["status"], status);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains(part), "{line}: {part} in {detail}");
    assert!(!detail.ends_with('.'), "{detail}");
    assert_eq!(
        answer.headers[header::CONTENT_TYPE],
        "application/problem+json"
    );
}

fn png(width: u32, height: u32) -> Vec<u8> {
    let image = m2ib::image::DynamicImage::new_rgb8(width, height);
    let mut bytes = std::io::Cursor::new(Vec::new());
    image
        .write_to(&mut bytes, m2ib::image::ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_that_are_none_or_too_large() {
    let mut limits = Limits::default();
    limits.picture_bytes = 40_000;
    limits.picture_pixels = 20_000;
    let client = Client::new(limits);
    let give = async |body: &[u8], status, part| {
        refused(&client, "POST /api/pictures", "", body, status, part).await;
    };
    give(b"", 400, "no body").await;
    give(b"hello", 422, "no known format").await;
    give(b"%PDF-1.7 ", 422, "PDF").await;
    give(&SCENE[..300], 422, "the picture").await;
    give(&[0; 40_001], 413, "40000 bytes").await;
    give(&png(300, 200), 413, "300 × 200 pixels").await;
    client.service.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_that_make_no_sense() {
    let mut limits = Limits::default();
    limits.captions = 3;
    let client = Client::new(limits);
    let picture = client.scene().await;
    let gone = "0".repeat(32);
    let ask = async |body: &[u8], status, part| {
        let line = "POST /api/explanations";
        refused(&client, line, "application/json", body, status, part).await;
    };
    refused(
        &client,
        "POST /api/explanations",
        "text/plain",
        b"{}",
        415,
        "application/json",
    )
    .await;
    ask(b"{", 400, "not the JSON").await;
    ask(b"{}", 400, "`picture`").await;
    ask(b"\xff\xfe", 400, "not the JSON").await;
    let file = br#"{"picture": "a", "caption": "b", "file": "/etc/passwd"}"#;
    ask(file, 400, "unknown field `file`").await;
    let question = async |picture: &str, caption: &str, method: &str, status, part| {
        let question = json!({"picture": picture, "caption": caption, "method": method});
        ask(question.to_string().as_bytes(), status, part).await;
    };
    question(&gone, "a dog", "m2ib-fine", 404, "no such picture").await;
    question("/etc/passwd", "a dog", "m2ib-fine", 404, "no such picture").await;
    question(&picture, "", "m2ib-fine", 422, "caption").await;
    question(&picture, "  \n", "m2ib-fine", 422, "caption").await;
    question(
        &picture,
        &"a ".repeat(1500),
        "m2ib-fine",
        422,
        "3000 characters",
    )
    .await;
    question(&picture, "a dog", "magic", 422, "\"magic\" is no method").await;
    question(&picture, "a dog", "m2ib-fine:beta=-1", 422, "beta").await;
    question(&picture, "a dog", "m2ib-fine:steps=100001", 422, "100000").await;
    question(&picture, "a dog", "m2ib-fine:wings=2", 422, "wings").await;
    question(
        &picture,
        "a dog",
        "m2ib-fine:image-layer=99",
        422,
        "image-layer",
    )
    .await;
    let own = json!({"picture": picture, "caption": "a dog", "method": "m2ib-fast", "instead_of": [" a dog"]});
    ask(own.to_string().as_bytes(), 422, "the caption itself").await;
    // What no number survives is known when it is computed, and is the question's fault.
    for extreme in ["beta=1e308", "learning-rate=1e300"] {
        let begun = client
            .begin(&picture, "a dog", &format!("m2ib-fast:{extreme}"))
            .await;
        let told = client.until(&id(&begun), &["failed"]).await;
        assert_eq!(told["problem"]["status"], 422, "{told}");
    }

    let similar = async |captions: &[&str], status, part| {
        let asked = json!({"picture": picture, "captions": captions}).to_string();
        let line = "POST /api/similarities";
        refused(
            &client,
            line,
            "application/json",
            asked.as_bytes(),
            status,
            part,
        )
        .await;
    };
    similar(&[], 422, "0 captions").await;
    similar(&["a"; 4], 422, "1 to 3").await;
    similar(&["a dog", ""], 422, "caption").await;

    let explain = async |query: &str, status, part| {
        let line = format!("POST /api/explain{query}");
        refused(&client, &line, "", SCENE, status, part).await;
    };
    explain("", 400, "caption").await;
    explain("?caption=a&kind=b", 400, "kind").await;
    explain("?caption=a&method=magic", 422, "magic").await;
    client.service.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn places_that_are_not_there() {
    let client = Client::new(Limits::default());
    let get = async |path: &str, status, part| {
        refused(&client, &format!("GET {path}"), "", b"", status, part).await;
    };
    let gone = "0".repeat(32);
    get(&format!("/api/pictures/{gone}"), 404, "send it again").await;
    get(
        "/api/pictures/..%2F..%2Fetc%2Fpasswd",
        404,
        "no such picture",
    )
    .await;
    get("/assets/..%2Fsrc%2Flib.rs", 404, "no such file").await;
    get("/assets/../src/lib.rs", 404, "nothing at").await;
    get("/etc/passwd", 404, "nothing at").await;
    for path in ["/api/pictures/%ff", "/assets/%ff", "/api/explanations/%ff"] {
        get(path, 404, "no UTF-8").await;
    }
    for part in [
        "",
        "/events",
        "/page.html",
        "/picture.png",
        "/attribution.json",
    ] {
        let path = format!("/api/explanations/{gone}{part}");
        get(&path, 404, "ask for it again").await;
    }
    let drawn = format!("/api/explanations/{gone}/picture.png");
    get(&format!("{drawn}?opacity=2"), 422, "0 to 1").await;
    get(&format!("{drawn}?color_map=jet"), 422, "viridis").await;
    get(&format!("{drawn}?opacity=x"), 400, "opacity").await;
    get(&format!("{drawn}?boxes=NaN"), 422, "boxes").await;
    let line = format!("DELETE /api/explanations/{gone}");
    refused(&client, &line, "", b"", 404, "ask for it again").await;
    refused(
        &client,
        "PUT /api/pictures",
        "",
        b"",
        405,
        "does not take PUT",
    )
    .await;
    client.service.close();
}

#[tokio::test]
async fn a_body_of_unknown_length_is_cut_off_as_well() {
    let mut limits = Limits::default();
    limits.picture_bytes = 1000;
    let client = Client::new(limits);
    let chunk = || Ok::<_, std::convert::Infallible>(vec![0_u8; 300]);
    let body = Body::from_stream(futures_util::stream::iter((0..4).map(move |_| chunk())));
    let answer = client.ask("POST", "/api/pictures", "", body).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    client.service.close();
}
