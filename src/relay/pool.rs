//! Connections that are kept open for the next mail, and how many there may be.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};

use super::Options;
use super::client::Client;
use crate::record::{Route, RouteTls};

/// How long QUIT may take.
const QUIT_TIME: Duration = Duration::from_secs(2);

/// A host that could not be used is tried after all others for so long.
const AVOID_TIME: Duration = Duration::from_secs(30);

/// A connection with so many refusals is not kept: Postfix, for one, answers slowly
/// after 10 of them, and closes after 20.
const REFUSALS_MOST: u32 = 8;

type Key = (String, u16, RouteTls);

/// Hosts of which something is known; beyond that those that are not in use are forgotten.
const LANES_MOST: usize = 1000;

/// The connections to all next hosts.
pub(super) struct Pool {
    lanes: Mutex<Lanes>,
    limits: Limits,
}

#[derive(Default)]
struct Lanes {
    lanes: HashMap<Key, Lane>,
    /// A task looks after the unused connections.
    tended: bool,
}

impl Lanes {
    /// With direct delivery there are as many lanes as hosts in the world.
    fn forget_unused(&mut self, connections: usize) {
        self.lanes.retain(|_, lane| {
            let in_use = lane.slots.available_permits() < connections;
            in_use || !lane.idle.is_empty()
        });
    }
}

struct Lane {
    idle: Vec<Client>,
    slots: Arc<Semaphore>,
    /// When the host last could not be used.
    failed: Option<Instant>,
}

struct Limits {
    connections: usize,
    idle: usize,
    idle_time: Duration,
    uses: u32,
    wait: Duration,
}

/// The right to one connection to a host.
pub(super) struct Slot {
    key: Key,
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    pub(super) fn new(options: &Options) -> Arc<Self> {
        Arc::new(Self {
            lanes: Mutex::default(),
            limits: Limits {
                connections: options.connections.max(1),
                idle: options.idle_connections,
                idle_time: options.idle_time.0,
                uses: options.uses,
                wait: options.command_time.0,
            },
        })
    }

    /// Waits for the right to a connection, for as long as a command may take;
    /// `None` if there is none by then.
    pub(super) async fn slot(&self, route: &Route) -> Option<Slot> {
        let key = key(route);
        let slots = {
            let mut lanes = self.lanes.lock();
            if lanes.lanes.len() >= LANES_MOST {
                lanes.forget_unused(self.limits.connections);
            }
            let lane = lanes.lanes.entry(key.clone()).or_insert_with(|| Lane {
                idle: Vec::new(),
                slots: Arc::new(Semaphore::new(self.limits.connections)),
                failed: None,
            });
            lane.slots.clone()
        };
        let permit = timeout(self.limits.wait, slots.acquire_owned()).await;
        let permit = permit.ok()?.ok()?;
        Some(Slot {
            key,
            _permit: permit,
        })
    }

    /// A connection that was kept and still lives.
    pub(super) fn take(&self, slot: &Slot) -> Option<Client> {
        loop {
            let mut client = self.lanes.lock().lanes.get_mut(&slot.key)?.idle.pop()?;
            if client.idle_since.elapsed() < self.limits.idle_time && client.is_quiet() {
                return Some(client);
            }
        }
    }

    /// Notes whether a new connection could be had.
    pub(super) fn note(&self, slot: &Slot, usable: bool) {
        if let Some(lane) = self.lanes.lock().lanes.get_mut(&slot.key) {
            lane.failed = (!usable).then(Instant::now);
        }
    }

    /// True if the host could not be used a moment ago: waiting for it again helps
    /// nobody while there are others.
    pub(super) fn is_avoided(&self, route: &Route) -> bool {
        let lanes = self.lanes.lock();
        let failed = lanes.lanes.get(&key(route)).and_then(|lane| lane.failed);
        failed.is_some_and(|at| at.elapsed() < AVOID_TIME)
    }

    /// Keeps a connection for the next mail, if it is good for one.
    pub(super) fn give_back(self: &Arc<Self>, slot: Slot, mut client: Client) {
        if !client.sound {
            return;
        }
        let fresh = client.uses < self.limits.uses && client.refusals < REFUSALS_MOST;
        if fresh && client.is_quiet() {
            client.idle_since = Instant::now();
            let mut lanes = self.lanes.lock();
            if let Some(lane) = lanes.lanes.get_mut(&slot.key)
                && lane.idle.len() < self.limits.idle
            {
                lane.idle.push(client);
                if !std::mem::replace(&mut lanes.tended, true) {
                    tokio::spawn(tend(Arc::downgrade(self), self.limits.idle_time));
                }
                return;
            }
        }
        tokio::spawn(client.quit(QUIT_TIME));
    }

    /// Takes out what has been unused for too long; false if nothing is left to look after.
    fn prune(&self) -> (Vec<Client>, bool) {
        let mut lanes = self.lanes.lock();
        let mut old = Vec::new();
        for lane in lanes.lanes.values_mut() {
            let stale = |client: &mut Client| client.idle_since.elapsed() >= self.limits.idle_time;
            old.extend(lane.idle.extract_if(.., stale));
        }
        lanes.tended = lanes.lanes.values().any(|lane| !lane.idle.is_empty());
        (old, lanes.tended)
    }
}

fn key(route: &Route) -> Key {
    (route.host.clone(), route.port, route.tls)
}

/// Closes unused connections in time; ends when there are none, or no pool.
async fn tend(pool: Weak<Pool>, idle_time: Duration) {
    loop {
        sleep(idle_time.max(Duration::from_millis(10))).await;
        let Some(pool) = pool.upgrade() else { return };
        let (old, more) = pool.prune();
        for client in old {
            client.quit(QUIT_TIME).await;
        }
        if !more {
            return;
        }
    }
}
