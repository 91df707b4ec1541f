//! What may become of a request.

/// A fault that hits a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At {
    /// The request, counted from 1.
    pub(crate) position: usize,
    pub(crate) fault: Fault,
    pub(crate) lasts: Lasts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lasts {
    Once,
    /// It hits every request from then on, until the first of the two sessions is over.
    UntilTheResume,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// This status, and this code of a store in the body. The request is not carried out.
    Refused(u16, &'static str),
    /// This status, before the body was read.
    Early(u16),
    /// The request is carried out, and the reply has this status.
    Failed(u16),
    /// The connection is closed, and the request is not carried out.
    Closed(Stage),
    /// The request is carried out, and the reply ends here.
    Cut(End),
    /// The request is carried out, and the reply is no HTTP.
    Garbled,
    /// The request is carried out, and no reply comes before the deadline.
    Silent,
    /// No reply comes, and the request is carried out once the client has gone.
    Abandoned,
    /// The reply is whole, and the connection ends with it.
    LastOfItsConnection,
    /// The same, and the reply says so.
    SaidToBeTheLast,
    /// The reply comes after others that are none yet.
    Interim,
}

/// How much of the request the server takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Head,
    Body,
    All,
}

/// Where a reply ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Nothing,
    Status,
    Head,
    /// One of a reply without a body is whole.
    Body,
}

impl Fault {
    pub(crate) fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for status in [
            301, 304, 307, 400, 401, 403, 404, 405, 408, 409, 410, 411, 412, 413, 415, 416, 421,
            425, 429, 431, 451, 500, 501, 502, 503, 504, 505, 507, 511, 599,
        ] {
            all.push(Self::Refused(status, ""));
        }
        for (status, code) in [
            (400, "BadDigest"),
            (400, "ExpiredToken"),
            (400, "RequestTimeout"),
            (403, "AccessDenied"),
            (403, "RequestTimeTooSkewed"),
            (404, "NoSuchBucket"),
            (409, "OperationAborted"),
            (503, "SlowDown"),
        ] {
            all.push(Self::Refused(status, code));
        }
        all.extend([403, 413, 503].map(Self::Early));
        all.extend([408, 500, 502, 504].map(Self::Failed));
        all.extend([Stage::Head, Stage::Body, Stage::All].map(Self::Closed));
        all.extend([End::Nothing, End::Status, End::Head, End::Body].map(Self::Cut));
        all.extend([
            Self::Garbled,
            Self::Silent,
            Self::Abandoned,
            Self::LastOfItsConnection,
            Self::SaidToBeTheLast,
            Self::Interim,
        ]);
        all
    }

    /// Whether the client waits until its time is over.
    pub(crate) fn is_slow(self) -> bool {
        matches!(self, Self::Silent | Self::Abandoned)
    }

    /// Whether nothing is lost, whatever request it hits.
    pub(crate) fn is_harmless(self) -> bool {
        matches!(self, Self::SaidToBeTheLast | Self::Interim)
    }

    /// Whether the server does what the request asks for.
    pub(crate) fn is_carried_out(self) -> bool {
        !matches!(self, Self::Refused(..) | Self::Early(_) | Self::Closed(_))
    }

    /// Whether it says of an object that is there that it is not.
    pub(crate) fn says_gone(self) -> bool {
        matches!(self, Self::Refused(404 | 410, _))
    }

    /// Whether it says of a DELETE that there is no such thing.
    pub(crate) fn says_unsupported(self) -> bool {
        matches!(self, Self::Refused(405 | 415 | 501, _))
    }
}
