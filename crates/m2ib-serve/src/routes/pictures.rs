//! Pictures given and shown, and captions' similarities to them.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::json;
use crate::body;
use crate::picture::Picture;
use crate::problem::Problem;
use crate::service::Service;
use crate::similarities::{Asked, similarities};

#[derive(Serialize)]
struct About<'a> {
    id: &'a str,
    width: u32,
    height: u32,
}

impl<'a> From<&'a Picture> for About<'a> {
    fn from(picture: &'a Picture) -> Self {
        Self {
            id: &picture.id,
            width: picture.width,
            height: picture.height,
        }
    }
}

/// Reads the picture in a request's body, and keeps it.
pub(super) async fn taken(
    service: &Service,
    headers: &HeaderMap,
    body: Body,
) -> Result<Arc<Picture>, Problem> {
    let parts = &service.0;
    let bytes = body::picture(parts, headers, body).await?;
    let (adjustment, limits) = (parts.adjustment, parts.limits.clone());
    let read = move || Picture::read(bytes, &adjustment, &limits);
    Ok(parts.keep(parts.errands.ask(read).await??))
}

/// `POST /api/pictures`
pub(super) async fn give(
    State(service): State<Service>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let picture = taken(&service, &headers, body).await?;
    Ok(json(StatusCode::CREATED, &About::from(&*picture)))
}

/// `GET /api/pictures/{id}`
pub(super) async fn about(
    State(service): State<Service>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let picture = service.0.picture(&id)?;
    Ok(json(StatusCode::OK, &About::from(&*picture)))
}

/// `GET /api/pictures/{id}/shown`
pub(super) async fn shown(
    State(service): State<Service>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let picture = service.0.picture(&id)?;
    // The same name has the same bytes for ever.
    let headers = [
        (header::CONTENT_TYPE, picture.shown_type),
        (header::CACHE_CONTROL, "private, max-age=3600"),
    ];
    Ok((headers, picture.shown.clone()).into_response())
}

/// `POST /api/similarities`
pub(super) async fn similar(
    State(service): State<Service>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let parts = service.0.clone();
    let asked: Asked = body::json(&parts, &headers, body).await?;
    let (found, most) = (asked.captions.len(), parts.limits.captions);
    if !(1..=most).contains(&found) {
        return Err(Problem::senseless(format!(
            "there are {found} captions, expected 1 to {most}"
        )));
    }
    for caption in &asked.captions {
        parts.engine.check_caption(caption, &parts.limits)?;
    }
    let picture = parts.picture(&asked.picture)?;
    let work = {
        let parts = parts.clone();
        move || {
            let image = picture.image(&parts.adjustment)?;
            let similarities = similarities(&parts.engine, &image, &asked.captions);
            similarities.map_err(|error| Problem::fault(m2ib_files::causes(&error)))
        }
    };
    Ok(json(StatusCode::OK, &parts.errands.ask(work).await??))
}
