//! The languages of pages and mail.

use crate::text_enum;

text_enum! {
    /// A language of pages and mail.
    pub enum Language {
        /// English.
        English = "en",
        /// German.
        German = "de",
    }
}

#[expect(clippy::derivable_impls, reason = "the macro takes no other attributes than documentation")]
impl Default for Language {
    fn default() -> Language {
        Language::English
    }
}
