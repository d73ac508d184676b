//! The table of connections, by the slot that the carrier chose.
//!
//! Two kinds of look-up. A [`ConnId`] that comes from the carrier may name a connection that an
//! earlier event of the same batch has ended: [`Connections::get`] and [`Connections::open_mut`]
//! find nothing then. A [`ConnId`] that the gateway itself holds names a connection that the
//! carrier holds too, and indexing asserts that.
//!
//! A line belongs here if it needs the table and no session.

use core::ops::{Index, IndexMut};

use rutter_transport::acceptor::ConnId;

use crate::connection::{Connection, ConnectionOwner};

/// See the module's text.
#[derive(Debug)]
pub(super) struct Connections {
    slots: Vec<Option<Connection>>,
    open: usize,
    stalled: usize,
}

/// A [`ConnId`] of the gateway's own always names a connection.
const HELD: &str = "a connection is held until the carrier has reported its end";

impl Connections {
    /// An empty table.
    pub fn new(connections_max: usize) -> Self {
        let slots = (0..connections_max).map(|_| None).collect();
        Self { slots, open: 0, stalled: 0 }
    }

    /// Slots of the table: every [`ConnId`] is below it.
    pub const fn max(&self) -> usize {
        self.slots.len()
    }

    /// Connections in the table, those to be closed included.
    pub const fn open(&self) -> usize {
        self.open
    }

    /// Whether any connection is stalled.
    pub const fn any_stalled(&self) -> bool {
        self.stalled > 0
    }

    /// The identifiers of all slots, used or not.
    pub fn ids(&self) -> impl Iterator<Item = ConnId> + use<> {
        (0..self.slots.len() as u32).map(ConnId)
    }

    /// Connections whose Logon has not come yet.
    pub fn each_unbound(&self) -> impl Iterator<Item = (ConnId, &Connection)> {
        let each = self.slots.iter().enumerate();
        each.filter_map(|(slot, one)| Some((ConnId(slot as u32), one.as_ref()?)))
            .filter(|(_, one)| one.is_unbound())
    }

    /// Whether a slot exists and holds no connection.
    pub fn is_free(&self, conn: ConnId) -> bool {
        matches!(self.slots.get(conn.0 as usize), Some(None))
    }

    /// Takes a connection into a free slot.
    pub fn insert(&mut self, conn: ConnId, connection: Connection) {
        let slot = self.slots.get_mut(conn.0 as usize).expect("a free slot exists");
        debug_assert!(slot.is_none() && connection.is_unbound(), "a new connection, a free slot");
        *slot = Some(connection);
        self.open += 1;
    }

    /// Forgets a connection that is to be closed; nothing if the slot is free.
    pub fn remove(&mut self, conn: ConnId) {
        let gone = self.slots.get_mut(conn.0 as usize).and_then(Option::take);
        debug_assert!(gone.as_ref().is_none_or(Connection::is_closing), "let go of before");
        self.open -= usize::from(gone.is_some());
    }

    /// The connection that a carrier names, if it is still there.
    pub fn get(&self, conn: ConnId) -> Option<&Connection> {
        self.slots.get(conn.0 as usize)?.as_ref()
    }

    /// As [`get`](Self::get).
    pub fn get_mut(&mut self, conn: ConnId) -> Option<&mut Connection> {
        self.slots.get_mut(conn.0 as usize)?.as_mut()
    }

    /// The connection that a carrier names, if it is still there and not to be closed.
    pub fn open_mut(&mut self, conn: ConnId) -> Option<&mut Connection> {
        self.get_mut(conn).filter(|connection| !connection.is_closing())
    }

    /// Gives an unbound connection to the client at `place`.
    pub fn bind(&mut self, conn: ConnId, place: usize) {
        let connection = &mut self[conn];
        debug_assert!(connection.is_unbound(), "bound once");
        connection.owner = ConnectionOwner::Client(place);
    }

    /// Marks a connection as to be closed: its input is dropped, its output still gets its chance.
    pub fn let_go(&mut self, conn: ConnId) {
        self.set_stalled(conn, false);
        let connection = &mut self[conn];
        connection.owner = ConnectionOwner::Closing;
        connection.input = rutter_transport::byte_queue::ByteQueue::default();
    }

    /// Notes whether a connection's input waits to be read on. One to be closed never does.
    pub fn set_stalled(&mut self, conn: ConnId, stalled: bool) {
        let connection = &mut self[conn];
        let stalled = stalled && !connection.is_closing();
        if connection.stalled != stalled {
            connection.stalled = stalled;
            self.stalled = if stalled { self.stalled + 1 } else { self.stalled - 1 };
        }
    }
}

impl Index<ConnId> for Connections {
    type Output = Connection;

    fn index(&self, conn: ConnId) -> &Connection {
        self.get(conn).expect(HELD)
    }
}

impl IndexMut<ConnId> for Connections {
    fn index_mut(&mut self, conn: ConnId) -> &mut Connection {
        self.get_mut(conn).expect(HELD)
    }
}
