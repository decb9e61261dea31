//! Work that leaves Python free: other threads of Python go on, and Ctrl-C is heard.

use std::num::NonZeroUsize;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use m2ib::{Scope, Stop};
use pyo3::prelude::*;
use rayon::ThreadPoolBuilder;

use crate::failure::{Failure, Kind, fault};

/// How often signals are looked for.
const LOOK: Duration = Duration::from_millis(40);
/// How long work that was told to stop is waited for. Where a step takes longer, it ends by itself.
const PATIENCE: Duration = Duration::from_millis(300);
/// What a program's first thread has.
const STACK: usize = 8 << 20;

/// Runs a job on a thread of its own, detached from Python.
///
/// # Errors
/// The job's, or what a signal's handler raised: then the job is told to stop.
pub(crate) fn run<R: Send + 'static>(
    py: Python<'_>,
    threads: Option<NonZeroUsize>,
    job: impl FnOnce() -> Result<R, Failure> + Send + 'static,
) -> PyResult<R> {
    run_with(py, threads, job, |_| Ok(()))
}

/// As [`run`], calling `look` now and then, which stops the job if it fails.
pub(crate) fn run_with<R: Send + 'static>(
    py: Python<'_>,
    threads: Option<NonZeroUsize>,
    job: impl FnOnce() -> Result<R, Failure> + Send + 'static,
    mut look: impl FnMut(Python<'_>) -> PyResult<()>,
) -> PyResult<R> {
    begin()?;
    let stop = Stop::new();
    let mut scope = Scope::new().with_stop(&stop);
    if let Some(threads) = threads {
        scope = scope.with_threads(threads);
    }
    let (done, result) = channel();
    let work = move || {
        let result = m2ib_files::caught(|| scope.run(job));
        // Nobody waits any more for what was interrupted.
        let _ = done.send(result.unwrap_or_else(|panic| Err(fault(panic))));
    };
    let thread = std::thread::Builder::new().name("m2ib".into());
    thread.stack_size(STACK).spawn(work).map_err(|error| {
        let reason = format!("the system starts no thread: {error}; allow it more processes");
        Failure::new(Kind::Device, reason)
    })?;
    // Receivers are for one thread, and this may be another behind the wait than before it.
    let result = Mutex::new(result);
    let wait = |time| match result.lock() {
        Ok(result) => result.recv_timeout(time),
        Err(_) => Err(RecvTimeoutError::Disconnected),
    };
    loop {
        match py.detach(|| wait(LOOK)) {
            Ok(result) => return Ok(result?),
            Err(RecvTimeoutError::Disconnected) => return Err(fault("a thread is lost").into()),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Err(interrupt) = py.check_signals().and_then(|()| look(py)) {
            stop.stop();
            let _ = py.detach(|| wait(PATIENCE));
            return Err(interrupt);
        }
    }
}

/// Sets threads up before the first work of a process.
///
/// # Errors
/// In a process that was forked from one with threads, which the child has not got.
fn begin() -> Result<(), Failure> {
    static PROCESS: OnceLock<u32> = OnceLock::new();
    let process = *PROCESS.get_or_init(|| {
        // All work is done by the threads that lanes share; rayon's own would come on top of them.
        // Where another part of the process has made them, they are as they are.
        let _ = ThreadPoolBuilder::new().num_threads(1).build_global();
        std::process::id()
    });
    if process == std::process::id() {
        return Ok(());
    }
    Err(Failure::new(
        Kind::Device,
        "this process was forked from one in which m2ib had begun to compute, and m2ib's threads stayed behind; start processes with multiprocessing's \"spawn\" or \"forkserver\", or use m2ib only in the forked ones",
    ))
}
