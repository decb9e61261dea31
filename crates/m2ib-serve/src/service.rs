//! A model with everything that answers for it.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use m2ib::clip_input::Adjustment;
use m2ib::{Calibration, DualEncoder};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::connections;
use crate::engine::Engine;
use crate::explanations::Explanations;
use crate::guard::Allowed;
use crate::limits::Limits;
use crate::picture::Picture;
use crate::pictures::Pictures;
use crate::pool::Pool;
use crate::problem::Problem;
use crate::routes;

/// Result of this crate's fallible functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a service does not start, or ends.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The model.
    #[error(transparent)]
    Model(#[from] m2ib::Error),
    /// A picture to try things out with.
    #[error("the sample \"{name}\": {reason}")]
    Sample {
        /// Its name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Threads that the system does not give.
    #[error("the system starts no thread for the server: {0}; allow it more processes")]
    Threads(std::io::Error),
}

/// What a service is made of, besides its model.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Settings {
    /// Feature statistics for matched noise.
    pub calibration: Option<Calibration>,
    /// What is done to every picture before the model sees it.
    pub adjustment: Adjustment,
    /// Pictures to try things out with.
    pub samples: Vec<Sample>,
    /// Names, besides those of the loopback and of the address, that clients may call the server by.
    pub hosts: Vec<String>,
    /// What is taken and kept.
    pub limits: Limits,
}

/// A picture to try things out with, which is always there.
#[derive(Debug, Clone)]
pub struct Sample {
    /// What it is called.
    pub name: String,
    /// Its file's bytes.
    pub bytes: Vec<u8>,
    /// What may be asked about it.
    pub captions: Vec<String>,
}

/// Explains over HTTP. Clones are the same service.
#[derive(Clone)]
pub struct Service(pub(crate) Arc<Parts>);

pub(crate) struct Parts {
    pub(crate) engine: Arc<Engine>,
    pub(crate) explanations: Explanations,
    /// What takes a moment: pictures read and drawn, similarities.
    pub(crate) errands: Pool,
    pictures: Mutex<Pictures>,
    pub(crate) samples: Vec<(Sample, Arc<Picture>)>,
    pub(crate) adjustment: Adjustment,
    pub(crate) hosts: Vec<String>,
    pub(crate) limits: Limits,
    pub(crate) bodies: Semaphore,
    /// Questions are short, and wait for no picture.
    pub(crate) questions: Semaphore,
    closing: AtomicBool,
}

impl Service {
    /// A service for a model.
    ///
    /// # Errors
    /// [`Error::Model`], [`Error::Sample`], [`Error::Threads`].
    pub fn new(model: DualEncoder, settings: Settings) -> Result<Self> {
        let Settings {
            calibration,
            adjustment,
            samples,
            hosts,
            limits,
        } = settings;
        let read = |sample: Sample| {
            let read = Picture::read(sample.bytes.clone(), &adjustment, &limits);
            let picture = read.map_err(|problem| Error::Sample {
                name: sample.name.clone(),
                reason: problem.detail().into(),
            })?;
            Ok((sample, Arc::new(picture)))
        };
        let samples = samples.into_iter().map(read).collect::<Result<_>>()?;
        let errands = Pool::start("errand", 2, limits.queue.saturating_mul(2).max(8));
        let parts = Parts {
            engine: Arc::new(Engine::new(model, calibration)?),
            explanations: Explanations::new(&limits).map_err(Error::Threads)?,
            errands: errands.map_err(Error::Threads)?,
            pictures: Mutex::new(Pictures::new(&limits)),
            samples,
            adjustment,
            hosts,
            bodies: Semaphore::new(limits.bodies.max(1)),
            questions: Semaphore::new(limits.bodies.max(1).saturating_mul(4)),
            limits,
            closing: AtomicBool::new(false),
        };
        let engine = parts.engine.clone();
        // In an empty queue there is room.
        let _ = parts.errands.submit(move || engine.warm());
        Ok(Self(Arc::new(parts)))
    }

    /// Everything that is answered, for clients that call the server by its address, by names of the
    /// loopback or by the [names allowed](Settings::hosts).
    ///
    /// It must be called, and polled, within a tokio runtime.
    pub fn router(&self, address: SocketAddr) -> Router {
        routes::router(self, Allowed::new(address, &self.0.hosts))
    }

    /// Paths that are answered, with `{…}` for a part that varies.
    pub fn paths() -> Vec<&'static str> {
        routes::paths()
    }

    /// Serves until `stop` is ready; then running explanations are stopped, their clients told, and
    /// connections ended.
    ///
    /// # Errors
    /// [`std::io::Error`] where the listener has no address.
    pub async fn run(
        &self,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
    ) -> std::io::Result<()> {
        let router = self.router(listener.local_addr()?);
        let served = connections::serve(listener, router, &self.0.limits, async {
            stop.await;
            self.close_in_background().await;
        });
        served.await;
        Ok(())
    }

    /// Takes no more work and stops what is being done. Waits for the workers.
    pub fn close(&self) {
        self.0.closing.store(true, Ordering::Relaxed);
        self.0.explanations.close();
        self.0.errands.close();
    }

    async fn close_in_background(&self) {
        let service = self.clone();
        let closed = tokio::task::spawn_blocking(move || service.close());
        // A step of a large model may take longer; nobody has to wait for it.
        const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);
        let _ = tokio::time::timeout(PATIENCE, closed).await;
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let model = self.0.engine.model().name();
        f.debug_struct("Service")
            .field("model", &model)
            .finish_non_exhaustive()
    }
}

impl Parts {
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    pub(crate) fn keep(&self, picture: Picture) -> Arc<Picture> {
        let mut pictures = self.pictures.lock().unwrap_or_else(PoisonError::into_inner);
        pictures.keep(picture)
    }

    pub(crate) fn picture(&self, id: &str) -> Result<Arc<Picture>, Problem> {
        let mut pictures = self.pictures.lock().unwrap_or_else(PoisonError::into_inner);
        let sample = || {
            let samples = self.samples.iter();
            let mut pictures = samples.map(|(_, picture)| picture);
            pictures.find(|picture| picture.id == id).cloned()
        };
        pictures.get(id).or_else(sample).ok_or_else(|| {
            Problem::not_found(
                "there is no such picture, or it was dropped to make room for others; send it again",
            )
        })
    }
}
