//! The state that all routes share. It is apart from the routes, because every file uses it, and files do not import each
//! other in circles.

use std::sync::Arc;

use axme_api::ApiError;
use axme_core::error::Result;
use axme_core::state::AppState;
use axum::extract::FromRef;

use super::scrapes::Scrapes;
use crate::files::Files;
use crate::machine::Machine;

/// The state that all routes share.
#[derive(Clone)]
pub struct Gateway {
    pub app: Arc<AppState>,
    /// The file store. Without one, the routes of files return 503.
    pub files: Option<Files>,
    pub scrapes: Arc<Scrapes>,
    pub machine: Arc<Machine>,
}

impl FromRef<Gateway> for Arc<AppState> {
    fn from_ref(gateway: &Gateway) -> Arc<AppState> {
        gateway.app.clone()
    }
}

impl Gateway {
    pub fn files(&self) -> Result<&Files> {
        Ok(self.files.as_ref().ok_or_else(|| ApiError::unavailable("this server has no file store"))?)
    }
}
