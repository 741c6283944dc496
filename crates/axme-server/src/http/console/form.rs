//! A form that carries out one operation. Its page says the fields; `change` reads them and calls the operation.

use askama::Template;

/// How a field is typed.
pub(super) enum Kind {
    Text,
    /// Several lines.
    Area,
    /// One of several values, each with its name.
    Choice(Vec<(String, String)>),
    /// Any of several values, each with its name, and whether it is chosen.
    Several(Vec<(String, String, bool)>),
}

/// A field of a form. The name is that of the field of the operation. After a colon it may say how the text is read: see
/// `change::read`.
pub(super) struct FormField {
    pub label: &'static str,
    pub name: &'static str,
    pub kind: Kind,
    pub value: String,
    pub is_required: bool,
}

impl FormField {
    /// A line of text that may stay empty.
    pub fn text(label: &'static str, name: &'static str) -> FormField {
        FormField { label, name, kind: Kind::Text, value: String::new(), is_required: false }
    }

    pub fn choice(label: &'static str, name: &'static str, choices: &[(&str, &str)], chosen: &str) -> FormField {
        let choices = choices.iter().map(|(value, name)| ((*value).to_owned(), (*name).to_owned())).collect();
        FormField { kind: Kind::Choice(choices), value: chosen.to_owned(), ..FormField::text(label, name) }
    }

    /// Boxes to check, one for each value.
    pub fn several(label: &'static str, name: &'static str, values: Vec<(String, String, bool)>) -> FormField {
        FormField { kind: Kind::Several(values), ..FormField::text(label, name) }
    }

    pub fn required(self) -> FormField {
        FormField { is_required: true, ..self }
    }

    pub fn with(self, value: impl Into<String>) -> FormField {
        FormField { value: value.into(), ..self }
    }
}

/// A form that opens below its title.
#[derive(Template)]
#[template(path = "console/form.html")]
pub(super) struct Form {
    pub title: String,
    pub about: &'static str,
    /// The id of the operation.
    pub op: &'static str,
    /// Fields that the page knows. `what` names the subject for the confirmation.
    pub hidden: Vec<(&'static str, String)>,
    pub fields: Vec<FormField>,
    pub button: &'static str,
    /// The rest is the same for all forms of a page; [`Form::on`] fills it in.
    pub root: String,
    pub csrf: String,
    pub back: String,
    pub once: String,
}

impl Form {
    pub fn new(op: &'static str, title: impl Into<String>, button: &'static str) -> Form {
        Form {
            title: title.into(),
            about: "",
            op,
            hidden: Vec::new(),
            fields: Vec::new(),
            button,
            root: String::new(),
            csrf: String::new(),
            back: String::new(),
            once: String::new(),
        }
    }

    pub fn about(self, about: &'static str) -> Form {
        Form { about, ..self }
    }

    pub fn hidden(mut self, name: &'static str, value: impl Into<String>) -> Form {
        self.hidden.push((name, value.into()));
        self
    }

    pub fn field(mut self, field: FormField) -> Form {
        self.fields.push(field);
        self
    }

    /// Places the form on a page.
    pub fn on(&mut self, root: &str, csrf: &str, back: &str, once: &str) {
        (self.root, self.csrf) = (root.to_owned(), csrf.to_owned());
        (self.back, self.once) = (back.to_owned(), once.to_owned());
    }
}
