//! A few threads that do work behind a queue of limited length.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

use axum::http::StatusCode;
use tokio::sync::oneshot;

use crate::problem::Problem;

/// Towers recurse little; decoders of other people's pictures may.
const STACK: usize = 8 << 20;

type Work = Box<dyn FnOnce() + Send>;

/// Threads and their queue.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// A piece of work that waits, or waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket(u64);

struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    most: usize,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<(Ticket, Work)>,
    next: u64,
    idle: usize,
    closed: bool,
}

impl Pool {
    /// `most` pieces of work may wait while all threads are busy.
    pub(crate) fn start(name: &str, threads: usize, most: usize) -> io::Result<Self> {
        let pool = Self {
            shared: Arc::new(Shared {
                queue: Mutex::default(),
                wake: Condvar::new(),
                most,
            }),
            threads: Mutex::default(),
        };
        for number in 0..threads.max(1) {
            let shared = pool.shared.clone();
            let builder = Builder::new().name(format!("{name}-{number}"));
            // Idle from the start, so that the first requests do not depend on when it wakes.
            shared.queue().idle += 1;
            let thread = builder.stack_size(STACK).spawn(move || shared.work())?;
            pool.threads().push(thread);
        }
        Ok(pool)
    }

    /// Queues a piece of work.
    pub(crate) fn submit(&self, work: impl FnOnce() + Send + 'static) -> Result<Ticket, Problem> {
        let mut queue = self.shared.queue();
        if queue.closed {
            return Err(closing());
        }
        if queue.waiting.len() >= self.shared.most + queue.idle {
            return Err(Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                format!(
                    "all workers are busy and {} requests wait already, as many as may; try again in a moment",
                    queue.waiting.len()
                ),
            ));
        }
        let ticket = Ticket(queue.next);
        queue.next += 1;
        queue.waiting.push_back((ticket, Box::new(work)));
        drop(queue);
        self.shared.wake.notify_one();
        Ok(ticket)
    }

    /// Does a piece of work and gives what came of it, without holding up the thread that asks.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let (sender, receiver) = oneshot::channel();
        self.submit(move || {
            // Nobody waits for it any more.
            if !sender.is_closed() {
                let _ = sender.send(work());
            }
        })?;
        let lost =
            || Problem::fault("the work broke off; the server's log (M2IB_LOG=error) says more");
        receiver.await.map_err(|_| lost())
    }

    /// Takes back what has not begun; whether it had not.
    pub(crate) fn withdraw(&self, ticket: Ticket) -> bool {
        let mut queue = self.shared.queue();
        let place = queue.waiting.iter().position(|(other, _)| *other == ticket);
        place
            .and_then(|place| queue.waiting.remove(place))
            .is_some()
    }

    /// How many come before it; none if it no longer waits.
    pub(crate) fn ahead(&self, ticket: Ticket) -> Option<usize> {
        let queue = self.shared.queue();
        queue.waiting.iter().position(|(other, _)| *other == ticket)
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.shared.queue().waiting.len()
    }

    /// Takes no more work, drops what waits, and ends with what is being done.
    pub(crate) fn close(&self) {
        let mut queue = self.shared.queue();
        queue.closed = true;
        let dropped = std::mem::take(&mut queue.waiting);
        drop(queue);
        drop(dropped);
        self.shared.wake.notify_all();
        for thread in std::mem::take(&mut *self.threads()) {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }

    fn threads(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        loop {
            let mut queue = self.queue();
            let work = loop {
                if let Some((_, work)) = queue.waiting.pop_front() {
                    break work;
                }
                if queue.closed {
                    return;
                }
                queue = self
                    .wake
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner);
            };
            queue.idle -= 1;
            drop(queue);
            if let Err(reason) = m2ib_files::caught(work) {
                tracing::error!("a worker's task broke off: {reason}");
            }
            self.queue().idle += 1;
        }
    }
}

/// What is said while the server ends.
pub(crate) fn closing() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "the server is shutting down and takes no more work",
    )
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn one_more_than_may_wait_is_refused_and_what_is_withdrawn_makes_room() {
        let pool = Pool::start("test", 1, 1).unwrap();
        let (go, gate) = channel::<()>();
        let (done, said) = channel();
        let tell = |what: &'static str| {
            let done = done.clone();
            move || done.send(what).unwrap()
        };
        let (begun, begin) = channel();
        pool.submit(move || {
            begun.send(()).unwrap();
            gate.recv().unwrap();
        })
        .unwrap();
        begin.recv().unwrap();
        let waiting = pool.submit(tell("first")).unwrap();
        assert_eq!(pool.ahead(waiting), Some(0));
        let refused = pool.submit(tell("second")).unwrap_err();
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        assert!(pool.withdraw(waiting) && !pool.withdraw(waiting));
        pool.submit(tell("third")).unwrap();
        go.send(()).unwrap();
        assert_eq!(said.recv(), Ok("third"));
        pool.close();
        let refused = pool.submit(tell("fourth")).unwrap_err();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn a_thread_outlives_work_that_panics() {
        let pool = Pool::start("test", 1, 4).unwrap();
        pool.submit(|| panic!("on purpose")).unwrap();
        let (done, said) = channel();
        pool.submit(move || done.send(3).unwrap()).unwrap();
        assert_eq!(said.recv(), Ok(3));
    }
}
