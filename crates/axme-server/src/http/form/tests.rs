//! Every kind of field: how it is built, read and shown.

use serde_json::json;

use super::*;

fn task(schema: Value) -> HumanTask {
    let source = json!({ "title": "t", "form_schema": schema });
    let (task, wrong) = HumanTask::read(source.as_object().unwrap());
    assert_eq!(wrong, Vec::<String>::new());
    task
}

fn pairs(sent: &[(&str, &str)]) -> FormFields {
    FormFields::new(sent.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

/// Reads what was sent: the answer's fields, and the errors.
fn reading(task: &HumanTask, sent: &[(&str, &str)]) -> (Value, Value) {
    let now = axme_intent::Time::parse("2026-07-01T00:00:00Z").unwrap();
    let reading = read(task, &pairs(sent), now, Language::English);
    (Value::Object(reading.data()), json!(reading.wrong))
}

fn shown(task: &HumanTask, sent: &[(&str, &str)]) -> Vec<Field> {
    shown_in(Language::English, task, sent)
}

fn shown_in(language: Language, task: &HumanTask, sent: &[(&str, &str)]) -> Vec<Field> {
    let now = axme_intent::Time::parse("2026-07-01T00:00:00Z").unwrap();
    let filled = pairs(sent);
    let reading = read(task, &filled, now, language);
    fields(task, &filled, &reading.data(), &reading.wrong, language)
}

#[test]
fn every_kind_of_field_is_read_as_people_type_it() {
    let task = task(json!({
        "properties": {
            "name": { "type": "string" },
            "count": { "type": "integer" },
            "rate": { "type": ["number", "null"] },
            "sure": { "type": "boolean" },
            "level": { "enum": [1, "1", 2.5, "1.0"] },
            "contract": { "oneOf": [{ "const": "c-1", "title": "Contract One" }, { "const": 7, "title": "Seven" }] },
            "tags": { "type": "array", "items": { "enum": ["a", "b", "c"] } },
            "lines": { "type": "array", "items": { "type": "object", "properties": {
                "item": { "type": "string" }, "n": { "type": "integer" },
            } } },
            "payee": { "type": "object", "required": ["iban"], "properties": { "iban": { "type": "string" } } },
            "at": { "type": "string", "format": "date-time" },
            "from": { "type": "string", "format": "time" },
            "more": { "type": "object" },
            "agree": { "const": true },
            "version": { "const": 2 },
        },
    }));
    let sent = [
        ("zone", "Europe/Berlin"),
        ("field.name", " Ann "),
        ("field.count", "1.234"),
        ("field.rate", "12,5"),
        ("field.sure", "false"),
        ("field.level", "2.5"),
        ("field.contract", "7"),
        ("field.tags", ""),
        ("field.tags", "a"),
        ("field.tags", "c"),
        ("rows.field.lines", "3"),
        ("field.lines.0.item", "Pump"),
        ("field.lines.0.n", "2"),
        ("field.lines.1.item", ""),
        ("field.lines.2.item", "Pipe"),
        ("field.payee.iban", "DE89"),
        ("field.at", "2026-05-03T14:00"),
        ("field.from", "09:30"),
        ("field.more", "color: red\n\nsize: 12: 3"),
        ("field.agree", "true"),
        ("field.version", "2"),
    ];
    let (data, wrong) = reading(&task, &sent);
    let expected = json!({
        "name": "Ann", "count": 1234, "rate": 12.5, "sure": false, "level": 2.5, "contract": 7, "tags": ["a", "c"],
        "lines": [{ "item": "Pump", "n": 2 }, { "item": "Pipe" }], "payee": { "iban": "DE89" },
        "at": "2026-05-03T14:00:00+02:00", "from": "09:30:00+02:00", "more": { "color": "red", "size": "12: 3" },
        "agree": true, "version": 2,
    });
    assert_eq!((data, wrong), (expected, json!({})));
    assert_eq!(reading(&task, &[("field.level", "\"1\"")]).0, json!({ "level": "1" }), "equal labels are told apart");
    assert_eq!(reading(&task, &[]).0, json!({}));
    let labels: Vec<(String, String)> =
        shown(&task, &sent).iter().flat_map(Field::leaves).map(|(label, field)| (label, field.shown.clone())).collect();
    for (label, value) in [
        ("Count", "1,234"),
        ("Contract", "Seven"),
        ("Tags", "a, c"),
        ("Lines 1, Item", "Pump"),
        ("Payee, Iban", "DE89"),
        ("At", "2026-05-03 14:00:00+02:00"),
        ("Agree", "Yes"),
    ] {
        assert!(labels.contains(&(label.to_owned(), value.to_owned())), "{label} in {labels:?}");
    }
}

#[test]
fn what_cannot_be_read_is_said_at_its_place() {
    let task = task(json!({ "properties": {
        "rate": { "type": "number" }, "many": { "type": "number" },
        "lines": { "type": "array", "items": { "type": "object", "properties": { "n": { "type": "integer" } } } },
        "more": { "type": "object" }, "at": { "type": "string", "format": "date-time" },
    } }));
    let sent = [
        ("field.rate", "1.234"),
        ("field.many", "12345678901234567890"),
        ("rows.field.lines", "1"),
        ("field.lines.0.n", "two"),
        ("field.more", "red"),
        ("field.at", "2026-03-29T02:30"),
        ("zone", "Europe/Berlin"),
    ];
    let (_, wrong) = reading(&task, &sent);
    assert_eq!(wrong["rate"], "“1.234” can mean 1234 or 1.2340. Type 1234 or 1.2340");
    assert_eq!(wrong["many"], "has too many digits: at most 15 are kept");
    assert_eq!(wrong["lines.0.n"], "must be a whole number");
    assert_eq!(wrong["more"], "“red” must be written as name: value");
    assert!(wrong["at"].as_str().unwrap().contains("does not exist"));
    let fields = shown(&task, &sent);
    let errors: Vec<&str> = fields.iter().flat_map(Field::errors).map(|(_, label, _)| label).collect();
    assert_eq!(errors, ["Rate", "Many", "N", "More", "At"]);
}

#[test]
fn a_condition_brings_its_fields_into_the_form() {
    let task = task(json!({
        "properties": { "pay_by": { "enum": ["card", "transfer"] } },
        "if": { "properties": { "pay_by": { "const": "transfer" } }, "required": ["pay_by"] },
        "then": { "properties": { "iban": { "type": "string" } }, "required": ["iban"] },
    }));
    let names = |sent: &[(&str, &str)]| shown(&task, sent).into_iter().map(|field| field.label).collect::<Vec<_>>();
    assert_eq!(names(&[]), ["Pay by"]);
    assert_eq!(names(&[("field.pay_by", "transfer")]), ["Pay by", "Iban"]);
    assert_eq!(reading(&task, &[("field.pay_by", "card"), ("field.iban", "x")]).0, json!({ "pay_by": "card" }));
    assert!(has_conditions(&task));
}

#[test]
fn a_list_is_changed_by_its_buttons() {
    let sent = [
        ("rows.field.l", "3"),
        ("field.l.0.a", "one"),
        ("field.l.1.a", "two"),
        ("rows.field.l.1.deep", "4"),
        ("field.l.2.a", "three"),
        ("field.other", "x"),
    ];
    let after = |step: &str| {
        let mut filled = pairs(&[&sent[..], &[("step", step)]].concat());
        assert!(filled.change_list());
        let value = |index: usize| filled.get(&format!("field.l.{index}.a")).to_owned();
        (filled.rows("field.l").unwrap(), [value(0), value(1), value(2)], filled.get("field.other").to_owned())
    };
    let rows = |all: [&str; 3]| all.map(str::to_owned);
    assert_eq!(after("add:field.l"), (4, rows(["one", "two", "three"]), "x".to_owned()));
    assert_eq!(after("remove:field.l:0"), (2, rows(["two", "three", ""]), "x".to_owned()));
    assert_eq!(after("up:field.l:2"), (3, rows(["one", "three", "two"]), "x".to_owned()));
    assert_eq!(after("up:field.l:0").1, rows(["one", "two", "three"]));
    let mut other = pairs(&[("step", "confirm")]);
    assert!(!other.change_list());
    let mut many = pairs(&[("rows.field.l", "99999999"), ("step", "add:field.l")]);
    assert!(many.change_list());
    assert_eq!(many.rows("field.l"), Some(MAX_ROWS));
}

#[test]
fn a_constant_is_shown_and_only_the_person_ticks_a_box() {
    let task = task(json!({ "properties": {
        "agree": { "const": true, "default": true, "title": "I have read the terms" }, "version": { "const": 2 },
        "plan": { "type": "string", "readOnly": true, "default": "basic" },
    } }));
    let before = shown(&task, &[]);
    assert!(matches!(before[0].kind, Kind::Tick(_)) && before[0].value.is_empty() && before[0].is_required);
    assert!(matches!(before[1].kind, Kind::Fixed(_)) && before[1].value == "2");
    assert_eq!(reading(&task, &[("field.plan", "gold")]).0, json!({ "plan": "basic" }), "a fact cannot be changed");
    assert_eq!(shown(&task, &[("field.agree", "true")])[0].shown, "Yes");
}

#[test]
fn a_choice_is_shown_as_it_was_given() {
    let given = json!(["-1", "1-5", "2026-01-31", 0.5, -1, "changes_requested", null]);
    let fields = shown(&task(json!({ "properties": { "n": { "enum": given } } })), &[]);
    let Kind::Choice(choices) = &fields[0].kind else { unreachable!("a choice") };
    let labels: Vec<&str> = choices.iter().map(|choice| choice.label.as_str()).collect();
    assert_eq!(labels, ["-1", "1-5", "2026-01-31", "0.5", "-1", "changes_requested", "None"]);
}

#[test]
fn a_password_is_never_shown_and_a_field_is_escaped() {
    let task = task(json!({ "properties": {
        "secret": { "type": "string", "format": "password" }, "name": { "type": "string", "title": "<b>" },
    } }));
    let sent = [("field.secret", " hush "), ("field.name", "\"><script>")];
    let fields = shown(&task, &sent);
    assert_eq!((fields[0].shown.as_str(), reading(&task, &sent).0["secret"].as_str()), ("••••••••", Some(" hush ")));
    let html = fields[1].to_string();
    assert!(!html.contains("<script>") && !html.contains("<b>") && html.contains("&#60;b&#62;"), "{html}");
    assert!(fields[0].to_string().contains("type=\"password\""));
}

#[test]
fn a_form_has_bounds() {
    let mut deep = json!({ "type": "string" });
    for _ in 0..10 {
        deep = json!({ "type": "object", "properties": { "a": deep, "b": { "type": "string" } } });
    }
    let wide: serde_json::Map<String, Value> =
        (0..300).map(|n| (format!("f{n}"), json!({ "type": "string" }))).collect();
    assert_eq!(shown(&task(json!({ "properties": wide })), &[]).len(), MAX_FIELDS);
    assert!(shown(&task(deep), &[]).iter().flat_map(Field::leaves).count() <= MAX_LEVELS + 1);
}

#[test]
fn a_form_follows_the_language_of_its_reader() {
    let task = task(json!({ "properties": {
        "rate": { "type": "number", "minimum": 0.5 }, "price": { "type": "number", "default": 1.234 },
        "sure": { "type": "boolean" }, "level": { "enum": [1, null] },
    } }));
    let sent = [("field.rate", "12.000,50"), ("field.price", "1.234"), ("field.sure", "true")];
    let fields = shown_in(Language::German, &task, &sent);
    let (rate, price) = (&fields[0], &fields[1]);
    assert_eq!(
        (rate.shown.as_str(), rate.help.as_str(), fields[2].shown.as_str()),
        ("12.000,5", "Mindestens 0,5.", "Ja")
    );
    // The confirmation would show 1.234 for both readings, so German asks back as English does.
    assert_eq!(price.error, "„1.234“ kann 1234 oder 1,2340 bedeuten. Geben Sie 1234 oder 1,2340 ein");
    assert!(fields[3].to_string().contains("Nichts davon") && fields[3].to_string().contains("Bitte wählen"));
    let proposed = shown_in(Language::German, &task, &[("field.price", "1,2340")]);
    assert_eq!((proposed[1].error.as_str(), proposed[1].shown.as_str()), ("", "1,234"));
    for (language, usual) in [(Language::German, "1,2340"), (Language::English, "1.2340")] {
        assert_eq!(shown_in(language, &task, &[])[1].value, usual, "a default has one reading");
    }
}
