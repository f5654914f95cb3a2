//! Where there are no Unix-domain sockets: asking for one is an error.

use std::convert::Infallible;
use std::sync::Arc;

use crate::error::StatsSocketError;
use crate::shared::Shared;

/// A socket that cannot be.
#[derive(Debug)]
pub(crate) struct Claim(Infallible);

/// A thread that cannot be.
#[derive(Debug)]
pub(crate) struct Service;

impl Claim {
    pub(crate) fn at(path: &str) -> Result<Self, StatsSocketError> {
        Err(StatsSocketError::Unsupported { path: path.to_owned() })
    }

    pub(crate) fn serve(self, _shared: Arc<Shared>) -> Result<Service, StatsSocketError> {
        match self.0 {}
    }
}
