### Die Seite einer Aufgabe, ihre Bestätigung, was festgehalten wurde, und Links, die nicht mehr gelten.

offline = Sie sind offline. Es wurde nichts gesendet. Ihre Eingaben bleiben erhalten: Senden Sie sie, wenn Sie wieder online sind.
page-correct = Bitte berichtigen: { $title }
page-confirm = Bitte bestätigen: { $title }

task-since = seit
task-errors = Etwas fehlt oder ist nicht richtig
task-entries-kept = Es wurde noch nichts gesendet. Ihre Eingaben stehen weiterhin unten.
task-comment = Kommentar
task-evidence = Nachweis
task-evidence-help = Ihr Nachweis: ein Link, ein Ticket oder eine Beschreibung.
task-answer-by = Antwort bis
task-sent-along = Alles, was mit der Anfrage gesendet wurde
task-request = Die Anfrage
task-results = Bisherige Ergebnisse
task-after = Nach Ihrer Antwort
task-if-yes = Bei „{ $verb }“
task-say-yes = Ja
task-otherwise = Sonst
task-deciders = Wer entscheidet
task-votes = Bisher { $said } von { $needed } Zusagen. Ein einziges Nein entscheidet.
task-one-decides = Eine Antwort entscheidet.
task-you-decide = Ihre Antwort entscheidet.
task-you = (Sie)
task-said-yes = hat zugestimmt
task-no-answer = noch keine Antwort
task-answer = Ihre Antwort
task-answer-as = Sie antworten als
task-update = Formular aktualisieren
task-conditions = Manche Felder erscheinen nur bei bestimmten Antworten.
task-nothing-yet = Es wird nichts festgehalten, bevor Sie es auf der nächsten Seite bestätigen.
task-history = Verlauf
task-when = Wann
task-what = Was geschah
task-intent = Vorgang { $id } ({ $type })

waited-moment = weniger als eine Minute
waited-minutes = { $minutes } Min.
waited-hours = { $hours } Std. { $minutes } Min.
waited-days = { $days } T. { $hours } Std.

confirm-heading = Bitte bestätigen Sie Ihre Antwort
confirm-nothing-yet = Es ist noch nichts festgehalten.
confirm-button = Bestätigen: { $button }
confirm-change = Antwort ändern

done-heading = Ihre Antwort wurde festgehalten
done-task = Aufgabe
done-recorded = Festgehalten
done-answered-as = Sie haben geantwortet als
done-close = Sie können diese Seite schließen.

link-unknown = Dieser Link ist nicht bekannt
link-unknown-why = Links werden einige Zeit nach ihrem Ablauf gelöscht, und sie müssen vollständig geöffnet werden. Prüfen Sie, ob Ihr Mailprogramm den Link zerteilt hat.
link-broken = Dieser Link gilt nicht mehr
link-expired = Dieser Link ist abgelaufen
link-you-answered = Sie haben bereits geantwortet
link-was-answered = Die Frage ist bereits beantwortet
link-reassigned = Die Aufgabe liegt jetzt bei einer anderen Person
link-not-needed = Eine Antwort ist nicht mehr nötig
link-ask-again = Bitten Sie die Person, die ihn gesendet hat, um einen neuen.
link-nothing-left = Hier ist nichts mehr zu tun.
link-of-former-member = Dieser Link gehört einer Person, die hier nicht mehr Mitglied ist.
link-valid-until = Dieser Link war gültig bis { $at }.
link-used = Sie haben „{ $title }“ mit diesem Link mit „{ $outcome }“ beantwortet: { $at }.
link-answered-by = { $name } hat mit „{ $outcome }“ geantwortet: { $at }.
link-voted = Sie haben bereits zugestimmt. Weitere Zusagen stehen noch aus.
link-passed-on = Diese Aufgabe wurde einer anderen Person zugewiesen.
link-decided = Eine Antwort ist nicht mehr nötig. { $outcome }.
link-ended-completed = Eine Antwort ist nicht mehr nötig: Die Anfrage ist abgeschlossen.
link-ended-failed = Eine Antwort ist nicht mehr nötig: Die Anfrage ist fehlgeschlagen.
link-ended-canceled = Eine Antwort ist nicht mehr nötig: Die Anfrage wurde abgebrochen.
link-ended-timed-out = Eine Antwort ist nicht mehr nötig: Die Frist ist abgelaufen.
link-ended-moved-on = Eine Antwort ist nicht mehr nötig: Die Anfrage ist weitergegangen.

failed-try-again = Bitte versuchen Sie es gleich noch einmal
failed-our-side = Bei uns ist ein Fehler aufgetreten
failed-other = Das war nicht möglich
failed-nothing-changed = Es wurde nichts geändert.
