//! Sessions that are added to a running gateway.
//!
//! A line belongs here if it hands them from the console's thread to the gateway's. The gateway
//! never waits: it looks at a flag in each turn.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Mutex, OnceLock, PoisonError};

use rutter_clients::SessionConfig;
use rutter_transport::wake::WakeHandle;

/// Sessions with their stores.
#[derive(Debug)]
pub struct Addition<S> {
    /// The sessions, in the order of their ids.
    pub sessions: Vec<SessionConfig>,
    /// Their stores, in the same order.
    pub stores: Vec<S>,
    /// Gets the gateway's answer; has room for it.
    pub answer: SyncSender<Result<(), String>>,
}

/// Additions that wait for the gateway.
#[derive(Debug)]
pub struct AddedSessions<S> {
    are_there: AtomicBool,
    waiting: Mutex<Vec<Addition<S>>>,
    gateway: OnceLock<WakeHandle>,
}

impl<S> Default for AddedSessions<S> {
    fn default() -> Self {
        let (are_there, waiting) = (AtomicBool::new(false), Mutex::new(Vec::new()));
        Self { are_there, waiting, gateway: OnceLock::new() }
    }
}

impl<S> AddedSessions<S> {
    /// How the gateway is woken.
    pub fn wake_with(&self, gateway: WakeHandle) {
        let _ = self.gateway.set(gateway);
    }

    /// Puts sessions down for the gateway, and wakes it.
    pub fn add(&self, addition: Addition<S>) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(addition);
        self.are_there.store(true, Ordering::Release);
        if let Some(gateway) = self.gateway.get() {
            gateway.wake();
        }
    }

    /// Whether sessions wait.
    pub fn are_waiting(&self) -> bool {
        self.are_there.load(Ordering::Acquire)
    }

    /// Takes all that wait.
    pub fn take(&self) -> Vec<Addition<S>> {
        if !self.are_there.swap(false, Ordering::AcqRel) {
            return Vec::new();
        }
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
