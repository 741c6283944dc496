### The inbox, answers to several tasks, and the sessions of a person.

inbox-title = Inbox ({ $count })
inbox-heading = Waiting for you
inbox-search = Search
inbox-signed-in = Signed in as { $email }.
inbox-waiting = { $count ->
    [0] Nothing waits for you.
    [one] One task waits for you.
   *[other] { $count } tasks wait for you.
  }
inbox-found = { $count } of them match “{ $search }”.
inbox-show-all = Show all
inbox-choose = Choose { $title }
inbox-due = due
inbox-open = Open
inbox-open-task = Open { $title }
inbox-answer-chosen = Answer the chosen tasks
inbox-bulk-help = At most { $most } tasks of the same kind. You see each of them again before anything is recorded.
inbox-answers = Your answers
inbox-no-answers = Nothing yet.
inbox-receipt = Receipt { $id }
inbox-withdraw = Withdraw
inbox-withdraw-task = Withdraw your answer to { $title }
inbox-questions = Questions to you
inbox-asks-first = { $name } asks before answering
inbox-reply = Your reply
inbox-reply-button = Reply
inbox-sessions = Your sessions
inbox-sign-out = Sign out
inbox-back = Back to the inbox

bulk-title = Please confirm { $count } answers
bulk-confirm = Please confirm your answers
bulk-tasks = { $count ->
    [one] One task
   *[other] { $count } tasks
  }
bulk-same-answer = Nothing is recorded yet. A button records the same answer for every task above.
bulk-button = { $count ->
    [one] Confirm: { $button }
   *[other] Confirm: { $button } all { $count }
  }
bulk-recorded = { $count ->
    [one] One answer was recorded
   *[other] { $count } answers were recorded
  }
bulk-not-recorded = Not recorded
bulk-none = choose at least one task
bulk-too-many = choose at most { $most } tasks at once
bulk-moved-on = a chosen task does not wait for you any more: open the inbox again
bulk-not-simple = a chosen task needs an answer of its own: open it
bulk-not-same = only tasks of the same kind can be answered together

session-explained = Each of these programs and browsers acts in your name until you end its session.
session-this-browser = (this browser)
session-last-seen = last seen
session-end = End this session
session-end-named = End the session { $name }
session-end-others = End all other sessions
session-foreign-form = this form was sent from another site: open the inbox here
session-stale-form = the form is not from your session: open the inbox again

settings-title = Your settings
settings-language = Language
settings-language-help = Of your mail, and of these pages.
settings-language-browser = As my browser asks
settings-english = English
settings-german = Deutsch
settings-quiet = Quiet hours
settings-quiet-help = Mail waits until the quiet hours end. A task that is due before that is mailed at once.
settings-quiet-from = From
settings-quiet-until = Until
settings-digest = One mail a day
settings-digest-help = Tasks come together in one mail at this time. A task that is due before that is mailed at once. Whoever asks you sees that you get one mail a day.
settings-digest-at = Every day at
settings-zone = Time zone
settings-zone-help = For example Europe/Berlin. Without one, these hours are in UTC.
settings-save = Save
settings-wrong = Enter both times of the quiet hours or neither. The time zone needs a name such as Europe/Berlin.

push-title = Notifications
push-help = A browser that you choose here shows each task as a notification, beside your mail. Quiet hours hold for it too. It ends when you sign out of that browser.
push-browser = { $browser }, since { $since }
push-this = This browser
push-remove = Remove
push-add = Show tasks in this browser
push-needs-script = Notifications need a browser that runs scripts.
push-refused = The browser did not allow notifications. Look at its settings for this page.
push-body = { $requester } of { $organization } asks you.
push-daily = Tasks wait for you
absence-title = Absence
absence-help = While you are away, your deputy answers the tasks that ask you by name. Each answer says that it was given in your place. You can still answer yourself.
absence-current = You are away from { $from } until { $until }. { $deputy } answers in your place.
absence-deputy-for = You answer in place of { $person } from { $from } until { $until }.
absence-deputy = Email address of your deputy
absence-deputy-help = A member of one of your workspaces. Your deputy does not answer tasks that they requested or that ask them too.
absence-first-day = First day
absence-first-day-help = Without one, your absence begins now.
absence-last-day = Last day
absence-save = Save the absence
absence-end = End the absence
absence-wrong = Enter the address of another person who belongs to one of your workspaces, and days of which the last is not over.
inbox-deputy = in place of { $names }
