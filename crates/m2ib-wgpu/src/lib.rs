//! GPUs through wgpu: which burn features they need, and the devices they give.
//!
//! **What this crate may know:** burn's wgpu backend, and nothing else. No other crate names it.
//! Without the feature `wgpu` it is empty.

#![cfg(feature = "wgpu")]

use burn::tensor::{Device, DeviceType};

/// The adapters found on this machine, with the names their drivers give them; the first is the one
/// wgpu prefers.
pub fn devices() -> Vec<(Device, String)> {
    let name = |device: &Device| match device.identity() {
        Some(identity) => identity.name,
        None => "unnamed adapter".into(),
    };
    Device::enumerate(DeviceType::Wgpu)
        .into_iter()
        .map(|device| {
            let name = name(&device);
            (device, name)
        })
        .collect()
}

/// The adapter at `index` of [`devices`].
///
/// # Errors
/// What was found instead, and how to get a driver.
pub fn device(index: usize) -> Result<Device, String> {
    let devices = Device::enumerate(DeviceType::Wgpu);
    let count = devices.len();
    devices.into_iter().nth(index).ok_or_else(|| match count {
        0 => "no graphics adapter was found; install a driver (for a GPU its maker's; on Debian \
              and Ubuntu, mesa-vulkan-drivers has one in software)"
            .into(),
        count => format!(
            "adapter {index} was asked for and {count} found, numbered from 0; `m2ib devices` \
             lists them"
        ),
    })
}
