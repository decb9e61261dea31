//! Methods that follow the similarity's gradient.

mod finer_cam;
mod grad_cam;
mod grad_eclip;
mod integrated_gradients;
mod saliency;

pub use finer_cam::{Choice, FinerCam};
pub use grad_cam::{Form, GradCam};
pub use grad_eclip::{GradEclip, Heads};
pub use integrated_gradients::IntegratedGradients;
pub use saliency::Saliency;
