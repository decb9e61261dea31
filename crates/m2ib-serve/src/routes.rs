//! What is answered where.

mod explanations;
mod pictures;

use std::sync::Arc;

use axum::extract::State;
use axum::extract::rejection::QueryRejection;
use axum::http::{StatusCode, Uri};
use axum::middleware::{Next, from_fn, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Router, extract::Request};
use m2ib::draw::visible;
use serde::Serialize;

use crate::guard::{Allowed, guard};
use crate::problem::Problem;
use crate::service::Service;
use crate::{about, assets};

/// All of it.
pub(crate) fn router(service: &Service, allowed: Allowed) -> Router {
    let allowed = Arc::new(allowed);
    let mut router = Router::new();
    for (path, methods) in table() {
        router = router.route(path, methods);
    }
    router
        .fallback(nowhere)
        .method_not_allowed_fallback(not_so)
        .layer(map_response(as_problem))
        .layer(from_fn(move |request: Request, next: Next| {
            let allowed = allowed.clone();
            async move { guard(&allowed, request, next).await }
        }))
        .with_state(service.clone())
}

/// Paths with what answers there. `assets/openapi.json` describes them, which a test holds.
fn table() -> Vec<(&'static str, MethodRouter<Service>)> {
    vec![
        ("/", get(assets::page)),
        ("/assets/{name}", get(assets::asset)),
        ("/openapi.json", get(assets::open_api)),
        ("/health", get(health)),
        ("/api/model", get(model)),
        ("/api/methods", get(methods)),
        ("/api/samples", get(samples)),
        ("/api/pictures", post(pictures::give)),
        ("/api/pictures/{id}", get(pictures::about)),
        ("/api/pictures/{id}/shown", get(pictures::shown)),
        ("/api/similarities", post(pictures::similar)),
        ("/api/explain", post(explanations::explain)),
        ("/api/explanations", post(explanations::begin)),
        (
            "/api/explanations/{id}",
            get(explanations::get).delete(explanations::cancel),
        ),
        ("/api/explanations/{id}/events", get(explanations::events)),
        ("/api/explanations/{id}/picture.png", get(explanations::png)),
        ("/api/explanations/{id}/mask.png", get(explanations::mask)),
        ("/api/explanations/{id}/page.html", get(explanations::html)),
        (
            "/api/explanations/{id}/attribution.json",
            get(explanations::json),
        ),
    ]
}

/// Paths alone.
pub(crate) fn paths() -> Vec<&'static str> {
    table().into_iter().map(|(path, _)| path).collect()
}

/// An answer in JSON.
fn json(status: StatusCode, answer: &impl Serialize) -> Response {
    match serde_json::to_vec(answer) {
        Ok(bytes) => {
            let kind = [(axum::http::header::CONTENT_TYPE, "application/json")];
            (status, kind, bytes).into_response()
        }
        Err(error) => Problem::fault(error.to_string()).into_response(),
    }
}

/// What is wrong with the part of an address behind its question mark.
fn query(rejection: &QueryRejection) -> Problem {
    let detail = format!("the address is not as expected: {}", rejection.body_text());
    Problem::malformed(visible(&detail))
}

/// An address that is no UTF-8, which the router refuses in words of its own, leads nowhere.
async fn as_problem(response: Response) -> Response {
    let kind = response.headers().get(axum::http::header::CONTENT_TYPE);
    let plain = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    match response.status() == StatusCode::BAD_REQUEST && plain {
        true => Problem::not_found(
            "there is nothing at an address that is no UTF-8; /openapi.json says what there is",
        )
        .into_response(),
        false => response,
    }
}

async fn nowhere(uri: Uri) -> Problem {
    Problem::not_found(format!(
        "there is nothing at {}; /openapi.json says what there is",
        visible(uri.path())
    ))
}

async fn not_so(method: axum::http::Method, uri: Uri) -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        format!(
            "{} does not take {method}; /openapi.json says what it takes",
            visible(uri.path())
        ),
    )
}

#[derive(Serialize)]
struct Health {
    state: &'static str,
    waiting: usize,
}

async fn health(State(service): State<Service>) -> Response {
    if service.0.is_closing() {
        return crate::pool::closing().into_response();
    }
    let waiting = service.0.explanations.pool.waiting();
    json(
        StatusCode::OK,
        &Health {
            state: "ready",
            waiting,
        },
    )
}

async fn model(State(service): State<Service>) -> Response {
    json(StatusCode::OK, &about::Model::of(&service.0))
}

async fn methods(State(service): State<Service>) -> Response {
    json(StatusCode::OK, &about::Methods::of(&service.0))
}

async fn samples(State(service): State<Service>) -> Response {
    json(StatusCode::OK, &about::samples(&service.0))
}
