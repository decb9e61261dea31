//! Which backends are compiled in, and their devices.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;

use crate::Error;

/// A backend that cargo features compiled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backend {
    /// burn's own CPU backend (feature `cpu`).
    #[cfg(feature = "cpu")]
    Cpu,
    /// ndarray (feature `ndarray`), a slow second opinion; gone with burn 0.23.
    #[cfg(feature = "ndarray")]
    NdArray,
}

/// Names of all backends this version knows, and the cargo feature each needs.
const KNOWN: [(&str, &str); 2] = [("cpu", "cpu"), ("ndarray", "ndarray")];

impl Backend {
    /// Those compiled in, the preferred one first.
    pub const COMPILED: &'static [Self] = &[
        #[cfg(feature = "cpu")]
        Self::Cpu,
        #[cfg(feature = "ndarray")]
        Self::NdArray,
    ];

    /// The preferred backend.
    ///
    /// # Errors
    /// [`Error::Backend`] if none is compiled in.
    pub fn preferred() -> Result<Self, Error> {
        Self::COMPILED
            .first()
            .copied()
            .ok_or_else(|| Error::Backend {
                found: "none".into(),
                reason: "m2ib was built without one; enable the cargo feature \"cpu\"".into(),
            })
    }

    /// The backend that a device belongs to, among those compiled in.
    pub fn of(device: &Device) -> Option<Self> {
        let is_its = |backend: &&Self| backend.device() == *device;
        Self::COMPILED.iter().find(is_its).copied()
    }

    /// How many host threads it computes on: all that rayon may use on a CPU.
    pub(crate) fn host_threads(self) -> usize {
        match self {
            #[cfg(feature = "cpu")]
            Self::Cpu => m2ib_cpu::threads(),
            #[cfg(feature = "ndarray")]
            Self::NdArray => m2ib_cpu::threads(),
        }
    }

    /// Its device.
    pub fn device(self) -> Device {
        match self {
            #[cfg(feature = "cpu")]
            Self::Cpu => m2ib_cpu::flex(),
            #[cfg(feature = "ndarray")]
            Self::NdArray => m2ib_cpu::ndarray(),
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name: &str = match *self {
            #[cfg(feature = "cpu")]
            Self::Cpu => "cpu",
            #[cfg(feature = "ndarray")]
            Self::NdArray => "ndarray",
        };
        f.write_str(name)
    }
}

impl FromStr for Backend {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if let Some(found) = Self::COMPILED
            .iter()
            .find(|backend| backend.to_string() == text)
        {
            return Ok(*found);
        }
        let reason = match KNOWN.iter().find(|(name, _)| *name == text) {
            Some((_, feature)) => {
                format!("it is not compiled in; build with the cargo feature \"{feature}\"")
            }
            None => {
                let names: Vec<_> = KNOWN.iter().map(|(name, _)| *name).collect();
                format!("expected one of: {}", names.join(", "))
            }
        };
        Err(Error::Backend {
            found: text.into(),
            reason,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for backend in Backend::COMPILED {
            assert_eq!(backend.to_string().parse::<Backend>().unwrap(), *backend);
            assert_eq!(Backend::of(&backend.device()), Some(*backend));
        }
        let error = "cuda".parse::<Backend>().unwrap_err().to_string();
        assert!(
            error.contains("cuda") && error.contains("cpu, ndarray"),
            "{error}"
        );
    }

    #[cfg(not(feature = "ndarray"))]
    #[test]
    fn a_backend_left_out_names_its_feature() {
        let error = "ndarray".parse::<Backend>().unwrap_err().to_string();
        assert!(error.contains("cargo feature \"ndarray\""), "{error}");
    }
}
