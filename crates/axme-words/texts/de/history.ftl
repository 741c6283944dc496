### Der Verlauf eines Vorgangs, sein Ergebnis, was auf eine Antwort folgt, und die Schaltflächen.

## Namen

name-person = jemand
name-platform = AXME
name-in-charge = eine zuständige Person
name-group = Gruppe { $name }
name-service = Dienst { $name }
name-with-key = mit einem Schlüssel von { $name }
name-workspace = Arbeitsbereich { $name }

## Ereignisse

event-by = durch { $name }
event-queued = Zur Zustellung an { $name } eingereiht
event-received = Empfangen{ $by }
event-step-late = Schritt { $step } wurde nicht innerhalb seiner Frist fertig
event-reminder = Erinnerung { $count } an { $name }
event-asked-instead = Stattdessen wird { $name } gefragt, weil { $from } nicht geantwortet hat
event-asked-too = Zusätzlich wird { $name } gefragt, weil { $from } nicht geantwortet hat
event-vote = , eine von { $needed } nötigen Zusagen
event-withdrawn = Zusage zurückgezogen von { $name } { $way }
event-question = Rückfrage von { $name } an { $to } { $way }
event-reply = Antwort von { $name } an { $to } { $way }
event-reassigned = Neu zugewiesen: von { $from } an { $name }{ $by }{ $note }
event-delivery-failed = Zustellung { $attempt } von { $most } ist fehlgeschlagen{ $why }{ $again }
event-delivery-again = ; nächster Versuch: { $at }
event-submitted = Eingereicht von { $name }{ $key }{ $to }: { $type }{ $plan }
event-to = an { $name }
event-plan = , Szenario { $name }
event-on-behalf = , im Namen von { $names }
event-progress = In Arbeit, gemeldet von { $name }
event-step-again = Schritt { $step } ist fehlgeschlagen und wird wiederholt
event-step-failed = Schritt { $step } ist fehlgeschlagen{ $by }
event-reported = , gemeldet von { $name }
event-step-done-by = Schritt { $step } wurde von { $name } erledigt
event-step-notified = Schritt { $step } hat { $names } benachrichtigt
event-step-waited = Schritt { $step } hat { $seconds } s gewartet
event-step-done = Schritt { $step } ist erledigt
event-step-resumed = Schritt { $step } wurde von { $name } fortgesetzt
event-waiting-until = Wartet bis { $at }{ $step }
event-waiting-resume = Wartet, bis der Vorgang fortgesetzt wird{ $step }
event-waiting-for = Wartet auf { $name }{ $step }
event-of-step = (Schritt { $step })
event-asked = { $count ->
    [one] { $names } wird gefragt{ $quorum }
   *[other] { $names } werden gefragt{ $quorum }
  }
event-quorum = , und { $needed } müssen zustimmen
event-answer = { $answer } von { $name } { $way }{ $more }
event-failed = Fehlgeschlagen{ $by }
event-canceled = Abgebrochen{ $by }
event-completed = Abgeschlossen{ $by }
event-timed-out = Die Frist ist abgelaufen
event-failed-decided = Fehlgeschlagen: { $decision }
event-canceled-decided = Abgebrochen: { $decision }
event-completed-decided = Abgeschlossen: { $decision }

way-api = über die API
way-command_line = auf der Befehlszeile
way-email = über den Link einer Mail
way-form = auf einer Seite
way-inbox = im Posteingang
way-assistant = über einen Assistenten

## Ergebnisse

ended-completed = Abgeschlossen
ended-failed = Fehlgeschlagen
ended-canceled = Abgebrochen
ended-timed_out = Frist abgelaufen
outcome-by = { $what } von { $names }
answered-with = Mit „{ $word }“ beantwortet

outcome-approved = Genehmigt
outcome-rejected = Abgelehnt
outcome-changes_requested = Änderungen verlangt
outcome-submitted = Abgesendet
outcome-cannot_assess = Nicht zu beurteilen
outcome-confirmed = Bestätigt
outcome-denied = Verneint
outcome-assigned = Zugewiesen
outcome-declined = Abgesagt
outcome-provided = Beantwortet
outcome-completed = Erledigt
outcome-failed = Fehlgeschlagen
outcome-override_approved = Ausnahme genehmigt
outcome-override_rejected = Ausnahme abgelehnt
outcome-attached = Angehängt
outcome-validated = Geprüft
outcome-delegated = Weitergegeben
outcome-rerouted = Umgeleitet
outcome-escalated = Eskaliert
outcome-acknowledged = Zur Kenntnis genommen
outcome-accepted = Angenommen
outcome-deferred = Zurückgestellt
outcome-canceled = Abgebrochen
outcome-cancelled = Abgebrochen
outcome-refused = Verweigert
outcome-disapproved = Missbilligt
outcome-needs_more_info = Mehr Angaben nötig
outcome-needs_info = Mehr Angaben nötig
outcome-released = Freigegeben
outcome-signed = Unterschrieben
outcome-withdrawn = Zurückgezogen

## Schaltflächen

verb-approved = Genehmigen
verb-rejected = Ablehnen
verb-changes_requested = Änderungen verlangen
verb-submitted = Absenden
verb-cannot_assess = Kann ich nicht beurteilen
verb-confirmed = Bestätigen
verb-denied = Verneinen
verb-assigned = Zuweisen
verb-declined = Absagen
verb-provided = Antwort senden
verb-completed = Als erledigt melden
verb-failed = Fehlschlag melden
verb-override_approved = Ausnahme genehmigen
verb-override_rejected = Ablehnen
verb-attached = Anhängen
verb-validated = Als geprüft melden
verb-delegated = Weitergeben
verb-rerouted = Umleiten
verb-escalated = Eskalieren
verb-acknowledged = Zur Kenntnis nehmen
verb-accepted = Annehmen
verb-deferred = Zurückstellen
verb-canceled = Abbrechen
verb-cancelled = Abbrechen
verb-refused = Verweigern
verb-disapproved = Missbilligen
verb-needs_more_info = Mehr Angaben verlangen
verb-needs_info = Mehr Angaben verlangen
verb-released = Freigeben
verb-signed = Unterschreiben

## Worum eine Aufgabe bittet, nach dem Namen dessen, der sie stellt

request-approval = bittet um Ihre Genehmigung
request-review = bittet um Ihre Prüfung
request-form = bittet Sie, ein Formular auszufüllen
request-provide_data = bittet Sie, ein Formular auszufüllen
request-confirmation = bittet um Ihre Bestätigung
request-assignment = bittet Sie, eine Aufgabe zuzuweisen
request-clarification = hat eine Frage an Sie
request-manual_action = bittet Sie, etwas zu erledigen
request-override = bittet Sie um eine Ausnahme von einer Regel
request-answer = bittet um Ihre Antwort

## Was folgt

then-requester = Die Antwort beendet die Anfrage, und { $name } erhält sie.
then-last-yes = Dies ist die letzte nötige Zusage.
then-more-yes = { $missing ->
    [one] Noch eine Person muss zustimmen, insgesamt { $needed }. Danach:
   *[other] Noch { $missing } Personen müssen zustimmen, insgesamt { $needed }. Danach:
  }
then-more-steps = Weitere Schritte folgen.
then-completed = Die Anfrage ist abgeschlossen.
then-canceled = Die Anfrage ist abgebrochen.
then-failed = Die Anfrage endet ohne Erfolg.
then-service = Der Dienst { $name } führt den Schritt „{ $step }“ aus.
then-asked = { $count ->
    [one] Als Nächstes wird { $names } gefragt{ $title }.
   *[other] Als Nächstes werden { $names } gefragt{ $title }.
  }
then-title = : „{ $title }“
then-waits = Die Anfrage wartet { $span }.
then-resumed = Die Anfrage wartet, bis eine Person oder ein Programm sie fortsetzt.
then-reminded = { $name } wird erinnert.
then-notified = { $count ->
    [one] { $names } wird benachrichtigt.
   *[other] { $names } werden benachrichtigt.
  }
then-requester-notified = Wer die Anfrage gestellt hat, wird benachrichtigt.

length-seconds = { $count ->
    [one] 1 Sekunde
   *[other] { $count } Sekunden
  }
length-minutes = { $count } Minuten
length-hours = { $count } Stunden
length-days = { $count } Tage

deciders-one-of = eine Person von: { $names }.
deciders-needed = { $needed } Personen von: { $names }. Ein einziges Nein entscheidet.
deciders-only = { $names }.
deciders-said = Zugestimmt: { $names }.

standing-asked = Die Anfrage wartet jetzt auf eine Antwort. Gefragt: { $names }.
standing-question = Die Anfrage wartet jetzt darauf, dass { $name } auf eine Rückfrage antwortet.
standing-until = Die Anfrage wartet bis { $at }.
standing-at-person = Die Anfrage liegt jetzt bei { $name }.
standing-at-person-step = Die Anfrage liegt jetzt bei { $name }, im Schritt „{ $step }“.
standing-at-service = Die Anfrage liegt jetzt beim Dienst { $name }.
standing-at-service-step = Die Anfrage liegt jetzt beim Dienst { $name }, im Schritt „{ $step }“.
standing-timed-out = Die Frist der Anfrage ist abgelaufen.
standing-ended = Die Anfrage ist beendet: { $outcome }.
standing-failed = Die Anfrage ist fehlgeschlagen.
standing-progress = Die Anfrage ist in Arbeit.
