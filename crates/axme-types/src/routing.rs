//! Words about the routes of principals and their handles on transports.

use crate::text_enum;

text_enum! {
    /// The transport of a route or of a handle.
    pub enum TransportType {
        /// A POST to a URL.
        Http = "http",
        /// A POST to a URL.
        Webhook = "webhook",
        /// A named queue. It can be stored; deliveries to it are not supported yet.
        Queue = "queue",
        /// Not supported yet: the server refuses it.
        Matrix = "matrix",
    }
}

text_enum! {
    /// The way in which an endpoint authenticates the server. Deliveries support `none` only.
    pub enum AuthMode {
        /// Not at all.
        None = "none",
        /// By a signature.
        SignedKey = "signed_key",
        /// By a JSON Web Token.
        Jwt = "jwt",
        /// By a client certificate.
        Mtls = "mtls",
    }
}

text_enum! {
    /// The regions that may replace the region of a route. Stored for callers; the server does not act on it.
    pub enum FailoverPolicy {
        /// No other route.
        None = "none",
        /// Routes in the same region.
        SameRegion = "same_region",
        /// Routes in any region.
        CrossRegion = "cross_region",
    }
}

text_enum! {
    /// The health of a route, as callers report it.
    pub enum RouteHealth {
        /// It works.
        Healthy = "healthy",
        /// It works with errors.
        Degraded = "degraded",
        /// It does not work. The server selects it only if every other route is unhealthy too.
        Unhealthy = "unhealthy",
        /// Not reported yet.
        Unknown = "unknown",
    }
}

text_enum! {
    /// The status of a route.
    pub enum RouteStatus {
        /// The server may select it.
        Active = "active",
        /// The server does not select it.
        Inactive = "inactive",
        /// The server does not select it, because its endpoint is about to stop.
        Draining = "draining",
    }
}

text_enum! {
    /// The status of a handle. Stored for callers; the server does not act on it.
    pub enum BindingStatus {
        /// In use.
        Active = "active",
        /// Not in use.
        Inactive = "inactive",
    }
}
