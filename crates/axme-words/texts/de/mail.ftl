### Mails: zu Aufgaben, Belegen, Anmeldungen und Testzugängen.

mail-reminded = Eine Aufgabe wartet noch auf Ihre Antwort.
mail-escalated = Eine Aufgabe wurde nicht rechtzeitig beantwortet; stattdessen werden Sie gefragt.
mail-replied = Auf eine Rückfrage zu dieser Aufgabe wurde geantwortet.
mail-subject-reminder = Erinnerung: { $title }
mail-subject-escalated = Eskaliert: { $title }
mail-subject-reply = Antwort: { $title }
mail-since-asked = Seit Sie gefragt wurden:
mail-if-yes = Wenn Sie zustimmen:
mail-otherwise = Sonst:
mail-deciders = Wer entscheidet:
mail-button = Aufgabe ansehen und antworten
mail-about-button = Die Schaltfläche führt zu { $host }. Das Öffnen der Seite ändert nichts; Ihre Entscheidung wird festgehalten, wenn Sie sie dort bestätigen.
mail-answer-at = Antworten Sie auf { $host }. Das Öffnen der Seite ändert nichts; Ihre Entscheidung wird festgehalten, wenn Sie sie dort bestätigen:
mail-about-link = Der Link gehört nur Ihnen, gilt einmal und ist gültig bis { $at }. Geben Sie ihn nicht weiter.
mail-intent = Vorgang { $id } ({ $type }), { $task }. Antworten auf diese Mail liest niemand: Benutzen Sie die Seite.
mail-no-reply = Antworten auf diese Mail liest niemand.

digest-title = { $count ->
    [one] Eine Aufgabe wartet auf Sie
   *[other] { $count } Aufgaben warten auf Sie
  }
digest-over = Einige Aufgaben brauchen keine Antwort mehr
digest-links = Die Schaltflächen führen zu { $host }. Jeder Link gehört nur Ihnen und gilt einmal; geben Sie ihn nicht weiter.
digest-why = Sie erhalten eine Mail am Tag, weil Sie das so eingestellt haben. Eine Aufgabe, die vorher fällig ist, kommt sofort.

receipt-title = Beleg: { $title }
receipt-receipt = Beleg
receipt-intent = Vorgang
receipt-not-you = Wenn Sie das nicht waren, wenden Sie sich sofort an die Verwaltung dieses Servers.
receipt-keep = Bewahren Sie den signierten Beleg unten auf: axme verify prüft ihn.

question-title = Rückfrage: { $title }
question-by = Gefragt von
question-text = Frage
question-due = Die Aufgabe ist fällig
question-why = { $name } braucht Ihre Antwort, bevor über Ihre Anfrage entschieden wird.
question-inbox = Antworten Sie in Ihrem Eingang: { $url }
over-title = Nicht mehr nötig: { $title }
over-requester = Gestellt von
over-nothing-to-do = Sie müssen nichts tun. Der Link in der früheren Mail gilt nicht mehr.

invitation-title = Sie sind jetzt Mitglied von { $organization }
invitation-organization = Organisation
invitation-role = Rolle
invitation-by = Hinzugefügt von
invitation-address = Ihre Adresse hier
invitation-sign-in = Melden Sie sich mit dieser Adresse unter { $url } an, um zu sehen, welche Aufgaben auf Sie warten. Sie brauchen kein Passwort: Ein Code kommt per Mail.
invitation-unexpected = Wenn Sie diese Organisation nicht kennen, ignorieren Sie diese Mail.

login-subject = { $code } ist Ihr Code für die Anmeldung bei AXME
login-title = Anmelden bei AXME
login-code = Ihr Code für die Anmeldung bei AXME:
login-type = Geben Sie ihn dort ein, wo Sie sich anmelden, oder öffnen Sie diesen Link auf irgendeinem Gerät und bestätigen Sie dort:
login-valid = Beide sind gültig bis { $at }, und nur einmal. Das Öffnen des Links meldet niemanden an, bevor Sie bestätigen.
login-warning = Wenn Sie sich nicht anmelden, tun Sie nichts: Ohne den Code kann es niemand. Verraten Sie den Code niemandem.

trial-mail-subject = Bestätigen Sie Ihre Adresse für AXME
trial-mail-body = Jemand hat auf { $url } mit dieser Adresse einen Testzugang zu AXME begonnen. Wenn Sie das waren, öffnen Sie diesen Link bis { $at }; danach können Sie sich mit der Adresse anmelden. Wenn nicht, tun Sie nichts.
