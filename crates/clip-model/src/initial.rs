//! How large new weights are.

/// The standard deviation of a new tensor's values in a tower, and their mean.
pub(crate) fn deviation(name: &str, width: usize, depth: usize) -> (f32, f32) {
    let base = (width as f32).powf(-0.5);
    let residual = (2.0 * depth as f32).powf(-0.5);
    if name.ends_with(".bias") {
        return (0.0, 0.0);
    }
    if name.contains("norm") || name.contains("layrnorm") {
        return (0.0, 1.0);
    }
    let deviation = match name {
        _ if name.ends_with("out_proj.weight") => base,
        _ if name.contains("fc1") => base * 0.5f32.sqrt(),
        _ if name.contains("fc2") || name.contains("self_attn") => base * residual,
        _ => base,
    };
    (deviation, 0.0)
}
