//! One explanation on its way: waiting, being computed, done or ended otherwise.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use m2ib::{Attribution, Stop};
use serde::Serialize;
use tokio::sync::watch;

use crate::engine::{Found, Steps};
use crate::pool::{Pool, Ticket};
use crate::problem::Problem;
use crate::question::Question;

/// How far it is. Only the first end counts: what is cancelled as it gets done is cancelled.
#[derive(Debug, Clone)]
pub(crate) enum Phase {
    Waiting,
    Working(Option<Steps>),
    Done,
    Failed(Problem),
    Cancelled,
    TimedOut(Problem),
}

/// A question and what has become of it.
pub(crate) struct Explanation {
    pub(crate) id: String,
    pub(crate) question: Question,
    stop: Stop,
    phase: watch::Sender<Phase>,
    ticket: Mutex<Option<Ticket>>,
    answer: Mutex<Option<Answer>>,
    /// How many follow its events, and when somebody last asked for it.
    watchers: AtomicUsize,
    asked: Mutex<Instant>,
}

/// What came of it.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) attribution: Arc<Attribution>,
    /// The same at each price that was asked for.
    pub(crate) path: Arc<[(f64, Attribution)]>,
    pub(crate) took: Duration,
}

impl Answer {
    /// The explanation at a price of its path, or at the method's own.
    pub(crate) fn at(&self, beta: Option<f64>) -> Result<&Attribution, Problem> {
        let Some(beta) = beta else {
            return Ok(&self.attribution);
        };
        let mut path = self.path.iter();
        let found = path.find(|(known, _)| *known == beta);
        found.map(|(_, attribution)| attribution).ok_or_else(|| {
            let known = self.path.iter().map(|(known, _)| known.to_string());
            let known = known.collect::<Vec<_>>().join(", ");
            let known = if known.is_empty() { "none" } else { &known };
            Problem::senseless(format!(
                "beta is {beta}, expected one that betas asked for: {known}"
            ))
        })
    }

    /// How many maps it holds, which is what it takes of the memory.
    fn maps(&self) -> usize {
        let of = |attribution: &Attribution| {
            let asked = &attribution.asked;
            let words = asked.interactions.as_ref().map_or(0, |it| it.words.len());
            let spread = asked.spread.as_ref();
            let spread = spread.map_or(0, |spread| 2 + spread.image.maps.len());
            1 + usize::from(asked.contrast.is_some()) + spread + words
        };
        of(&self.attribution) + self.path.iter().map(|(_, one)| of(one)).sum::<usize>()
    }
}

/// What clients are told of it while it goes on, and when it has ended.
#[derive(Debug, Serialize)]
pub(crate) struct Told<'a> {
    pub(crate) id: &'a str,
    pub(crate) state: &'static str,
    pub(crate) question: &'a Question,
    /// How many wait before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ahead: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) progress: Option<Steps>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<Problem>,
}

impl Phase {
    pub(crate) fn is_over(&self) -> bool {
        !matches!(self, Self::Waiting | Self::Working(_))
    }

    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self, Self::Waiting)
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Working(_) => "working",
            Self::Done => "done",
            Self::Failed(_) => "failed",
            Self::Cancelled => "cancelled",
            Self::TimedOut(_) => "timed_out",
        }
    }
}

impl Explanation {
    pub(crate) fn new(id: String, question: Question) -> Self {
        Self {
            id,
            question,
            stop: Stop::new(),
            phase: watch::Sender::new(Phase::Waiting),
            ticket: Mutex::default(),
            answer: Mutex::default(),
            watchers: AtomicUsize::new(0),
            asked: Mutex::new(Instant::now()),
        }
    }

    pub(crate) fn stop(&self) -> &Stop {
        &self.stop
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase.borrow().clone()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    pub(crate) fn queued_as(&self, ticket: Ticket) {
        *self.ticket.lock().unwrap_or_else(PoisonError::into_inner) = Some(ticket);
    }

    pub(crate) fn ticket(&self) -> Option<Ticket> {
        *self.ticket.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says what has become of it, unless it has ended; whether it had not.
    pub(crate) fn becomes(&self, new: Phase) -> bool {
        self.phase.send_if_modified(|phase| {
            let goes_on = !phase.is_over();
            if goes_on {
                *phase = new;
            }
            goes_on
        })
    }

    pub(crate) fn is_done_with(&self, found: Found, began: Instant) {
        // Before it is said, so that whoever hears of it finds it.
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(Answer {
            attribution: found.attribution.into(),
            path: found.path.into(),
            took: began.elapsed(),
        });
        self.becomes(Phase::Done);
    }

    /// What came of it, once it is done.
    pub(crate) fn answer(&self) -> Option<Answer> {
        match &*self.phase.borrow() {
            Phase::Done => self
                .answer
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
            _ => None,
        }
    }

    /// Somebody asks for it.
    pub(crate) fn is_asked_for(&self) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Somebody follows its events.
    pub(crate) fn is_watched(&self) {
        self.watchers.fetch_add(1, Ordering::Relaxed);
    }

    /// Somebody follows them no longer; whether nobody does.
    pub(crate) fn is_left(&self) -> bool {
        self.is_asked_for();
        self.watchers.fetch_sub(1, Ordering::Relaxed) == 1
    }

    /// Whether nobody follows it, nor has asked for it for so long.
    pub(crate) fn is_forgotten(&self, after: Duration) -> bool {
        let asked = *self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        self.watchers.load(Ordering::Relaxed) == 0 && asked.elapsed() >= after
    }

    /// How many maps are kept of it.
    pub(crate) fn maps(&self) -> usize {
        self.answer().map_or(0, |answer| answer.maps())
    }

    /// Ends it, if it has not ended.
    pub(crate) fn end(&self, pool: &Pool, phase: Phase) {
        if self.becomes(phase) {
            self.stop.stop();
            if let Some(ticket) = self.ticket() {
                pool.withdraw(ticket);
            }
        }
    }

    pub(crate) fn told(&self, pool: &Pool) -> Told<'_> {
        let phase = self.phase();
        Told {
            id: &self.id,
            state: phase.name(),
            question: &self.question,
            ahead: match phase.is_waiting() {
                true => self.ticket().and_then(|ticket| pool.ahead(ticket)),
                false => None,
            },
            progress: match phase {
                Phase::Working(steps) => steps,
                _ => None,
            },
            problem: match phase {
                Phase::Failed(problem) | Phase::TimedOut(problem) => Some(problem),
                _ => None,
            },
        }
    }
}

/// What is said when the time is over.
pub(crate) fn timed_out(limit: Duration) -> Phase {
    Phase::TimedOut(Problem::new(
        StatusCode::GATEWAY_TIMEOUT,
        format!(
            "the explanation was not done within {} s and was stopped; choose a quicker method or preset, such as m2ib-fast, or start the server with a higher --time-limit",
            limit.as_secs()
        ),
    ))
}
