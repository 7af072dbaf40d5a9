//! Whether a DNS list is what it claims to be: its test points (RFC 5782 section 5).

use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::zone::ListZone;
use crate::net::dns::Dns;

/// How long a good result holds, and a bad one.
const GOOD_FOR: Duration = Duration::from_secs(3600);
const BAD_FOR: Duration = Duration::from_secs(120);

/// The last result of the test. Whoever comes while it is made waits for it.
#[derive(Default)]
pub(super) struct Health(Mutex<Option<(Instant, Result<(), String>)>>);

impl Health {
    /// # Errors
    /// Why nothing that the list says counts, in words.
    pub(super) async fn tested(&self, dns: &Dns, zone: &ListZone) -> Result<(), String> {
        let mut last = self.0.lock().await;
        if let Some((at, result)) = &*last {
            let holds = if result.is_ok() { GOOD_FOR } else { BAD_FOR };
            if at.elapsed() < holds {
                return result.clone();
            }
        }
        let result = test(dns, zone).await;
        if let Err(why) = &result {
            tracing::warn!(list = zone.zone, %why, "a DNS list fails its test and is not asked");
        }
        *last = Some((Instant::now(), result.clone()));
        result
    }
}

/// Asks for both test points now, and for something that no cache on the way knows: a list may
/// have died since.
///
/// # Errors
/// Why nothing that the list says counts, in words.
pub(super) async fn tried(dns: &Dns, zone: &ListZone) -> Result<(), String> {
    use std::hash::{BuildHasher as _, RandomState};
    let fresh = zone.never_asked(RandomState::new().hash_one(()));
    let (known, fresh) = tokio::join!(test(dns, zone), dns.ipv4(&fresh));
    known.and(fresh.map(|_| ()))
}

async fn test(dns: &Dns, zone: &ListZone) -> Result<(), String> {
    let (listed, free) = zone.test_points();
    let (listed, free) = tokio::join!(dns.ipv4(&listed), dns.ipv4(&free));
    let name = &zone.zone;
    let (listed, free) = (
        listed.map_err(|why| format!("{name}: {why}"))?,
        free.map_err(|why| format!("{name}: {why}"))?,
    );
    zone.weight(&listed)?;
    if listed.is_empty() {
        return Err(format!("{name} does not list its test entry: it is dead"));
    }
    if !free.is_empty() {
        return Err(format!(
            "{name} lists everything: it is dead, or not itself"
        ));
    }
    Ok(())
}
