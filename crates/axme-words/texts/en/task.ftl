### The page of a task, its confirmation, what was recorded, and links that no longer work.

offline = You are offline. Nothing was sent. Your entries are kept: send them when you are online.
page-correct = Please correct: { $title }
page-confirm = Please confirm: { $title }

task-since = since
task-errors = Something is missing or wrong
task-entries-kept = Nothing was sent yet. Your entries are kept below.
task-comment = Comment
task-evidence = Evidence
task-evidence-help = Your evidence: a link, a ticket, or a description.
task-answer-by = Answer by
task-sent-along = Everything that was sent with the request
task-request = The request
task-results = Results so far
task-after = After your answer
task-if-yes = If you { $verb }
task-say-yes = Say yes
task-otherwise = Otherwise
task-deciders = Deciders
task-votes = { $said } of { $needed } yes answers so far. A single no decides.
task-one-decides = One answer decides.
task-you-decide = Your answer decides.
task-you = (you)
task-said-yes = said yes
task-no-answer = no answer yet
task-answer = Your answer
task-answer-as = You answer as
task-update = Update the form
task-conditions = Some fields appear only for some answers.
task-nothing-yet = Nothing is recorded before you confirm it on the next page.
task-history = History
task-when = When
task-what = What happened
task-intent = Intent { $id } ({ $type })

waited-moment = less than a minute
waited-minutes = { $minutes } min
waited-hours = { $hours } h { $minutes } min
waited-days = { $days } d { $hours } h

confirm-heading = Please confirm your answer
confirm-nothing-yet = Nothing is recorded yet.
confirm-button = Confirm: { $button }
confirm-change = Change the answer

done-heading = Your answer was recorded
done-task = Task
done-recorded = Recorded
done-answered-as = You answered as
done-close = You can close this page.

link-unknown = This link is not known
link-unknown-why = Links are forgotten some time after they expire, and must be opened whole: look whether your mail program has broken it in two.
link-broken = This link does not work any more
link-expired = This link has expired
link-you-answered = You have answered already
link-was-answered = This was answered already
link-reassigned = Another person has this task now
link-not-needed = No answer is needed any more
link-ask-again = Ask whoever sent it for a new one.
link-nothing-left = There is nothing left to do here.
link-of-former-member = This link belongs to a person who is no longer a member here.
link-valid-until = This link was valid until { $at }.
link-used = You answered “{ $outcome }” to “{ $title }” with this link at { $at }.
link-answered-by = { $name } answered “{ $outcome }” at { $at }.
link-voted = You have already approved this. Other approvals are still needed.
link-passed-on = This task was reassigned to another person.
link-decided = An answer is no longer needed. { $outcome }.
link-ended-completed = An answer is no longer needed: the request was completed.
link-ended-failed = An answer is no longer needed: the request failed.
link-ended-canceled = An answer is no longer needed: the request was canceled.
link-ended-timed-out = An answer is no longer needed: the deadline passed.
link-ended-moved-on = An answer is no longer needed: the request has moved on.

failed-try-again = Please try again in a moment
failed-our-side = Something went wrong on our side
failed-other = This could not be done
failed-nothing-changed = Nothing was changed.
