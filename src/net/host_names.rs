//! The addresses of host names, for rooms that dial by themselves.

use std::net::IpAddr;
use std::sync::Arc;

use hickory_resolver::config::ResolverConfig;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::{Resolver, TokioResolver};

use rand::RngExt as _;

use super::DnsSettings;
use super::resolver;
use crate::locate::{Place, Search};

/// Asks the DNS, and this machine's own table before it. Cheap to clone; clones share the answers that are kept.
///
/// Unlike the operating system's look-up, one that hangs holds no thread.
#[derive(Clone)]
pub struct HostNames(Result<TokioResolver, Arc<NetError>>);

/// Why a name has no address.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{name} has no address: {reason}")]
pub struct HostNameError {
    name: String,
    reason: String,
}

impl HostNames {
    /// The way to the DNS. A machine that names no nameserver has its own table alone.
    pub fn new(settings: &DnsSettings) -> HostNames {
        let alone = || {
            let nobody = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
            Resolver::builder_with_config(nobody, TokioRuntimeProvider::default()).build()
        };
        HostNames(resolver::client(settings).or_else(|_| alone()).map_err(Arc::new))
    }

    /// Every address of `name`, in the order in which they were given. The caller bounds the time.
    ///
    /// # Errors
    /// There is none.
    pub async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, HostNameError> {
        let error = |reason: &dyn std::fmt::Display| HostNameError {
            name: name.to_owned(),
            reason: reason.to_string(),
        };
        let dns = self.0.as_ref().map_err(|reason| error(reason))?;
        let found = dns.lookup_ip(name).await.map_err(|reason| error(&reason))?;
        Ok(found.iter().collect())
    }

    /// Where a search for a SIP URI leads, the preferred place first; nowhere when the DNS knows nothing of it. The caller bounds the
    /// time.
    pub async fn places(&self, mut search: Search) -> Vec<Place> {
        let Ok(dns) = &self.0 else { return Vec::new() };
        loop {
            let questions = search.questions();
            if questions.is_empty() {
                return search.places().unwrap_or_default().to_vec();
            }
            let asked = questions.iter().map(|question| resolver::ask(dns, question));
            let answers = futures_util::future::join_all(asked).await;
            let answers = answers.into_iter().map(Result::unwrap_or_default).collect();
            search.answer(answers, &mut |limit| rand::rng().random_range(0..limit.max(1)));
        }
    }
}
