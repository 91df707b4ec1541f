//! The way from a handle to its destination: a sink on the caller's thread, or an origin's thread.

use super::driver::origin::Port;
use crate::sink::{SegmentSink, WriteContext};

/// How a handle reaches its destination.
pub(super) enum Outlet<S> {
    Inline(Inline<S>),
    Origin(Port),
}

/// A sink that is called on the thread of the caller.
pub(super) struct Inline<S> {
    pub(super) sink: S,
    pub(super) state: Option<Box<dyn SegmentSink>>,
    pub(super) context: WriteContext,
}

impl<S> Outlet<S> {
    pub(super) fn inline(sink: S) -> Self {
        Self::Inline(Inline {
            sink,
            state: None,
            context: WriteContext::default(),
        })
    }

    /// The way to the origin, if there is one.
    pub(super) fn port(&self) -> Option<&Port> {
        match self {
            Self::Inline(_) => None,
            Self::Origin(port) => Some(port),
        }
    }

    /// An origin has its own from the start.
    pub(super) fn set_state_sink(&mut self, sink: Box<dyn SegmentSink>) {
        if let Self::Inline(inline) = self {
            inline.state = Some(sink);
        }
    }

    /// An origin makes its own.
    pub(super) fn set_context(&mut self, context: WriteContext) {
        if let Self::Inline(inline) = self {
            inline.context = context;
        }
    }
}
