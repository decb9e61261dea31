//! A client in this process, which holds every answer against the description.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt;
use m2ib::emoji;
use m2ib::{Backend, DualEncoder};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::described::Description;
use m2ib_serve::{Limits, Sample, Service, Settings};

/// More work than any test waits for.
pub(crate) const ENDLESS: &str = "m2ib-fine:steps=100000";

pub(crate) const SCENE: &[u8] = emoji::SCENES[6].png;
pub(crate) const HEDGEHOG: &str = "a photo of a hedgehog";

pub(crate) struct Client {
    pub(crate) service: Service,
    router: Router,
    description: Description,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.bytes.clone()).unwrap()
    }
}

pub(crate) fn model() -> DualEncoder {
    emoji::pretrained(&Backend::preferred().unwrap().device().unwrap()).unwrap()
}

pub(crate) fn service(limits: Limits) -> Service {
    let mut settings = Settings::default();
    settings.calibration = Some(emoji::calibration().unwrap());
    settings.samples.push(Sample {
        name: "scene0".into(),
        bytes: emoji::SCENES[0].png.into(),
        captions: vec!["a photo of a piano".into()],
    });
    settings.hosts.push("lab.example".into());
    settings.limits = limits;
    Service::new(model(), settings).unwrap()
}

impl Client {
    pub(crate) fn new(limits: Limits) -> Self {
        let service = service(limits);
        Self {
            router: service.router("127.0.0.1:7878".parse().unwrap()),
            description: Description::read(),
            service,
        }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let answer = Answer {
            status: parts.status,
            headers: parts.headers,
            bytes: body.collect().await.unwrap().to_bytes().to_vec(),
        };
        self.description.check(&method, &path, &answer);
        answer
    }

    /// With a method, a path and a body of a type.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: impl Into<Body>,
    ) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "localhost:7878")
            .header(header::CONTENT_TYPE, kind);
        self.send(request.body(body.into()).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "", Body::empty()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, "application/json", body.to_string())
            .await
    }

    pub(crate) async fn give(&self, bytes: &'static [u8]) -> Answer {
        self.ask("POST", "/api/pictures", "image/png", bytes).await
    }

    /// The scene's id.
    pub(crate) async fn scene(&self) -> String {
        let given = self.give(SCENE).await;
        assert_eq!(given.status, StatusCode::CREATED);
        given.json()["id"].as_str().unwrap().into()
    }

    pub(crate) async fn begin(&self, picture: &str, caption: &str, method: &str) -> Answer {
        let question = json!({"picture": picture, "caption": caption, "method": method});
        self.post("/api/explanations", &question).await
    }

    /// Asks until the explanation has come so far.
    pub(crate) async fn until(&self, id: &str, states: &[&str]) -> Value {
        for _ in 0..3000 {
            let told = self.get(&format!("/api/explanations/{id}")).await.json();
            if states.iter().any(|state| told["state"] == *state) {
                return told;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("never {states:?}");
    }
}

/// An answer's id.
pub(crate) fn id(answer: &Answer) -> String {
    answer.json()["id"].as_str().unwrap().into()
}
