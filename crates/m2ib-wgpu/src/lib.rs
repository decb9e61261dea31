//! GPUs through wgpu: which burn features they need, and the devices they give.
//!
//! **What this crate may know:** burn's wgpu backend, and nothing else. No other crate names it.
//! Without the feature `wgpu` it is empty.

#![cfg(feature = "wgpu")]

use burn::tensor::{Device, DeviceKind, DeviceType};

/// The adapters found on this machine, by the names their drivers give them.
pub fn adapters() -> Vec<String> {
    let name = |device: Device| match device.identity() {
        Some(identity) => identity.name,
        None => "unnamed adapter".into(),
    };
    Device::enumerate(DeviceType::Wgpu)
        .into_iter()
        .map(name)
        .collect()
}

/// The adapter at `index` of [`adapters`], or the one wgpu prefers.
///
/// # Errors
/// What was found instead, and how to get a driver.
pub fn device(index: Option<usize>) -> Result<Device, String> {
    let found = Device::enumerate(DeviceType::Wgpu);
    match (found.len(), index) {
        (0, _) => Err(
            "no graphics adapter was found; install a driver (a GPU's maker has one; on Debian and \
             Ubuntu, mesa-vulkan-drivers brings one in software)"
                .into(),
        ),
        (_, None) => Ok(Device::wgpu(DeviceKind::DefaultDevice)),
        (count, Some(index)) => found.into_iter().nth(index).ok_or_else(|| {
            format!(
                "adapter {index} was asked for and {count} found, numbered from 0; `m2ib devices` \
                 lists them"
            )
        }),
    }
}
