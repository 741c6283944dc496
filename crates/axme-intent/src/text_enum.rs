//! Enums that are written as words: on the wire, in the store and in errors.

/// Declares an enum whose values have fixed words, with one writer and one parser. `WORDS` lists the words in the order
/// in which errors name them.
#[macro_export]
macro_rules! text_enum {
    (
        $(#[$about:meta])*
        $visibility:vis enum $name:ident { $($(#[$about_variant:meta])* $variant:ident = $word:literal),+ $(,)? }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $visibility enum $name { $($(#[$about_variant])* $variant),+ }

        impl $name {
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }

            pub fn parse(text: &str) -> Option<$name> {
                match text {
                    $($word => Some($name::$variant),)+
                    _ => None,
                }
            }
        }
    };
}
