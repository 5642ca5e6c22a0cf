//! What a run leaves behind. Floats are allowed here: nothing in a simulation depends on them.

mod counter;
mod histogram;
mod series;
mod student_t;
mod summary;
mod warm_up;

pub use counter::Counter;
pub use histogram::Histogram;
pub use series::{Series, SeriesBin};
pub use student_t::{student_t_cdf, student_t_quantile};
pub use summary::Summary;
pub use warm_up::mser5;
