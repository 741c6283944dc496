### Der Posteingang, Antworten auf mehrere Aufgaben, und die Sitzungen einer Person.

inbox-title = Posteingang ({ $count })
inbox-heading = Wartet auf Sie
inbox-search = Suchen
inbox-signed-in = Angemeldet als { $email }.
inbox-waiting = { $count ->
    [0] Nichts wartet auf Sie.
    [one] Eine Aufgabe wartet auf Sie.
   *[other] { $count } Aufgaben warten auf Sie.
  }
inbox-found = { $count } davon passen zu „{ $search }“.
inbox-show-all = Alle anzeigen
inbox-choose = { $title } auswählen
inbox-due = fällig
inbox-open = Öffnen
inbox-open-task = { $title } öffnen
inbox-answer-chosen = Ausgewählte Aufgaben beantworten
inbox-bulk-help = Höchstens { $most } gleichartige Aufgaben. Sie sehen jede noch einmal, bevor etwas festgehalten wird.
inbox-answers = Ihre Antworten
inbox-no-answers = Noch keine.
inbox-receipt = Beleg { $id }
inbox-withdraw = Zurückziehen
inbox-withdraw-task = Antwort auf { $title } zurückziehen
inbox-questions = Rückfragen an Sie
inbox-asks-first = { $name } fragt vor der Antwort nach
inbox-reply = Ihre Antwort
inbox-reply-button = Antworten
inbox-sessions = Ihre Sitzungen
inbox-sign-out = Abmelden
inbox-back = Zurück zum Posteingang

bulk-title = Bitte bestätigen Sie { $count } Antworten
bulk-confirm = Bitte bestätigen Sie Ihre Antworten
bulk-tasks = { $count ->
    [one] Eine Aufgabe
   *[other] { $count } Aufgaben
  }
bulk-same-answer = Es ist noch nichts festgehalten. Eine Schaltfläche hält dieselbe Antwort für jede Aufgabe oben fest.
bulk-button = { $count ->
    [one] Bestätigen: { $button }
   *[other] Bestätigen: { $button } (alle { $count })
  }
bulk-recorded = { $count ->
    [one] Eine Antwort wurde festgehalten
   *[other] { $count } Antworten wurden festgehalten
  }
bulk-not-recorded = Nicht festgehalten
bulk-none = Wählen Sie mindestens eine Aufgabe aus.
bulk-too-many = Wählen Sie höchstens { $most } Aufgaben auf einmal aus.
bulk-moved-on = Eine der Aufgaben wartet nicht mehr auf Sie. Öffnen Sie den Posteingang noch einmal.
bulk-not-simple = Eine der Aufgaben braucht eine eigene Antwort. Öffnen Sie sie.
bulk-not-same = Nur gleichartige Aufgaben können zusammen beantwortet werden.

session-explained = Jedes dieser Programme und jeder dieser Browser handelt in Ihrem Namen, bis Sie die Sitzung beenden.
session-this-browser = (dieser Browser)
session-last-seen = zuletzt gesehen
session-end = Diese Sitzung beenden
session-end-named = Sitzung { $name } beenden
session-end-others = Alle anderen Sitzungen beenden
session-foreign-form = Dieses Formular kam von einer anderen Website. Öffnen Sie den Posteingang hier.
session-stale-form = Das Formular gehört nicht zu Ihrer Sitzung. Öffnen Sie den Posteingang noch einmal.

settings-title = Ihre Einstellungen
settings-language = Sprache
settings-language-help = Ihrer Mails und dieser Seiten.
settings-language-browser = Wie mein Browser
settings-english = English
settings-german = Deutsch
settings-quiet = Ruhezeit
settings-quiet-help = Mails warten bis zum Ende der Ruhezeit. Eine Aufgabe, die vorher fällig ist, kommt sofort.
settings-quiet-from = Von
settings-quiet-until = Bis
settings-digest = Eine Mail am Tag
settings-digest-help = Aufgaben kommen zusammen in einer Mail zu dieser Uhrzeit. Eine Aufgabe, die vorher fällig ist, kommt sofort. Wer Sie fragt, sieht, dass Sie eine Mail am Tag erhalten.
settings-digest-at = Täglich um
settings-zone = Zeitzone
settings-zone-help = Zum Beispiel Europe/Berlin. Ohne Angabe gelten die Zeiten in UTC.
settings-save = Speichern
settings-wrong = Geben Sie beide Zeiten der Ruhezeit an oder keine. Die Zeitzone braucht einen Namen wie Europe/Berlin.

push-title = Mitteilungen
push-help = Ein Browser, den Sie hier wählen, zeigt jede Aufgabe als Mitteilung, neben Ihrer Mail. Die Ruhezeit gilt auch dafür. Das endet, wenn Sie sich in diesem Browser abmelden.
push-browser = { $browser }, seit { $since }
push-this = Dieser Browser
push-remove = Entfernen
push-add = Aufgaben in diesem Browser zeigen
push-needs-script = Mitteilungen brauchen einen Browser, der Skripte ausführt.
push-refused = Der Browser hat Mitteilungen nicht erlaubt. Sehen Sie in seinen Einstellungen für diese Seite nach.
push-body = { $requester } von { $organization } fragt Sie.
push-daily = Aufgaben warten auf Sie
absence-title = Abwesenheit
absence-help = Während Sie fort sind, beantwortet Ihre Vertretung die Aufgaben, die Sie namentlich fragen. Jede Antwort sagt, dass sie an Ihrer Stelle gegeben wurde. Sie können weiterhin selbst antworten.
absence-current = Sie sind von { $from } bis { $until } abwesend. { $deputy } antwortet an Ihrer Stelle.
absence-deputy-for = Sie antworten von { $from } bis { $until } an Stelle von { $person }.
absence-deputy = Mailadresse Ihrer Vertretung
absence-deputy-help = Ein Mitglied eines Ihrer Arbeitsbereiche. Ihre Vertretung beantwortet keine Aufgaben, die sie selbst gestellt hat oder die auch sie fragen.
absence-first-day = Erster Tag
absence-first-day-help = Ohne Angabe beginnt Ihre Abwesenheit jetzt.
absence-last-day = Letzter Tag
absence-save = Abwesenheit speichern
absence-end = Abwesenheit beenden
absence-wrong = Geben Sie die Adresse einer anderen Person aus einem Ihrer Arbeitsbereiche an und Tage, von denen der letzte nicht vorbei ist.
inbox-deputy = an Stelle von { $names }
