//! eni
