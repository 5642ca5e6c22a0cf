//! Regular expressions, as far as instance attributes need them: characters, `.`, `[a-z]`, `[^…]`,
//! `\`, groups with `|`, and `*`, `+`, `?` behind any of these.
//!
//! A match walks the set of places in the text that the pattern can have come to, so it takes
//! pattern times text, whatever the pattern.

use std::collections::BTreeSet;

/// Groups within groups: more than anybody writes, and few enough for any stack.
const DEEPEST: usize = 16;

/// A pattern that has to match a whole text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(Group);

/// Alternatives, each a row of pieces.
type Group = Vec<Vec<Piece>>;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece {
    atom: Atom,
    /// May be left out.
    optional: bool,
    /// May come again.
    repeated: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Atom {
    Any,
    One(char),
    Set {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
    Group(Group),
}

impl Pattern {
    /// Reads a pattern; the error is where it cannot be read, counted in characters, and why.
    pub(super) fn parse(text: &str) -> Result<Self, (usize, &'static str)> {
        let characters: Vec<char> = text.chars().collect();
        let mut reader = Reader {
            text: &characters,
            at: 0,
        };
        let group = reader.group(0)?;
        match reader.peek() {
            None => Ok(Self(group)),
            Some(_) => Err((reader.at, "this `)` closes nothing")),
        }
    }

    /// Whether the pattern matches the whole text.
    pub(super) fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        walk(&self.0, &text, &BTreeSet::from([0])).contains(&text.len())
    }
}

/// Where a group can have come to from each of these places.
fn walk(group: &Group, text: &[char], from: &BTreeSet<usize>) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    for row in group {
        let mut places = from.clone();
        for piece in row {
            places = piece.walk(text, &places);
        }
        reached.extend(places);
    }
    reached
}

impl Piece {
    fn walk(&self, text: &[char], from: &BTreeSet<usize>) -> BTreeSet<usize> {
        let mut reached = if self.optional {
            from.clone()
        } else {
            BTreeSet::new()
        };
        let mut fresh = from.clone();
        while !fresh.is_empty() {
            let next = self.atom.walk(text, &fresh);
            fresh = next.difference(&reached).copied().collect();
            reached.extend(next);
            if !self.repeated {
                break;
            }
        }
        reached
    }
}

impl Atom {
    fn walk(&self, text: &[char], from: &BTreeSet<usize>) -> BTreeSet<usize> {
        let fits = |c: char| match self {
            Self::Any => true,
            Self::One(one) => c == *one,
            Self::Set { negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated
            }
            Self::Group(_) => false,
        };
        match self {
            Self::Group(group) => walk(group, text, from),
            _ => from
                .iter()
                .filter(|&&at| text.get(at).copied().is_some_and(fits))
                .map(|at| at + 1)
                .collect(),
        }
    }
}

struct Reader<'a> {
    text: &'a [char],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek();
        self.at += usize::from(next.is_some());
        next
    }

    fn group(&mut self, depth: usize) -> Result<Group, (usize, &'static str)> {
        if depth > DEEPEST {
            return Err((self.at, "too many groups within groups"));
        }
        let mut group = vec![Vec::new()];
        while let Some(c) = self.peek() {
            match c {
                ')' => break,
                '|' => {
                    self.at += 1;
                    group.push(Vec::new());
                }
                _ => {
                    let atom = self.atom(depth)?;
                    let (optional, repeated) = match self.peek() {
                        Some('*') => (true, true),
                        Some('+') => (false, true),
                        Some('?') => (true, false),
                        _ => (false, false),
                    };
                    self.at += usize::from(optional || repeated);
                    let piece = Piece {
                        atom,
                        optional,
                        repeated,
                    };
                    group.last_mut().expect("never empty").push(piece);
                }
            }
        }
        Ok(group)
    }

    fn atom(&mut self, depth: usize) -> Result<Atom, (usize, &'static str)> {
        let at = self.at;
        match self.next() {
            Some('.') => Ok(Atom::Any),
            Some('[') => self.set(at),
            Some('(') => {
                let group = self.group(depth + 1)?;
                match self.next() {
                    Some(')') => Ok(Atom::Group(group)),
                    _ => Err((at, "this `(` is not closed")),
                }
            }
            Some('\\') => match self.next() {
                Some(c) if !c.is_alphanumeric() => Ok(Atom::One(c)),
                _ => Err((at, "`\\` goes before a character that means something else")),
            },
            Some('*' | '+' | '?') => Err((at, "nothing stands before it that could be repeated")),
            Some('{' | '}' | '^' | '$') => Err((
                at,
                "not known here; put `\\` before it if it is meant as it is",
            )),
            Some(c) => Ok(Atom::One(c)),
            None => Err((at, "the pattern ends too early")),
        }
    }

    fn set(&mut self, start: usize) -> Result<Atom, (usize, &'static str)> {
        let negated = self.peek() == Some('^');
        self.at += usize::from(negated);
        let mut ranges = Vec::new();
        loop {
            let low = match self.next() {
                None => return Err((start, "this `[` is not closed")),
                Some(']') if !ranges.is_empty() => break,
                Some('\\') => self.next().ok_or((start, "this `[` is not closed"))?,
                Some(c) => c,
            };
            let is_range =
                self.peek() == Some('-') && self.text.get(self.at + 1).is_some_and(|c| *c != ']');
            let high = if is_range {
                self.at += 1;
                self.next().unwrap_or(low)
            } else {
                low
            };
            if low > high {
                return Err((self.at - 1, "the range runs backwards"));
            }
            ranges.push((low, high));
        }
        Ok(Atom::Set { negated, ranges })
    }
}
