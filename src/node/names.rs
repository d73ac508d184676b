//! The names of a node's definitions, each list with its ids.
//!
//! A line belongs here if it finds an id by a name. Which names there are is `boot`.

use std::collections::HashMap;
use std::ops::Deref;

/// Names in the order of their ids, which are found without a search.
#[derive(Clone, Debug, Default)]
pub struct NameList {
    names: Vec<String>,
    ids: HashMap<String, usize>,
}

impl NameList {
    /// Adds a name, unless it is there already.
    pub fn add(&mut self, name: &str) {
        if !self.ids.contains_key(name) {
            self.ids.insert(name.to_owned(), self.names.len());
            self.names.push(name.to_owned());
        }
    }

    /// The id of a name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.ids.get(name).copied()
    }
}

impl Deref for NameList {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.names
    }
}

impl<S: AsRef<str>> FromIterator<S> for NameList {
    fn from_iter<I: IntoIterator<Item = S>>(names: I) -> Self {
        let mut list = Self::default();
        for name in names {
            list.add(name.as_ref());
        }
        list
    }
}
