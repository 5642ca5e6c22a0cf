//! Shows reports on a terminal, or plainly where there is none.
//!
//! Only the command line calls this; nothing else of the crate knows how output looks.
