//! Cosine similarity and its derivative: for c = a·b/(|a||b|), ∂c/∂a = (b/|b| − c a/|a|)/|a|.

use burn::tensor::Tensor;

/// As torch.nn.functional.cosine_similarity: a zero vector is similar to nothing.
const SMALLEST: f64 = 1e-8;

/// Cosine similarity of each row of `a` with the same row of `b`; a single row meets all.
///
/// # Shapes
/// - a, b: `[batch, width]` or `[1, width]`
/// - output: `[batch]`
pub fn cosine_similarity(a: Tensor<2>, b: Tensor<2>) -> Tensor<1> {
    (unit(a).0 * unit(b).0).sum_dim(1).squeeze_dim(1)
}

/// Cosine similarity of each row with its target, and its gradient with respect to the row.
///
/// # Shapes
/// - batch and gradient: `[batch, width]`
/// - target: `[batch, width]` or `[1, width]`
/// - cosine: `[batch]`
pub fn cosine_with_gradient(batch: Tensor<2>, target: Tensor<2>) -> (Tensor<1>, Tensor<2>) {
    // By way of unit vectors: fused (burn 0.22.1), a gradient from the dot product and the product of the norms
    // comes out wrong for a batch that is itself a sum.
    let ((batch, norms), (target, _)) = (unit(batch), unit(target));
    let cosine = (batch.clone() * target.clone()).sum_dim(1);
    let gradient = (target - batch * cosine.clone()) / norms;
    (cosine.squeeze_dim(1), gradient)
}

/// Each row at length 1, and how long it was.
fn unit(x: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    let norms = x.clone().square().sum_dim(1).sqrt().clamp_min(SMALLEST);
    (x / norms.clone(), norms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_is_that_of_automatic_differentiation() {
        let device = m2ib_cpu::flex();
        let target = Tensor::<2>::from_floats([[0.5, -1.0, 2.0]], &device);
        let batch = Tensor::<2>::from_floats([[1.0, 2.0, 3.0], [-0.1, 0.0, 0.4]], &device);
        let (cosine, gradient) = cosine_with_gradient(batch.clone(), target.clone());

        let leaf = batch.autodiff().require_grad();
        let traced = cosine_similarity(leaf.clone(), target);
        let expected = leaf.grad(&traced.clone().sum().backward()).unwrap();
        let difference = (gradient - expected).abs().max().into_scalar::<f32>();
        assert!(difference < 1e-6, "{difference}");
        let difference = (cosine - traced.inner()).abs().max().into_scalar::<f32>();
        assert!(difference < 1e-6, "{difference}");
    }

    #[test]
    fn a_zero_vector_is_similar_to_nothing_and_gives_no_nan() {
        let device = m2ib_cpu::flex();
        let target = Tensor::<2>::from_floats([[0.5, -1.0]], &device);
        let (cosine, gradient) = cosine_with_gradient(Tensor::zeros([1, 2], &device), target);
        assert_eq!(cosine.into_scalar::<f32>(), 0.0);
        assert!(gradient.abs().sum().into_scalar::<f32>().is_finite());
    }
}
