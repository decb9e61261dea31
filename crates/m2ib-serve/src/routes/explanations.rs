//! Explanations asked for, watched, cancelled and drawn.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use m2ib::Attribution;
use m2ib::draw::visible;
use m2ib::image::DynamicImage;
use serde::Deserialize;

use super::pictures::taken;
use super::{json as answer, query};
use crate::answer::{Full, Shown};
use crate::body;
use crate::drawn::{self, At, Cut, Drawing};
use crate::explanation::{Explanation, Phase};
use crate::explanations::Work;
use crate::picture::Picture;
use crate::problem::Problem;
use crate::question::{Asked, Baseline, Plan, Question, usual};
use crate::service::{Parts, Service};

/// What has become of it, with its result if it is done.
fn full(parts: &Parts, status: StatusCode, explanation: &Explanation) -> Response {
    let full = Full {
        told: explanation.told(&parts.explanations.pool),
        result: explanation.answer().map(|answer| Shown::of(&answer)),
    };
    answer(status, &full)
}

/// A known answer to a question, or a new explanation.
fn known_or_begun(
    parts: &Parts,
    question: Question,
    plan: Plan,
    picture: Arc<Picture>,
) -> Result<Arc<Explanation>, Problem> {
    if let Some(known) = parts.explanations.known(&question) {
        return Ok(known);
    }
    let plain = question.plain();
    let plain = plain.and_then(|plain| parts.explanations.known(&plain)?.answer());
    let work = Work {
        engine: parts.engine.clone(),
        adjustment: parts.adjustment,
        picture,
        plan,
        known: plain.map(|answer| answer.attribution),
    };
    parts.explanations.begin(question, work)
}

/// `POST /api/explanations`
pub(super) async fn begin(
    State(service): State<Service>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let parts = &*service.0;
    let asked: Asked = body::json(parts, &headers, body).await?;
    let (question, plan) = asked.check(&parts.engine, &parts.limits)?;
    let picture = parts.picture(&question.picture)?;
    let explanation = known_or_begun(parts, question, plan, picture)?;
    let status = match explanation.phase() {
        Phase::Done => StatusCode::OK,
        _ => StatusCode::ACCEPTED,
    };
    Ok(full(parts, status, &explanation))
}

/// `GET /api/explanations/{id}`
pub(super) async fn get(
    State(service): State<Service>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let explanation = service.0.explanations.get(&id)?;
    explanation.is_asked_for();
    Ok(full(&service.0, StatusCode::OK, &explanation))
}

/// `DELETE /api/explanations/{id}`
pub(super) async fn cancel(
    State(service): State<Service>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let explanations = &service.0.explanations;
    let explanation = explanations.get(&id)?;
    explanation.end(&explanations.pool, Phase::Cancelled);
    Ok(answer(
        StatusCode::OK,
        &explanation.told(&explanations.pool),
    ))
}

/// `GET /api/explanations/{id}/events`
pub(super) async fn events(
    State(service): State<Service>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let explanation = service.0.explanations.get(&id)?;
    Ok(crate::events::events(service, explanation).into_response())
}

/// What the address of `/api/explain` says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pair {
    caption: String,
    #[serde(default = "usual")]
    method: String,
    instead_of: Option<String>,
    baseline: Option<Baseline>,
    kappa: Option<f64>,
    seeds: Option<usize>,
    interactions: Option<String>,
    betas: Option<String>,
}

impl Pair {
    /// The question, of a picture that is not there yet.
    fn asked(self) -> Result<Asked, Problem> {
        let betas = match &self.betas {
            None => Vec::new(),
            Some(text) => {
                let numbers = text.split(',').map(|number| number.trim().parse());
                numbers.collect::<Result<_, _>>().map_err(|_| {
                    Problem::malformed(format!(
                        "betas is \"{}\", expected numbers with commas between them",
                        visible(text)
                    ))
                })?
            }
        };
        Ok(Asked {
            picture: String::new(),
            caption: self.caption,
            method: self.method,
            instead_of: self.instead_of.into_iter().collect(),
            baseline: self.baseline,
            kappa: self.kappa,
            seeds: self.seeds,
            interactions: self.interactions,
            betas,
        })
    }
}

/// Cancels an explanation when whoever waits for it has gone.
struct Waiting<'a>(&'a Parts, Arc<Explanation>);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.1.end(&self.0.explanations.pool, Phase::Cancelled);
    }
}

/// `POST /api/explain`
pub(super) async fn explain(
    State(service): State<Service>,
    pair: Result<Query<Pair>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Query(pair) = pair.map_err(|rejection| query(&rejection))?;
    let parts = &*service.0;
    // What is wrong with the question is known before its picture is sent.
    let (mut question, plan) = pair.asked()?.check(&parts.engine, &parts.limits)?;
    let picture = taken(&service, &headers, body).await?;
    question.picture.clone_from(&picture.id);
    let explanation = known_or_begun(parts, question, plan, picture)?;
    let waiting = Waiting(parts, explanation.clone());
    let mut phases = explanation.watch();
    // The sender lives in the explanation itself.
    let _ = phases.wait_for(Phase::is_over).await;
    drop(waiting);
    match explanation.phase() {
        Phase::Failed(problem) | Phase::TimedOut(problem) => Err(problem),
        Phase::Cancelled if parts.is_closing() => Err(crate::pool::closing()),
        Phase::Cancelled => Err(Problem::new(
            StatusCode::CONFLICT,
            "the explanation was cancelled by another request",
        )),
        _ => Ok(full(parts, StatusCode::OK, &explanation)),
    }
}

/// Has a worker draw what came of an explanation, at a price of its path if one is named.
async fn drawn(
    service: &Service,
    id: &str,
    beta: Option<f64>,
    draw: impl FnOnce(&Attribution, &DynamicImage) -> Result<Response, Problem> + Send + 'static,
) -> Result<Response, Problem> {
    let parts = service.0.clone();
    let explanation = parts.explanations.get(id)?;
    let made = explanation.answer().ok_or_else(not_done)?;
    made.at(beta)?;
    let picture = parts.picture(&explanation.question.picture)?;
    let adjustment = parts.adjustment;
    let work = move || {
        let image = picture.image(&adjustment)?;
        draw(made.at(beta)?, &image)
    };
    parts.errands.ask(work).await?
}

fn not_done() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "the explanation is not done, so there is nothing to draw yet; its events say when it is",
    )
}

/// `GET /api/explanations/{id}/picture.png`
pub(super) async fn png(
    State(service): State<Service>,
    Path(id): Path<String>,
    drawing: Result<Query<Drawing>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(drawing) = drawing.map_err(|rejection| query(&rejection))?;
    let (map, beta) = (drawing.check()?, drawing.beta);
    let draw = move |attribution: &Attribution, image: &DynamicImage| {
        drawn::png(attribution, image, &drawing, map)
    };
    drawn(&service, &id, beta, draw).await
}

/// `GET /api/explanations/{id}/mask.png`
pub(super) async fn mask(
    State(service): State<Service>,
    Path(id): Path<String>,
    cut: Result<Query<Cut>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(cut) = cut.map_err(|rejection| query(&rejection))?;
    let segmenter = cut.check()?;
    let draw =
        move |attribution: &Attribution, _: &DynamicImage| drawn::mask(attribution, &segmenter);
    drawn(&service, &id, cut.beta, draw).await
}

/// `GET /api/explanations/{id}/page.html`
pub(super) async fn html(
    State(service): State<Service>,
    Path(id): Path<String>,
    at: Result<Query<At>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(at) = at.map_err(|rejection| query(&rejection))?;
    drawn(&service, &id, at.beta, drawn::html).await
}

/// `GET /api/explanations/{id}/attribution.json`
pub(super) async fn json(
    State(service): State<Service>,
    Path(id): Path<String>,
    at: Result<Query<At>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(at) = at.map_err(|rejection| query(&rejection))?;
    let explanation = service.0.explanations.get(&id)?;
    let made = explanation.answer().ok_or_else(not_done)?;
    drawn::json(made.at(at.beta)?)
}
