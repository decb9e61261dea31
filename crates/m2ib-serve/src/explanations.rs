//! All explanations that are asked for or kept.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use m2ib::{Attribution, Scope};

use crate::engine::{self, Engine};
use crate::explanation::{Explanation, Phase, timed_out};
use crate::limits::Limits;
use crate::picture::Picture;
use crate::pool::Pool;
use crate::problem::Problem;
use crate::question::{Plan, Question};

/// The workers, and what they made.
pub(crate) struct Explanations {
    pub(crate) pool: Pool,
    /// The last used last.
    kept: Mutex<VecDeque<Arc<Explanation>>>,
    limits: Limits,
    /// Makes ids that nobody guesses: they lead to other people's pictures and captions.
    secrets: [RandomState; 2],
    made: AtomicU64,
}

/// What a worker needs of the service.
pub(crate) struct Work {
    pub(crate) engine: Arc<Engine>,
    pub(crate) adjustment: m2ib::clip_input::Adjustment,
    pub(crate) picture: Arc<Picture>,
    pub(crate) plan: Plan,
    /// The map, where the question without what is added to it was answered before.
    pub(crate) known: Option<Arc<Attribution>>,
}

impl Explanations {
    pub(crate) fn new(limits: &Limits) -> std::io::Result<Self> {
        Ok(Self {
            pool: Pool::start("explain", limits.workers, limits.queue)?,
            kept: Mutex::default(),
            limits: limits.clone(),
            secrets: [RandomState::new(), RandomState::new()],
            made: AtomicU64::new(0),
        })
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Arc<Explanation>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One that is there, whatever has become of it.
    pub(crate) fn get(&self, id: &str) -> Result<Arc<Explanation>, Problem> {
        let mut kept = self.kept();
        let place = kept.iter().position(|explanation| explanation.id == id);
        let Some(found) = place.and_then(|place| kept.remove(place)) else {
            return Err(Problem::not_found(
                "there is no such explanation, or it was dropped to make room for others; ask for it again",
            ));
        };
        kept.push_back(found.clone());
        Ok(found)
    }

    /// One that is done and answers the question.
    pub(crate) fn known(&self, question: &Question) -> Option<Arc<Explanation>> {
        let kept = self.kept();
        let mut kept = kept.iter().rev();
        kept.find(|known| known.question == *question && matches!(known.phase(), Phase::Done))
            .cloned()
    }

    /// Queues a new one.
    pub(crate) fn begin(
        &self,
        question: Question,
        work: Work,
    ) -> Result<Arc<Explanation>, Problem> {
        let explanation = Arc::new(Explanation::new(self.new_id(), question));
        let its_own = explanation.clone();
        let ticket = self.pool.submit(move || explain(&its_own, &work))?;
        explanation.queued_as(ticket);
        self.keep(explanation.clone());
        self.time(explanation.clone());
        Ok(explanation)
    }

    fn new_id(&self) -> String {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let halves = self
            .secrets
            .each_ref()
            .map(|secret| secret.hash_one(number));
        format!("{:016x}{:016x}", halves[0], halves[1])
    }

    fn keep(&self, explanation: Arc<Explanation>) {
        let mut kept = self.kept();
        kept.push_back(explanation);
        let most = self.limits.explanations.max(1);
        let mut maps: usize = kept.iter().map(|kept| kept.maps()).sum();
        // Those that go on are few: no more than workers and places in the queue.
        while kept.len() > most || maps > self.limits.maps {
            let over = kept.iter().position(|kept| kept.phase().is_over());
            let Some(place) = over else { break };
            maps -= kept.remove(place).map_or(0, |gone| gone.maps());
        }
    }

    /// Stops it when its time is over, which begins when it is no longer waiting.
    fn time(&self, explanation: Arc<Explanation>) {
        let limit = self.limits.time;
        tokio::spawn(async move {
            let mut phase = explanation.watch();
            // Whatever is dropped has ended.
            if phase.wait_for(|phase| !phase.is_waiting()).await.is_err() {
                return;
            }
            let over = phase.wait_for(Phase::is_over);
            if tokio::time::timeout(limit, over).await.is_err() {
                explanation.becomes(timed_out(limit));
                explanation.stop().stop();
            }
        });
    }

    /// Ends all, and the workers.
    pub(crate) fn close(&self) {
        let kept: Vec<_> = self.kept().iter().cloned().collect();
        for explanation in kept {
            explanation.end(&self.pool, Phase::Cancelled);
        }
        self.pool.close();
    }
}

/// What a worker does.
fn explain(explanation: &Explanation, work: &Work) {
    if !explanation.becomes(Phase::Working(None)) {
        return;
    }
    let began = Instant::now();
    let image = match work.picture.image(&work.adjustment) {
        Ok(image) => image,
        Err(problem) => {
            explanation.becomes(Phase::Failed(problem));
            return;
        }
    };
    let on_step = |steps| {
        explanation.becomes(Phase::Working(Some(steps)));
    };
    let caption = &explanation.question.caption;
    let explained = m2ib_files::caught(|| {
        let scope = Scope::new().with_stop(explanation.stop());
        scope.run(|| {
            let known = work.known.as_deref();
            work.engine
                .explain(&image, caption, &work.plan, known, &on_step)
        })
    });
    match explained {
        Ok(Ok(mut found)) => {
            found.attribution.provenance.adjustment = work.adjustment;
            for (_, attribution) in &mut found.path {
                attribution.provenance.adjustment = work.adjustment;
            }
            explanation.is_done_with(found, began);
        }
        Ok(Err(error)) if engine::is_stopped(&error) => {
            explanation.becomes(Phase::Cancelled);
        }
        Ok(Err(error)) => {
            explanation.becomes(Phase::Failed(engine::problem(&error)));
        }
        Err(reason) => {
            tracing::error!("an explanation broke off: {reason}");
            let detail = format!("the computation broke off: {reason}");
            explanation.becomes(Phase::Failed(Problem::fault(detail)));
        }
    }
}
