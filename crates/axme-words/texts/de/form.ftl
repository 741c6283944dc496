### Felder von Formularen, und was darin falsch sein kann. Ein Fehler folgt auf den Namen seines Feldes.

form-required = (Pflichtfeld)
form-yes = Ja
form-no = Nein
form-no-answer = Keine Angabe
form-choose = Bitte wählen
form-none = Nichts davon
form-zone = Zeitzone:
form-add = Weitere Zeile
form-file-remove = Diese Datei entfernen
form-remove = Entfernen
form-remove-row = { $row } entfernen
form-up = Nach oben
form-up-row = { $row } nach oben verschieben

help-between = Von { $least } bis { $most }.
help-least = Mindestens { $least }.
help-most = Höchstens { $most }.
help-more = Mehr als { $least }.
help-less = Weniger als { $most }.
help-lines = Eine Angabe je Zeile, geschrieben als Name: Wert.
help-file = Eine Datei mit höchstens { $most }.
help-file-types = Eine Datei mit höchstens { $most } vom Typ { $types }.
help-characters = Höchstens { $most } Zeichen.

wrong-maximum = darf höchstens { $limit } sein
wrong-minimum = muss mindestens { $limit } sein
wrong-below = muss kleiner als { $limit } sein
wrong-above = muss größer als { $limit } sein
wrong-multiple = muss ein Vielfaches von { $of } sein
wrong-too-long = darf höchstens { $limit } Zeichen haben
wrong-too-short = muss mindestens { $limit } Zeichen haben
wrong-too-many-entries = { $limit ->
    [one] darf höchstens 1 Eintrag haben
   *[other] darf höchstens { $limit } Einträge haben
  }
wrong-too-few-entries = { $limit ->
    [one] muss mindestens 1 Eintrag haben
   *[other] muss mindestens { $limit } Einträge haben
  }
wrong-too-many-fields = darf höchstens { $limit } Felder haben
wrong-too-few-fields = muss mindestens { $limit } Felder haben
wrong-twice = darf keinen Eintrag doppelt haben
wrong-one-of = muss einer dieser Werte sein: { $values }
wrong-constant = muss { $value } sein
wrong-no-form = passt zu keiner der erlaubten Formen
wrong-several-forms = passt zu mehreren der erlaubten Formen
wrong-email = muss eine E-Mail-Adresse sein
wrong-url = muss eine Webadresse sein, die mit https:// beginnt
wrong-date = muss ein Datum sein: 2026-05-03
wrong-date-time = muss Datum und Uhrzeit sein: 2026-05-03T14:00:00Z
wrong-time = muss eine Uhrzeit sein: 14:00:00Z
wrong-format = hat nicht die nötige Form ({ $format })
wrong-pattern = hat nicht die erwartete Form
wrong-pattern-example = hat nicht die erwartete Form, zum Beispiel { $example }
wrong-contains = enthält einen nötigen Eintrag nicht
wrong-not-empty = muss leer bleiben
wrong-not-allowed = ist nicht erlaubt
wrong-number = muss eine Zahl sein
wrong-whole-number = muss eine ganze Zahl sein
wrong-file-empty = darf nicht leer sein
wrong-file-size = darf höchstens { $most } haben
wrong-file-type = muss eine Datei vom Typ { $types } sein
wrong-file-count = ist eine Datei zu viel: senden Sie höchstens { $most }
wrong-boolean = muss Ja oder Nein sein
wrong-list = muss eine Liste sein
wrong-object = muss eigene Felder haben
wrong-null = muss leer sein
wrong-text = muss ein Text sein
wrong-required = muss ausgefüllt werden
wrong-required-here = muss bei dieser Aufgabe ausgefüllt werden
wrong-no-field = ist kein Feld des Formulars
wrong-unticked = muss angekreuzt werden (Wert: { $value })
wrong-form = Das Formular ist fehlerhaft: { $why }
wrong-too-many-values = Die Antwort hat zu viele Werte für ihr Formular. Senden Sie weniger.
wrong-comment = höchstens { $most } Zeichen
wrong-answer-too-long = Die Antwort ist zu lang.
wrong-no-outcome = Wählen Sie eine Antwort mit einer der Schaltflächen.
wrong-digits = hat zu viele Ziffern: höchstens { $most } bleiben erhalten
wrong-two-readings = „{ $text }“ kann { $grouped } oder { $decimal } bedeuten. Geben Sie { $grouped } oder { $decimal } ein
wrong-line = „{ $line }“ muss als Name: Wert geschrieben werden
wrong-typed-date-time = muss Datum und Uhrzeit sein: 2026-05-03 14:00
wrong-typed-time = muss eine Uhrzeit sein: 14:00
wrong-skipped-time = gibt es nicht: Dann werden die Uhren vorgestellt. Wählen Sie eine andere Zeit
wrong-double-time = gibt es zweimal: Dann werden die Uhren zurückgestellt. Wählen Sie eine andere Zeit
wrong-time-range = liegt außerhalb des erlaubten Bereichs
