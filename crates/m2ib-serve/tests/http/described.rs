//! `assets/openapi.json`, held against what is answered.

use std::collections::BTreeSet;

use axum::http::{Method, StatusCode, header};
use serde_json::Value;

use crate::client::{Answer, Client};
use m2ib_serve::Limits;

pub(crate) struct Description(Value);

impl Description {
    pub(crate) fn read() -> Self {
        Self(serde_json::from_str(include_str!("../../assets/openapi.json")).unwrap())
    }

    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(name) => self.resolved(self.0.pointer(name.trim_start_matches('#')).unwrap()),
            None => value,
        }
    }

    fn path(&self, path: &str) -> Option<&Value> {
        let paths = self.0["paths"].as_object().unwrap();
        let fits = |known: &str| {
            let (known, path) = (known.split('/'), path.split('/'));
            known.clone().count() == path.clone().count()
                && known
                    .zip(path)
                    .all(|(known, part)| known == part || known.starts_with('{'))
        };
        paths
            .iter()
            .find(|(known, _)| fits(known))
            .map(|(_, operations)| operations)
    }

    /// That an answer is one of those described.
    pub(crate) fn check(&self, method: &Method, path: &str, answer: &Answer) {
        let operation = self
            .path(path)
            .map(|path| &path[method.as_str().to_lowercase()]);
        let Some(operation) = operation.filter(|operation| operation.is_object()) else {
            let statuses = [404, 405, 421, 403];
            assert!(
                statuses.contains(&answer.status.as_u16()),
                "{method} {path}: {}",
                answer.status
            );
            return;
        };
        let response = &operation["responses"][answer.status.as_str()];
        assert!(
            response.is_object(),
            "{method} {path}: {} is not described",
            answer.status
        );
        let kind = answer.headers[header::CONTENT_TYPE].to_str().unwrap();
        let kind = kind.split(';').next().unwrap();
        let content = &self.resolved(response)["content"];
        assert!(
            content[kind].is_object(),
            "{method} {path}: {kind} is not described"
        );
        if kind.ends_with("json") && content[kind]["schema"].is_object() {
            self.conforms(&content[kind]["schema"], &answer.json(), path);
        }
    }

    /// That a value is as described, and nothing in it is not.
    pub(crate) fn conforms(&self, schema: &Value, value: &Value, place: &str) {
        let schema = self.resolved(schema);
        let is = |name: &str| match name {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "number" => value.is_number(),
            "integer" => value.is_u64(),
            "boolean" => value.is_boolean(),
            "null" => value.is_null(),
            other => panic!("{place}: what is {other}?"),
        };
        let kinds = match &schema["type"] {
            Value::String(kind) => vec![kind.as_str()],
            kinds => kinds
                .as_array()
                .unwrap()
                .iter()
                .map(|kind| kind.as_str().unwrap())
                .collect(),
        };
        assert!(
            kinds.into_iter().any(is),
            "{place}: {value} is no {}",
            schema["type"]
        );
        if let Some(choices) = schema["enum"].as_array() {
            assert!(choices.contains(value), "{place}: {value}");
        }
        if let Some(values) = value.as_array() {
            for value in values {
                self.conforms(&schema["items"], value, &format!("{place}[]"));
            }
        }
        if let Some(fields) = value.as_object() {
            for required in schema["required"].as_array().unwrap() {
                assert!(
                    fields.contains_key(required.as_str().unwrap()),
                    "{place}: no {required}"
                );
            }
            for (name, value) in fields {
                let property = &schema["properties"][name];
                assert!(property.is_object(), "{place}: {name} is not described");
                self.conforms(property, value, &format!("{place}.{name}"));
            }
        }
    }

    pub(crate) fn state(&self, value: &Value) {
        self.conforms(&self.0["components"]["schemas"]["State"], value, "an event");
    }
}

#[tokio::test]
async fn every_route_is_described_and_no_other() {
    let description = Description::read();
    assert_eq!(description.0["info"]["version"], env!("CARGO_PKG_VERSION"));
    let described: BTreeSet<&str> = description.0["paths"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        described,
        m2ib_serve::Service::paths().into_iter().collect()
    );
    let client = Client::new(Limits::default());
    for path in described {
        let methods = description.0["paths"][path].as_object().unwrap().keys();
        let mut methods: BTreeSet<_> = methods.map(|method| method.to_uppercase()).collect();
        if methods.contains("GET") {
            methods.insert("HEAD".into());
        }
        let refused = client.ask("PATCH", path, "", "").await;
        assert_eq!(refused.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        let allowed = refused.headers[header::ALLOW].to_str().unwrap();
        let allowed: BTreeSet<_> = allowed.split(',').map(String::from).collect();
        assert_eq!(allowed, methods, "{path}");
    }
}

#[tokio::test]
async fn what_there_is_is_told_as_described() {
    let client = Client::new(Limits::default());
    for path in [
        "/health",
        "/api/model",
        "/api/methods",
        "/api/samples",
        "/openapi.json",
    ] {
        assert_eq!(client.get(path).await.status, StatusCode::OK, "{path}");
    }
    let model = client.get("/api/model").await.json();
    assert_eq!(model["grid"], serde_json::json!([8, 8]));
    // The last block leaves none behind it.
    let layers = model["image_layers"].as_array().unwrap();
    assert_eq!(layers.len(), crate::client::model().image().depth());
    let methods = client.get("/api/methods").await.json();
    let named = methods["methods"].as_array().unwrap().iter();
    let usual = named
        .clone()
        .find(|method| method["name"] == methods["usual"])
        .unwrap();
    assert!(usual["m2ib"] == true && usual["beta"] == 1.0);
    let style = client.get("/assets/explorer.css").await.text();
    assert!(style.starts_with(m2ib::draw::PAGE_STYLE), "its own colours");
    let sample = &client.get("/api/samples").await.json()[0];
    let shown = client
        .get(&format!(
            "/api/pictures/{}/shown",
            sample["picture"].as_str().unwrap()
        ))
        .await;
    assert_eq!(
        m2ib::decode_image(&shown.bytes, "shown").unwrap().width(),
        96
    );
}
