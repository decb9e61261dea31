//! What clients send, read within limits.

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

use crate::problem::Problem;
use crate::service::Parts;

/// Questions are short: captions and the name of a method.
const MOST_JSON: usize = 1 << 20;

/// All bytes of a body of at most so many.
async fn read(
    parts: &Parts,
    headers: &HeaderMap,
    body: Body,
    (what, most): (&str, usize),
    turns: &Semaphore,
) -> Result<Vec<u8>, Problem> {
    let too_large = || {
        Problem::too_large(format!(
            "{what} has more than {most} bytes, which is the most that this server takes"
        ))
    };
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > most as u64) {
        return Err(too_large());
    }
    let sending = parts.limits.sending;
    // Those that are slow have their time, and those that wait for them another.
    let _permit = match tokio::time::timeout(sending, turns.acquire()).await {
        Ok(Ok(permit)) => permit,
        Ok(Err(_)) => return Err(crate::pool::closing()),
        Err(_) => {
            let seconds = sending.as_secs();
            return Err(Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                format!(
                    "so many others are sending that {what} had no turn within {seconds} s; try again"
                ),
            ));
        }
    };
    let whole = async {
        let mut bytes = Vec::new();
        let mut chunks = body.into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let broken = |error| Problem::malformed(format!("{what} broke off: {error}"));
            let chunk = chunk.map_err(broken)?;
            if bytes.len() + chunk.len() > most {
                return Err(too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    };
    let late = |_| {
        let seconds = sending.as_secs();
        let detail = format!("{what} was not there whole within {seconds} s; send it again");
        Problem::new(StatusCode::REQUEST_TIMEOUT, detail)
    };
    tokio::time::timeout(sending, whole).await.map_err(late)?
}

/// A picture's bytes.
pub(crate) async fn picture(
    parts: &Parts,
    headers: &HeaderMap,
    body: Body,
) -> Result<Vec<u8>, Problem> {
    let bytes = read(
        parts,
        headers,
        body,
        ("the picture", parts.limits.picture_bytes),
        &parts.bodies,
    )
    .await?;
    if bytes.is_empty() {
        return Err(Problem::malformed(
            "the request has no body, expected a picture's bytes: PNG, JPEG, WebP, GIF, BMP or TIFF",
        ));
    }
    Ok(bytes)
}

/// A question.
pub(crate) async fn json<T: DeserializeOwned>(
    parts: &Parts,
    headers: &HeaderMap,
    body: Body,
) -> Result<T, Problem> {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!(
                "the body's Content-Type is \"{}\", expected application/json",
                m2ib::draw::visible(kind)
            ),
        ));
    }
    let most = ("the question", MOST_JSON);
    let bytes = read(parts, headers, body, most, &parts.questions).await?;
    let wrong = |error: serde_json::Error| {
        let error = error.to_string();
        let detail = format!("the body is not the JSON that was expected: {error}");
        Problem::malformed(m2ib::draw::visible(&detail))
    };
    serde_json::from_slice(&bytes).map_err(wrong)
}
