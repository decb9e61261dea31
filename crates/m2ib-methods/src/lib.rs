//! The methods that M2IB is compared with, behind one trait with it.
//!
//! A [`Registry`] makes a [`MethodFactory`] of a name with settings, which builds the [`Method`] for
//! a model; that explains a [`Subject`], a pair that went through the towers once, and gives the
//! same [`m2ib::Attribution`] as M2IB:
//!
//! ```
//! # use m2ib::emoji;
//! use m2ib_methods::{Registry, Subject};
//!
//! let model = emoji::pretrained(&m2ib::Backend::preferred()?.device()?)?;
//! let image = m2ib::decode_image(emoji::SCENES[0].png, "scene0.png")?;
//! let method = Registry::standard().parse("grad-cam:form=elementwise")?.build(&model, None)?;
//! let attribution = method.attribute(&Subject::new(&model, &image, "a photo of a piano")?)?;
//! # assert_eq!(attribution.provenance.method.to_string(), "grad-cam");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Their saliency has units and signs of its own: it is compared by order and proportion.
//!
//! A new method is a type that is a [`Method`] and, as a rule, its own factory; a line in
//! [`Registry::standard`] makes it one of this crate's, [`Registry::add`] one of a program's.
//!
//! **What this crate may know:** the facade and the towers, and how other methods attribute. It
//! knows no metrics and no data sets, and names no backend.

mod attention;
mod contrast;
mod control;
mod error;
mod factory;
mod gradient;
mod host;
mod information;
mod interactions;
mod method;
mod perturbation;
mod places;
mod registry;
mod scored;
mod settings;
mod subject;

/// The tensor library whose types are in this crate's signatures.
pub use burn;

pub use attention::{Chefer, LastAttention, LeGrad, PatchText, Pool, Rest, Rollout};
pub use contrast::ask;
pub use control::{CentreGaussian, Random};
pub use error::{Error, Result};
pub use factory::MethodFactory;
pub use gradient::{
    Choice, FinerCam, Form, GradCam, GradEclip, Heads, IntegratedGradients, Saliency,
};
pub use information::{CoIba, Configured, M2ib, M2ibSettings, Nib};
pub use interactions::{Interacting, Masks, Paths, interactions};
pub use method::Method;
pub use perturbation::{Coalition, KernelShap, Occlusion, Rise};
pub use registry::Registry;
pub use scored::{Scored, cosines};
pub use settings::{Setting, Settings};
pub use subject::{Fill, Subject};
