//! The methods that M2IB is compared with, behind one trait with it.
//!
//! A [`Method`] is chosen by name ([`Choice`]) and built for a model; it explains a [`Subject`], a
//! pair that went through the towers once, and gives the same [`m2ib::Attribution`] as M2IB:
//!
//! ```
//! # use m2ib::emoji;
//! use m2ib_methods::{Choice, Subject};
//!
//! let model = emoji::pretrained(&m2ib::Backend::preferred()?.device()?)?;
//! let image = m2ib::decode_image(emoji::SCENES[0].png, "scene0.png")?;
//! let method = "grad-cam:form=elementwise".parse::<Choice>()?.build(&model, None)?;
//! let attribution = method.attribute(&Subject::new(&model, &image, "a photo of a piano")?)?;
//! # assert_eq!(attribution.provenance.method.to_string(), "grad-cam");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Their saliency has units and signs of its own: it is compared by order and proportion.
//!
//! **What this crate may know:** the facade and the towers, and how other methods attribute. It
//! knows no metrics and no data sets, and names no backend.

mod attention;
mod choice;
mod control;
mod error;
mod gradient;
mod host;
mod information;
mod method;
mod perturbation;
mod settings;
mod subject;

pub use attention::{Chefer, Rollout};
pub use choice::Choice;
pub use control::{CentreGaussian, Random};
pub use error::{Error, Result};
pub use gradient::{Form, GradCam, GradEclip, Heads, IntegratedGradients, Saliency};
pub use information::{M2ib, Nib};
pub use method::Method;
pub use perturbation::{KernelShap, Occlusion, Rise};
pub use subject::{Fill, Subject};
