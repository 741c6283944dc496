//! Words about billing plans and invoices.

use crate::text_enum;

text_enum! {
    /// How often a billing plan is invoiced.
    pub enum BillingCycle {
        /// Every month.
        Monthly = "monthly",
        /// Every year.
        Annual = "annual",
    }
}

impl BillingCycle {
    /// Returns the number of months in one period.
    pub const fn months(self) -> u32 {
        match self {
            BillingCycle::Monthly => 1,
            BillingCycle::Annual => 12,
        }
    }
}
