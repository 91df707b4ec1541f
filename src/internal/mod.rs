//! The foundation of the crate, which users never see.

pub(crate) mod cancel;
pub(crate) mod deadline;
pub(crate) mod log;
pub(crate) mod paths;
pub(crate) mod platform;
pub(crate) mod rate_limit;
pub(crate) mod sync;
pub(crate) mod unwind;
