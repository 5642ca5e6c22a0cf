//! How many tasks with an interface of their own an instance type carries, and how that is known.

/// What is known of a type's interfaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EniLimits {
    /// Elastic network interfaces that can be attached, the primary one included.
    pub max_enis: Option<u32>,
    /// Whether trunk interfaces are supported; `None` where no source says.
    pub trunking: Option<bool>,
    /// Branch interfaces that a trunk carries.
    pub branch_interfaces: Option<u32>,
    /// Tasks without trunking, as documented.
    pub plain_documented: Option<u32>,
    /// Tasks with trunking, as documented.
    pub trunked_documented: Option<u32>,
}

/// How many tasks an instance type carries, and how that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskLimit {
    /// The developer guide says so.
    Documented(u32),
    /// Interfaces less the primary one.
    InterfacesLessOne(u32),
    /// Branch interfaces + interfaces - 2.
    Derived(u32),
}

impl TaskLimit {
    /// The number.
    #[must_use]
    pub fn tasks(self) -> u32 {
        match self {
            Self::Documented(tasks) | Self::InterfacesLessOne(tasks) | Self::Derived(tasks) => {
                tasks
            }
        }
    }
}

impl EniLimits {
    /// Tasks without trunking; `None` where nothing is known.
    ///
    /// Source: Amazon ECS developer guide, container-instance-eni, June 2023 (vendor). Where it has
    /// no row, interfaces less the primary one, which 422 of its 434 rows agree with; ten, of types
    /// with several network cards, say less, and of two the interfaces are not known.
    #[must_use]
    pub fn plain(&self) -> Option<TaskLimit> {
        let documented = self.plain_documented.map(TaskLimit::Documented);
        let counted = self
            .max_enis
            .map(|enis| TaskLimit::InterfacesLessOne(enis.saturating_sub(1)));
        documented.or(counted)
    }

    /// Tasks with trunking; `None` where there is none, or nothing is known.
    ///
    /// Source: as for [`plain`](Self::plain). Where it has no row, the formula that gives 422 of the
    /// 430 documented values that it can be compared with: a fit, not a rule (assumed).
    #[must_use]
    pub fn trunked(&self) -> Option<TaskLimit> {
        let documented = self.trunked_documented.map(TaskLimit::Documented);
        let derived = || match (self.trunking, self.branch_interfaces, self.max_enis) {
            (Some(true), Some(branches), Some(enis)) => {
                Some(TaskLimit::Derived((branches + enis).saturating_sub(2)))
            }
            _ => None,
        };
        documented.or_else(derived)
    }
}
