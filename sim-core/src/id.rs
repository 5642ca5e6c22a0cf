//! Dense identifiers, and the vectors they index.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

/// A dense index into one kind of thing. Made by [`id_type!`](crate::id_type).
pub trait Id: Copy {
    /// The id with this index.
    ///
    /// # Panics
    /// If the index does not fit 32 bits.
    fn from_index(index: usize) -> Self;

    /// The index of this id.
    fn to_index(self) -> usize;
}

/// Declares 32-bit index types: `id_type!(PortId);`, or several in one call, each with its own
/// documentation.
///
/// Ids of two kinds do not mix, which is their point:
///
/// ```
/// use sim_core::{IndexVec, id_type};
///
/// id_type! {
///     /// Index of a port.
///     PortId;
///     /// Index of a link.
///     LinkId;
/// }
///
/// let mut rates: IndexVec<PortId, u64> = IndexVec::new();
/// let port: PortId = rates.push(10);
/// assert_eq!(rates[port], 10);
/// assert_eq!(PortId::new(0), port);
/// ```
#[macro_export]
macro_rules! id_type {
    ($($(#[$meta:meta])* $name:ident);+ $(;)?) => {
        $(
            #[doc = concat!("Dense 32-bit index (`", stringify!($name), "`).")]
            ///
            $(#[$meta])*
            #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub struct $name(u32);

            impl $name {
                /// The id with this index.
                ///
                /// # Panics
                /// If the index does not fit 32 bits.
                #[must_use]
                #[inline]
                pub const fn new(index: usize) -> Self {
                    assert!(index <= u32::MAX as usize, "an id has 32 bits");
                    #[expect(clippy::cast_possible_truncation, reason = "checked on the line above")]
                    Self(index as u32)
                }

                /// The index of this id.
                #[must_use]
                #[inline]
                pub const fn index(self) -> usize {
                    self.0 as usize
                }
            }

            impl $crate::Id for $name {
                #[inline]
                fn from_index(index: usize) -> Self {
                    Self::new(index)
                }

                #[inline]
                fn to_index(self) -> usize {
                    self.index()
                }
            }

            impl ::std::fmt::Debug for $name {
                fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                    write!(f, concat!(stringify!($name), "({})"), self.0)
                }
            }
        )+
    };
}

/// A vector indexed by one kind of id only. Elements are never removed, so ids stay valid.
#[derive(Clone, PartialEq, Eq)]
pub struct IndexVec<I, T> {
    items: Vec<T>,
    id: PhantomData<fn(I) -> I>,
}

impl<I: Id, T> IndexVec<I, T> {
    /// Gives back the memory of elements that are not there.
    pub fn shrink_to_fit(&mut self) {
        self.items.shrink_to_fit();
    }

    /// An empty vector.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            items: Vec::new(),
            id: PhantomData,
        }
    }

    /// An empty vector with room for `capacity` elements.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            items: Vec::with_capacity(capacity),
            id: PhantomData,
        }
    }

    /// Appends an element and names it.
    ///
    /// # Panics
    /// If there are 2^32 elements already.
    pub fn push(&mut self, item: T) -> I {
        let id = self.next_id();
        self.items.push(item);
        id
    }

    /// The id that the next [`push`](Self::push) returns.
    ///
    /// # Panics
    /// If there are 2^32 elements already.
    #[must_use]
    pub fn next_id(&self) -> I {
        I::from_index(self.items.len())
    }

    /// The number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is no element.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The element, unless the id is of a longer vector.
    #[must_use]
    pub fn get(&self, id: I) -> Option<&T> {
        self.items.get(id.to_index())
    }

    /// The element, mutable, unless the id is of a longer vector.
    pub fn get_mut(&mut self, id: I) -> Option<&mut T> {
        self.items.get_mut(id.to_index())
    }

    /// Two different elements, both mutable.
    ///
    /// # Panics
    /// If the ids are equal or one of them is out of range.
    pub fn pair_mut(&mut self, a: I, b: I) -> (&mut T, &mut T) {
        let [a, b] = self
            .items
            .get_disjoint_mut([a.to_index(), b.to_index()])
            .expect("two different ids in range");
        (a, b)
    }

    /// The elements in the order of their ids.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.items.iter()
    }

    /// The elements, mutable, in the order of their ids.
    pub fn iter_mut(&mut self) -> std::slice::IterMut<'_, T> {
        self.items.iter_mut()
    }

    /// The elements with their ids.
    pub fn iter_enumerated(&self) -> impl DoubleEndedIterator<Item = (I, &T)> + ExactSizeIterator {
        self.items
            .iter()
            .enumerate()
            .map(|(index, item)| (I::from_index(index), item))
    }

    /// All ids in order.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = I> + ExactSizeIterator + use<I, T> {
        (0..self.items.len()).map(I::from_index)
    }

    /// The elements as a slice.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        &self.items
    }
}

impl<I: Id, T> Default for IndexVec<I, T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<I: Id, T> Index<I> for IndexVec<I, T> {
    type Output = T;

    #[inline]
    fn index(&self, id: I) -> &T {
        &self.items[id.to_index()]
    }
}

impl<I: Id, T> IndexMut<I> for IndexVec<I, T> {
    #[inline]
    fn index_mut(&mut self, id: I) -> &mut T {
        &mut self.items[id.to_index()]
    }
}

impl<I: Id, T> From<Vec<T>> for IndexVec<I, T> {
    fn from(items: Vec<T>) -> Self {
        Self {
            items,
            id: PhantomData,
        }
    }
}

impl<I: Id, T> FromIterator<T> for IndexVec<I, T> {
    fn from_iter<S: IntoIterator<Item = T>>(source: S) -> Self {
        Vec::from_iter(source).into()
    }
}

impl<'a, I: Id, T> IntoIterator for &'a IndexVec<I, T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a, I: Id, T> IntoIterator for &'a mut IndexVec<I, T> {
    type Item = &'a mut T;
    type IntoIter = std::slice::IterMut<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

impl<I, T: fmt::Debug> fmt::Debug for IndexVec<I, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.items).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::IndexVec;

    use crate::engine::EntityId as NodeId;

    #[test]
    fn push_names_elements_densely() {
        let mut nodes: IndexVec<NodeId, &str> = IndexVec::new();
        assert_eq!(nodes.next_id(), NodeId::new(0));
        let a = nodes.push("a");
        let b = nodes.push("b");
        assert_eq!((a.index(), b.index()), (0, 1));
        assert_eq!((nodes[a], nodes.get(b)), ("a", Some(&"b")));
        assert_eq!(nodes.get(NodeId::new(2)), None);
        assert_eq!(
            nodes.iter_enumerated().collect::<Vec<_>>(),
            [(a, &"a"), (b, &"b")]
        );
        assert_eq!(nodes.ids().collect::<Vec<_>>(), [a, b]);
    }

    #[test]
    fn two_elements_can_be_borrowed_at_once() {
        let mut nodes: IndexVec<NodeId, u32> = [1, 2, 3].into_iter().collect();
        let (first, last) = nodes.pair_mut(NodeId::new(0), NodeId::new(2));
        std::mem::swap(first, last);
        assert_eq!(nodes.as_slice(), [3, 2, 1]);
    }

    #[test]
    #[should_panic(expected = "two different ids")]
    fn the_same_element_cannot_be_borrowed_twice() {
        let mut nodes: IndexVec<NodeId, u32> = [1].into_iter().collect();
        nodes.pair_mut(NodeId::new(0), NodeId::new(0));
    }

    #[test]
    fn debug_names_the_kind() {
        assert_eq!(format!("{:?}", NodeId::new(7)), "EntityId(7)");
        assert_eq!(size_of::<NodeId>(), 4);
    }
}
