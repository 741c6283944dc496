//! The columns of the list of intents. The choice is in the address of the page, as the filter is.

/// The name of the parameter. A form sends it once for each column; a link has all of them with commas between.
pub(super) const COLUMNS: &str = "columns";

/// The columns to choose from, beside the intent and its state, with their titles.
const KNOWN: [(&str, &str); 5] =
    [("from", "From"), ("to", "To"), ("holder", "Held by"), ("created", "Created"), ("changed", "Changed")];

/// A column that can be chosen: its word, its title, and whether it is shown.
pub(super) struct Column {
    pub word: &'static str,
    pub title: &'static str,
    pub is_shown: bool,
}

/// The columns of a page.
pub(super) struct Columns(pub Vec<Column>);

impl Columns {
    /// Reads the values of the parameter. Without a known column, all are shown.
    pub fn read<'a>(asked: impl Iterator<Item = &'a str>) -> Columns {
        let asked: Vec<&str> = asked.flat_map(|words| words.split(',')).collect();
        let is_any = KNOWN.iter().any(|(word, _)| asked.contains(word));
        let column = |(word, title)| Column { word, title, is_shown: !is_any || asked.contains(&word) };
        Columns(KNOWN.map(column).into())
    }

    pub fn shows(&self, word: &str) -> bool {
        self.0.iter().any(|column| column.word == word && column.is_shown)
    }

    /// Returns the parameter for links; empty if all columns are shown.
    pub fn words(&self) -> String {
        if self.0.iter().all(|column| column.is_shown) {
            return String::new();
        }
        self.0.iter().filter(|column| column.is_shown).map(|column| column.word).collect::<Vec<&str>>().join(",")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_one_parameter_and_all_columns_are_none() {
        let words = |asked: &[&str]| Columns::read(asked.iter().copied()).words();
        assert_eq!(words(&["changed", "to"]), "to,changed");
        assert_eq!(words(&["to,changed,bogus"]), "to,changed");
        assert_eq!(words(&["from,to,holder,created,changed"]), "");
        assert_eq!((words(&[]), words(&["bogus"])), (String::new(), String::new()));
    }
}
