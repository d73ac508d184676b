//! Roles of users and groups; the kernel reports the user of a connection.

use std::collections::{BTreeMap, BTreeSet};

use nix::unistd::{Gid, Group, Uid, User, getgrouplist};

/// Role of a user; each role includes the earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// May read.
    Viewer,
    /// May halt, cancel and resume.
    Operator,
    /// May set limits, reset sessions and shut down.
    Admin,
}

impl Role {
    /// The role's name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

/// The user of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// User id.
    pub uid: u32,
    /// Name, or the id where the system has none; at most [`NAME_BYTES_MAX`].
    pub name: String,
    /// The ids of all groups of the user.
    pub gids: BTreeSet<u32>,
}

/// Longest kept part of a user's name, bytes: two names and a `+` fit the journal's field.
pub const NAME_BYTES_MAX: usize = 17;

impl Peer {
    /// Looks a user up, which may take long. Groups come from the system's database and not from
    /// the process, so a removed membership counts at the next look-up.
    pub fn of(uid: u32, gid: u32) -> Self {
        let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
        let mut gids = BTreeSet::from([gid]);
        if let Some(user) = &user
            && let Ok(name) = std::ffi::CString::new(user.name.as_bytes())
            && let Ok(groups) = getgrouplist(&name, user.gid)
        {
            gids.extend(groups.iter().map(|group| group.as_raw()));
        }
        let name = user.map_or_else(|| uid.to_string(), |user| user.name);
        Self { uid, name: shown(&name), gids }
    }
}

/// A user's name as it is journaled.
fn shown(name: &str) -> String {
    let printable = |c: char| c.is_ascii_graphic() && c != '+';
    name.chars().filter(|c| printable(*c)).take(NAME_BYTES_MAX).collect()
}

/// Why a name in the configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not known to the system.
    #[error("no user {0:?}")]
    User(String),
    /// Not known to the system.
    #[error("no group {0:?}")]
    Group(String),
}

/// A user or a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Principal {
    User(u32),
    Group(u32),
}

/// The role of each user and group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleTable {
    roles: Vec<(Principal, Role)>,
    /// The names of the users who have a role of their own.
    names: BTreeMap<u32, String>,
}

impl RoleTable {
    /// The user who runs this process is an admin.
    pub fn own(uid: u32) -> Self {
        let mut people = Self::default();
        people.add(Principal::User(uid), Role::Admin);
        people
    }

    fn add(&mut self, named: Principal, role: Role) {
        if let Principal::User(uid) = named {
            let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
            let name = user.map_or_else(|| uid.to_string(), |user| user.name);
            self.names.insert(uid, shown(&name));
        }
        self.roles.push((named, role));
    }

    /// Gives a role to a user (name or id) or a group (`@` and name or id).
    ///
    /// # Errors
    /// [`NameError`].
    pub fn give(&mut self, name: &str, role: Role) -> Result<(), NameError> {
        let named = match name.strip_prefix('@') {
            Some(group) => Principal::Group(gid_of(group)?),
            None => Principal::User(uid_of(name)?),
        };
        self.add(named, role);
        Ok(())
    }

    /// The strongest role that somebody has; none if he is not named.
    pub fn role(&self, peer: &Peer) -> Option<Role> {
        let is_meant = |named: &Principal| match named {
            Principal::User(uid) => *uid == peer.uid,
            Principal::Group(gid) => peer.gids.contains(gid),
        };
        self.roles.iter().filter(|(named, _)| is_meant(named)).map(|(_, role)| *role).max()
    }

    /// The user, if no group could give a stronger role: an admin by name, or anybody where no
    /// group has a role. Asks the system nothing.
    pub fn without_look_up(&self, uid: u32, gid: u32) -> Option<Peer> {
        let is_group = |(named, _): &(Principal, Role)| matches!(named, Principal::Group(_));
        let is_admin = self.roles.contains(&(Principal::User(uid), Role::Admin));
        if !is_admin && self.roles.iter().any(is_group) {
            return None;
        }
        let name = self.names.get(&uid).cloned().unwrap_or_else(|| uid.to_string());
        Some(Peer { uid, name, gids: BTreeSet::from([gid]) })
    }

    /// Somebody beside this user has to reach the socket.
    pub fn has_others_than(&self, uid: u32) -> bool {
        self.roles.iter().any(|(named, _)| *named != Principal::User(uid))
    }
}

fn uid_of(name: &str) -> Result<u32, NameError> {
    if let Ok(uid) = name.parse() {
        return Ok(uid);
    }
    let user = User::from_name(name).ok().flatten();
    user.map(|user| user.uid.as_raw()).ok_or_else(|| NameError::User(name.to_owned()))
}

/// The id of a group, by name or id.
///
/// # Errors
/// [`NameError::Group`].
pub fn gid_of(name: &str) -> Result<u32, NameError> {
    if let Ok(gid) = name.parse() {
        return Ok(gid);
    }
    let group = Group::from_name(name).ok().flatten();
    group.map(|group| Gid::as_raw(group.gid)).ok_or_else(|| NameError::Group(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(uid: u32, gids: &[u32]) -> Peer {
        Peer { uid, name: "x".to_owned(), gids: gids.iter().copied().collect() }
    }

    #[test]
    fn the_strongest_of_several_roles_counts_and_who_is_not_named_has_none() {
        let mut people = RoleTable::own(1_000);
        people.give("2001", Role::Viewer).expect("a number");
        people.give("@3000", Role::Operator).expect("a number");
        assert_eq!(people.role(&peer(1_000, &[])), Some(Role::Admin));
        assert_eq!(people.role(&peer(2_001, &[])), Some(Role::Viewer));
        assert_eq!(people.role(&peer(2_001, &[3_000])), Some(Role::Operator));
        assert_eq!(people.role(&peer(2_002, &[1_000, 2_001])), None);
        assert!(people.has_others_than(1_000) && !RoleTable::own(7).has_others_than(7));
    }

    #[test]
    fn names_are_those_of_the_system() {
        let mut people = RoleTable::default();
        people.give("root", Role::Admin).expect("every system has one");
        assert_eq!(people.role(&peer(0, &[])), Some(Role::Admin));
        let nobody = "no-such-user".to_owned();
        assert_eq!(people.give(&nobody, Role::Viewer), Err(NameError::User(nobody)));
        assert!(matches!(people.give("@no-such-group", Role::Viewer), Err(NameError::Group(_))));
        let root = Peer::of(0, 0);
        assert_eq!((root.name.as_str(), root.gids.contains(&0)), ("root", true));
        assert_eq!(Peer::of(4_000_000_000, 7).name, "4000000000");
        let known = people.without_look_up(0, 0).expect("no group has a role");
        assert_eq!(known.name, "root");
        assert_eq!(
            people.without_look_up(4_000_000_000, 7).map(|one| one.uid),
            Some(4_000_000_000)
        );
        people.give("@0", Role::Viewer).expect("a number");
        assert_eq!(people.without_look_up(0, 0), Some(known), "an admin by name");
        assert_eq!(people.without_look_up(1, 1), None, "a group may give a role");
    }
}
