//! A hash map that can only be asked, never walked.

use std::fmt;
use std::hash::Hash;

use rustc_hash::FxHashMap;

/// A map for lookups by key.
///
/// It has no iterator on purpose: the order of a hash map is an accident, and an accident that
/// reaches an event changes the run. What must be walked lives in a `BTreeMap`, an `IndexMap` or an
/// [`IndexVec`](crate::IndexVec).
#[derive(Clone)]
pub struct LookupMap<K, V> {
    entries: FxHashMap<K, V>,
}

impl<K: Eq + Hash, V> LookupMap<K, V> {
    /// An empty map.
    #[must_use]
    pub fn new() -> Self {
        Self {
            entries: FxHashMap::default(),
        }
    }

    /// An empty map with room for `capacity` entries.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            entries: FxHashMap::with_capacity_and_hasher(capacity, Default::default()),
        }
    }

    /// The value of a key.
    #[inline]
    pub fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }

    /// The value of a key, mutable.
    #[inline]
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key)
    }

    /// The value of a key, made first if there is none.
    #[inline]
    pub fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        self.entries.entry(key).or_insert_with(make)
    }

    /// Sets the value of a key and returns the one it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.entries.insert(key, value)
    }

    /// Removes a key and returns its value.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.entries.remove(key)
    }

    /// Whether the key has a value.
    #[inline]
    pub fn contains_key(&self, key: &K) -> bool {
        self.entries.contains_key(key)
    }

    /// The number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Removes all keys and keeps the room.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}

impl<K: Eq + Hash, V> Default for LookupMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

/// Prints the number of entries only: their order would differ from machine to machine.
impl<K, V> fmt::Debug for LookupMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LookupMap({} entries)", self.entries.len())
    }
}

#[cfg(test)]
mod tests {
    use super::LookupMap;

    #[test]
    fn keeps_the_last_value_of_each_key() {
        let mut map = LookupMap::with_capacity(2);
        assert!(map.is_empty());
        assert_eq!(map.insert("a", 1), None);
        assert_eq!(map.insert("a", 2), Some(1));
        *map.get_or_insert_with("b", || 10) += 1;
        *map.get_or_insert_with("b", || 10) += 1;
        *map.get_mut(&"a").unwrap() += 5;
        assert_eq!(
            (map.get(&"a"), map.get(&"b"), map.len()),
            (Some(&7), Some(&12), 2)
        );
        assert_eq!(map.remove(&"a"), Some(7));
        assert!(!map.contains_key(&"a") && map.contains_key(&"b"));
        assert_eq!(format!("{map:?}"), "LookupMap(1 entries)");
        map.clear();
        assert!(map.is_empty());
    }
}
