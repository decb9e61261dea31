//! GPUs: which burn features they need, and the devices they give.
//!
//! **What this crate may know:** burn's GPU backends (wgpu, and CUDA and ROCm, which share its
//! kernels), and nothing else. No other crate names them. Without one of their features it is
//! empty.

#![cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm"))]

use burn::tensor::{Device, DeviceType};

/// A way to reach a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// Whatever graphics API the machine offers.
    #[cfg(feature = "wgpu")]
    Wgpu,
    /// NVIDIA's.
    #[cfg(feature = "cuda")]
    Cuda,
    /// AMD's.
    #[cfg(feature = "rocm")]
    Rocm,
}

impl Driver {
    /// The adapters found on this machine, by the names their drivers give them.
    pub fn adapters(self) -> Vec<String> {
        let name = |device: Device| match device.identity() {
            Some(identity) => identity.name,
            None => "unnamed adapter".into(),
        };
        self.found().into_iter().map(name).collect()
    }

    /// The adapter at `index` of [`adapters`](Self::adapters), or the one the driver prefers.
    ///
    /// # Errors
    /// What was found instead, and how to get a driver.
    pub fn device(self, index: Option<usize>) -> Result<Device, String> {
        let found = self.found();
        match (found.len(), index) {
            (0, _) => Err(self.missing().into()),
            (_, None) => Ok(self.preferred()),
            (count, Some(index)) => found.into_iter().nth(index).ok_or_else(|| {
                format!(
                    "adapter {index} was asked for and {count} found, numbered from 0; `m2ib \
                     devices` lists them"
                )
            }),
        }
    }

    fn found(self) -> Vec<Device> {
        let kind = match self {
            #[cfg(feature = "wgpu")]
            Self::Wgpu => DeviceType::Wgpu,
            #[cfg(feature = "cuda")]
            Self::Cuda => DeviceType::Cuda,
            #[cfg(feature = "rocm")]
            Self::Rocm => DeviceType::Rocm,
        };
        Device::enumerate(kind).into_iter().collect()
    }

    fn preferred(self) -> Device {
        match self {
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Device::wgpu(burn::tensor::DeviceKind::DefaultDevice),
            #[cfg(feature = "cuda")]
            Self::Cuda => Device::cuda(0),
            #[cfg(feature = "rocm")]
            Self::Rocm => Device::rocm(0),
        }
    }

    fn missing(self) -> &'static str {
        match self {
            #[cfg(feature = "wgpu")]
            Self::Wgpu => {
                "no graphics adapter was found; install a driver (a GPU's maker has one; on Debian \
                 and Ubuntu, mesa-vulkan-drivers brings one in software)"
            }
            #[cfg(feature = "cuda")]
            Self::Cuda => {
                "no CUDA device was found; it takes an NVIDIA GPU, its driver and the CUDA toolkit"
            }
            #[cfg(feature = "rocm")]
            Self::Rocm => "no ROCm device was found; it takes an AMD GPU and ROCm with HIP",
        }
    }
}
