//! What can go wrong in a bottleneck.

/// Result of this crate's fallible functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Each variant names the argument or the step.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting outside its range.
    #[error("{name} is {found}, expected {expected}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        found: String,
        /// What is accepted.
        expected: &'static str,
    },
    /// Tensors that do not fit together.
    #[error("{what} has shape {found:?}, expected {expected:?}")]
    Shape {
        /// Which tensor.
        what: &'static str,
        /// Its shape.
        found: Vec<usize>,
        /// The shape that fits.
        expected: Vec<usize>,
    },
    /// A NaN or an infinity.
    #[error(
        "{what} is not finite at step {step}; the model's weights, the input or an extreme β, σ or learning rate may be the cause"
    )]
    NotFinite {
        /// Which number.
        what: &'static str,
        /// The evaluation it was found at, from 1; 0 is before the first.
        step: usize,
    },
    /// A recording with fewer steps than were asked for.
    #[error("the recorded noise ends after {recorded} steps, step {wanted} was asked for")]
    NoiseExhausted {
        /// Steps recorded.
        recorded: usize,
        /// The step asked for, from 1.
        wanted: usize,
    },
    /// The system would not start threads.
    #[error("{wanted} threads could not be started: {reason}; set RAYON_NUM_THREADS to fewer")]
    Threads {
        /// How many were asked for.
        wanted: usize,
        /// The system's reason.
        reason: String,
    },
    /// The backend could not deliver a tensor's values.
    #[error("the device failed to compute: {reason}")]
    Device {
        /// The backend's reason.
        reason: String,
    },
}
