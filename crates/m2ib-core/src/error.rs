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
    /// More or fewer gates than a token's features can be shared out over evenly.
    #[error(
        "gates is {groups}, expected a divisor of the hidden width {width}, \"unit\" or \"token\""
    )]
    Gates {
        /// Groups asked for.
        groups: usize,
        /// Features of a token.
        width: usize,
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
    #[error(
        "{wanted} threads could not be started: {reason}; ask for fewer (RAYON_NUM_THREADS, or `threads` where it is set)"
    )]
    Threads {
        /// How many were asked for.
        wanted: usize,
        /// The system's reason.
        reason: String,
    },
    /// Work that was told to [stop](crate::Stop).
    #[error("stopped before it was done")]
    Stopped,
    /// The device's memory is full, or one tensor outgrows what it takes as one piece.
    #[error(
        "the device is out of memory ({reason}); use another device, a smaller model, or a precision of 16 bits"
    )]
    OutOfMemory {
        /// The backend's reason.
        reason: String,
    },
    /// The backend could not deliver a tensor's values.
    #[error("the device failed to compute: {reason}")]
    Device {
        /// The backend's reason.
        reason: String,
    },
}

impl Error {
    /// What a backend reports when a tensor's values are asked for.
    pub fn from_device(error: impl std::fmt::Display) -> Self {
        let reason = innermost(&error.to_string());
        match is_full(&reason) {
            true => Self::OutOfMemory { reason },
            false => Self::Device { reason },
        }
    }
}

/// Whether a message says that memory ran out; others speak of it too, such as CUDA's "an illegal
/// memory access was encountered".
fn is_full(reason: &str) -> bool {
    // Words and names of constants alike: CUDA_ERROR_OUT_OF_MEMORY, OutOfMemory.
    let reason = reason.to_lowercase().replace(['_', '-'], " ");
    let full = [
        "out of memory",
        "outofmemory",
        "not enough memory",
        "insufficient memory",
        "memory exhausted",
        "memory is full",
        "no memory left",
        "maximum buffer size",
        "max buffer size",
    ];
    let refused = ["can't", "cannot", "could not", "fail", "unable", "refus"];
    let allocates = reason.contains("allocat") && !reason.contains("dealloc");
    full.iter().any(|words| reason.contains(words))
        || allocates && refused.iter().any(|word| reason.contains(word))
}

/// The last cause that an error on many lines names; backtraces follow after it.
fn innermost(error: &str) -> String {
    let lines = error.lines().map(str::trim);
    let causes = lines.take_while(|line| !line.to_lowercase().contains("backtrace"));
    let cause = causes.filter(|line| !line.is_empty()).last();
    cause.unwrap_or("no reason given").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_devices_error_is_told_by_its_innermost_cause() {
        let full = "An error happened during execution\nCaused by:\n  An IO error happened\n\
            Caused by:\n  can't allocate buffer of size: 2147483648\nNo backtrace available\n\
            Asked at:\nNo backtrace available";
        let error = Error::from_device(full);
        let reason = "can't allocate buffer of size: 2147483648".to_owned();
        assert_eq!(error, Error::OutOfMemory { reason });
        for full in [
            "CUDA_ERROR_OUT_OF_MEMORY: out of memory",
            "OutOfMemory",
            "Not enough memory left.",
            "CUDA out of memory. Tried to allocate 20.00 MiB",
            "DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes",
            "failed to allocate a buffer",
        ] {
            let error = Error::from_device(full);
            assert!(matches!(error, Error::OutOfMemory { .. }), "{error}");
        }
        for reason in [
            "the device was lost",
            "CUDA error: an illegal memory access was encountered",
            "CUDA_ERROR_ILLEGAL_ADDRESS",
            "invalid access of shared memory",
            "an attempt was made to read from a deallocated buffer failed",
            "memory transfer timed out",
        ] {
            let expected = Error::Device {
                reason: reason.into(),
            };
            assert_eq!(Error::from_device(reason), expected);
        }
    }
}
