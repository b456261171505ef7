//! The container images: [`Built`] by the scripts, and [`Pulled`] from a registry.

mod built;
mod pulled;

pub use built::Built;
pub use pulled::Pulled;
