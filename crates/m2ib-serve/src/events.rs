//! How far an explanation is, as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::stream::{Stream, unfold};
use tokio::sync::watch;

use crate::explanation::{Explanation, Phase};
use crate::service::Service;

/// Steps of a small model follow each other faster than anybody sees.
const PAUSE: Duration = Duration::from_millis(40);

/// So often is said who is still waiting.
const WAITING: Duration = Duration::from_secs(1);

/// Somebody who follows an explanation. When the last of them has gone and nobody asks for it, it is stopped:
/// a page that was closed or loaded anew is not there to cancel it.
struct Watching(Service, Arc<Explanation>);

impl Watching {
    fn of(service: Service, explanation: Arc<Explanation>) -> Self {
        explanation.is_watched();
        Self(service, explanation)
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let (service, explanation) = (self.0.clone(), self.1.clone());
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        if !explanation.is_left() || explanation.phase().is_over() {
            return;
        }
        let after = service.0.limits.forgotten;
        runtime.spawn(async move {
            tokio::time::sleep(after).await;
            if explanation.is_forgotten(after) {
                explanation.end(&service.0.explanations.pool, Phase::Cancelled);
            }
        });
    }
}

/// Where the next event comes from.
enum From {
    /// What holds now.
    Now(watch::Receiver<Phase>),
    /// What comes next.
    Change(watch::Receiver<Phase>),
    End,
}

/// Every state from now to the last one, each as the JSON of `/api/explanations/{id}` without its result.
pub(crate) fn events(
    service: Service,
    explanation: Arc<Explanation>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let now = From::Now(explanation.watch());
    let watching = Watching::of(service, explanation);
    let stream = unfold(now, move |from| {
        next(watching.0.clone(), watching.1.clone(), from)
    });
    Sse::new(stream).keep_alive(KeepAlive::default())
}

async fn next(
    service: Service,
    explanation: Arc<Explanation>,
    from: From,
) -> Option<(Result<Event, Infallible>, From)> {
    let mut phases = match from {
        From::Now(phases) => phases,
        From::Change(mut phases) => {
            let waiting = phases.borrow().is_waiting();
            match waiting {
                // Its place in the queue may be another.
                true => drop(tokio::time::timeout(WAITING, phases.changed()).await),
                false => {
                    tokio::time::sleep(PAUSE).await;
                    drop(phases.changed().await);
                }
            }
            phases
        }
        From::End => return None,
    };
    let over = phases.borrow_and_update().is_over();
    let told = explanation.told(&service.0.explanations.pool);
    let text = serde_json::to_string(&told).unwrap_or_default();
    let event = Event::default().event("state").data(text);
    let then = match over {
        true => From::End,
        false => From::Change(phases),
    };
    Some((Ok(event), then))
}
