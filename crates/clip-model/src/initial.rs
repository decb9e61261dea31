//! How large new weights are.

/// The standard deviation of a new tensor's values in a tower of so many blocks, and their mean.
///
/// As in CLIP's released code: width^-½ for queries, keys, values and everything round the blocks,
/// (2 · width)^-½ for an MLP's inner layer, and for the two layers of a block that write to the
/// residual stream, the attention's output projection and the MLP's second layer, width^-½ lowered by
/// (2 · depth)^-½: with 2 · depth of them on top of each other, the stream stays as large as one.
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
        _ if name.contains("out_proj") || name.contains("fc2") => base * residual,
        _ if name.contains("fc1") => base * 0.5f32.sqrt(),
        _ => base,
    };
    (deviation, 0.0)
}
