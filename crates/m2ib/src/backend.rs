//! Backends and their devices: which are compiled in, which are there, and how they are named.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;
use m2ib_core::Lanes;

use crate::Error;

/// A way to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backend {
    /// burn's own CPU backend.
    Cpu,
    /// GPUs through wgpu.
    Wgpu,
    /// NVIDIA's GPUs through their own driver.
    Cuda,
    /// AMD's GPUs through their own driver.
    Rocm,
    /// libtorch, on its CPU or CUDA devices; gone with burn 0.23.
    Tch,
    /// ndarray, a slow second opinion; gone with burn 0.23.
    NdArray,
}

/// A device that is there to be computed on.
#[derive(Debug, Clone)]
pub struct FoundDevice {
    /// How it is chosen, as `m2ib --device` takes it.
    pub choice: DeviceChoice,
    /// What it calls itself.
    pub name: String,
}

impl Backend {
    /// All that this version knows, the preferred one first.
    pub const ALL: [Self; 6] = [
        Self::Cpu,
        Self::Wgpu,
        Self::Cuda,
        Self::Rocm,
        Self::Tch,
        Self::NdArray,
    ];

    /// The cargo feature that compiles it in, which is also its name.
    pub fn feature(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Wgpu => "wgpu",
            Self::Cuda => "cuda",
            Self::Rocm => "rocm",
            Self::Tch => "tch",
            Self::NdArray => "ndarray",
        }
    }

    /// Whether that feature was on.
    pub fn is_compiled(self) -> bool {
        match self {
            Self::Cpu => cfg!(feature = "cpu"),
            Self::Wgpu => cfg!(feature = "wgpu"),
            Self::Cuda => cfg!(feature = "cuda"),
            Self::Rocm => cfg!(feature = "rocm"),
            Self::Tch => cfg!(feature = "tch"),
            Self::NdArray => cfg!(feature = "ndarray"),
        }
    }

    /// Those compiled in, the preferred one first.
    pub fn compiled() -> impl Iterator<Item = Self> {
        Self::ALL
            .into_iter()
            .filter(|backend| backend.is_compiled())
    }

    /// The preferred backend of those compiled in.
    ///
    /// # Errors
    /// [`Error::Backend`] if there is none.
    pub fn preferred() -> Result<Self, Error> {
        Self::compiled().next().ok_or_else(|| Error::Backend {
            found: "none".into(),
            reason: "m2ib was built without one; enable the cargo feature \"cpu\"".into(),
        })
    }

    /// Its default device.
    ///
    /// # Errors
    /// [`Error::Backend`] if it is not compiled in, or nothing on this machine can run it.
    pub fn device(self) -> Result<Device, Error> {
        self.device_at(None)
    }

    /// The device of that number: an adapter of wgpu, or libtorch's CUDA device.
    fn device_at(self, index: Option<usize>) -> Result<Device, Error> {
        let failed = |reason: String| Error::Backend {
            found: DeviceChoice {
                backend: self,
                index,
            }
            .to_string(),
            reason,
        };
        match (self, index) {
            #[cfg(feature = "wgpu")]
            (Self::Wgpu, index) => m2ib_wgpu::Driver::Wgpu.device(index).map_err(failed),
            #[cfg(feature = "cuda")]
            (Self::Cuda, index) => m2ib_wgpu::Driver::Cuda.device(index).map_err(failed),
            #[cfg(feature = "rocm")]
            (Self::Rocm, index) => m2ib_wgpu::Driver::Rocm.device(index).map_err(failed),
            #[cfg(feature = "tch")]
            (Self::Tch, index) => m2ib_tch::device(index).map_err(failed),
            #[cfg(feature = "cpu")]
            (Self::Cpu, None | Some(0)) => Ok(m2ib_cpu::flex()),
            #[cfg(feature = "ndarray")]
            (Self::NdArray, None | Some(0)) => Ok(m2ib_cpu::ndarray()),
            _ if self.is_compiled() => Err(failed("it has one device, number 0".into())),
            _ => Err(failed(format!(
                "it is not compiled in; build with the cargo feature \"{}\"",
                self.feature()
            ))),
        }
    }

    /// Its devices on this machine: none if it is not compiled in, or needs what is not there.
    pub fn devices(self) -> Vec<FoundDevice> {
        let found = |index, name: String| FoundDevice {
            choice: DeviceChoice {
                backend: self,
                index,
            },
            name,
        };
        let one = |name: &str| vec![found(None, name.into())];
        #[cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm"))]
        let adapters = |driver: m2ib_wgpu::Driver| {
            let names = driver.adapters().into_iter().enumerate();
            names
                .map(|(index, name)| found(Some(index), name))
                .collect()
        };
        match self {
            _ if !self.is_compiled() => Vec::new(),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => adapters(m2ib_wgpu::Driver::Wgpu),
            #[cfg(feature = "cuda")]
            Self::Cuda => adapters(m2ib_wgpu::Driver::Cuda),
            #[cfg(feature = "rocm")]
            Self::Rocm => adapters(m2ib_wgpu::Driver::Rocm),
            Self::Tch => one("the CPU through libtorch; \"tch:0\" is the first CUDA device"),
            Self::NdArray => one("the CPU through ndarray"),
            _ => one("the CPU"),
        }
    }

    /// How many host threads a device computes on, if it computes on the host through rayon.
    pub fn host_threads(device: &Device) -> Option<usize> {
        let _ = device;
        #[cfg(feature = "cpu")]
        if *device == m2ib_cpu::flex() {
            return Some(m2ib_core::threads());
        }
        #[cfg(feature = "ndarray")]
        if *device == m2ib_cpu::ndarray() {
            return Some(m2ib_core::threads());
        }
        None
    }

    /// Lanes for so many shares over the host threads that a device computes on; the caller's own
    /// thread where it has none.
    ///
    /// # Errors
    /// [`Error::Threads`] if the system refuses a thread.
    pub fn lanes(device: &Device, shares: usize) -> Result<Lanes, Error> {
        let threads = Self::host_threads(device).unwrap_or(1);
        Lanes::new(shares.min(threads), threads).map_err(Error::Threads)
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.feature())
    }
}

impl FromStr for Backend {
    type Err = Error;

    /// Reads a name; whether the backend is compiled in shows when a device is asked for.
    fn from_str(text: &str) -> Result<Self, Error> {
        let named = |backend: &Self| backend.feature() == text;
        Self::ALL
            .into_iter()
            .find(named)
            .ok_or_else(|| Error::Backend {
                found: text.into(),
                reason: format!(
                    "expected one of: {}",
                    Self::ALL.map(Self::feature).join(", ")
                ),
            })
    }
}

/// A backend with the number of one of its devices: `cpu`, `wgpu`, `wgpu:1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DeviceChoice {
    /// The backend.
    pub backend: Backend,
    /// The device's number; `None` for the default one.
    pub index: Option<usize>,
}

impl DeviceChoice {
    /// The device.
    ///
    /// # Errors
    /// [`Error::Backend`] if it is not compiled in, or nothing on this machine can run it.
    pub fn device(self) -> Result<Device, Error> {
        self.backend.device_at(self.index)
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            Some(index) => write!(f, "{}:{index}", self.backend),
            None => write!(f, "{}", self.backend),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (backend, index) = match text.split_once(':') {
            Some((backend, index)) => (backend, Some(index)),
            None => (text, None),
        };
        let parse = |index: &str| {
            index.parse().map_err(|_| Error::Backend {
                found: text.into(),
                reason: format!("expected a device's number after the colon, found \"{index}\""),
            })
        };
        Ok(Self {
            backend: backend.parse()?,
            index: index.map(parse).transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for backend in Backend::ALL {
            assert_eq!(backend.to_string().parse::<Backend>().unwrap(), backend);
        }
        for text in ["cpu", "wgpu:1", "tch:0"] {
            assert_eq!(text.parse::<DeviceChoice>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_device_is_refused_with_what_is() {
        let error = |text: &str| text.parse::<DeviceChoice>().unwrap_err().to_string();
        let gpu = error("gpu");
        assert!(
            gpu.contains("\"gpu\"") && gpu.contains("cpu, wgpu, cuda, rocm, tch, ndarray"),
            "{gpu}"
        );
        let first = error("wgpu:first");
        assert!(
            first.contains("number") && first.contains("\"first\""),
            "{first}"
        );
    }

    #[test]
    fn a_backend_left_out_names_its_feature() {
        for backend in Backend::ALL
            .into_iter()
            .filter(|backend| !backend.is_compiled())
        {
            let error = backend.device().unwrap_err().to_string();
            let feature = format!("cargo feature \"{}\"", backend.feature());
            assert!(error.contains(&feature), "{error}");
            assert!(backend.devices().is_empty());
        }
    }

    #[cfg(feature = "cpu")]
    #[test]
    fn a_cpu_has_one_device() {
        assert_eq!(Backend::preferred().unwrap(), Backend::Cpu);
        let choice = |text: &str| text.parse::<DeviceChoice>().unwrap();
        assert_eq!(
            choice("cpu:0").device().unwrap(),
            Backend::Cpu.device().unwrap()
        );
        let error = choice("cpu:1").device().unwrap_err().to_string();
        assert!(
            error.contains("\"cpu:1\"") && error.contains("one device"),
            "{error}"
        );
        assert_eq!(Backend::Cpu.devices().len(), 1);
        assert!(Backend::host_threads(&Backend::Cpu.device().unwrap()).is_some());
    }
}
