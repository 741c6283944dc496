### The history of an intent, its outcome, what follows from an answer, and the buttons.

## Names

name-person = a person
name-platform = the platform
name-in-charge = a person in charge
name-group = group { $name }
name-service = service { $name }
name-with-key = with a key of { $name }
name-workspace = workspace { $name }

## Events

event-by = by { $name }
event-queued = Queued for { $name }
event-received = Received{ $by }
event-step-late = Step { $step } was not finished before its deadline
event-reminder = Reminder { $count } to { $name }
event-asked-instead = { $name } is asked instead, because { $from } has not answered
event-asked-too = { $name } is asked as well, because { $from } has not answered
event-vote = , one of { $needed } who have to say yes
event-withdrawn = Yes withdrawn by { $name } { $way }
event-question = Question of { $name } to { $to } { $way }
event-reply = Reply of { $name } to { $to } { $way }
event-reassigned = Reassigned from { $from } to { $name }{ $by }{ $note }
event-delivery-failed = Delivery { $attempt } of { $most } failed{ $why }{ $again }
event-delivery-again = ; the next attempt is at { $at }
event-submitted = Submitted by { $name }{ $key }{ $to }: { $type }{ $plan }
event-to = to { $name }
event-plan = , scenario { $name }
event-on-behalf = , on behalf of { $names }
event-progress = In progress, reported by { $name }
event-step-again = Step { $step } failed and is tried again
event-step-failed = Step { $step } failed{ $by }
event-reported = , reported by { $name }
event-step-done-by = Step { $step } was done by { $name }
event-step-notified = Step { $step } notified { $names }
event-step-waited = Step { $step } has waited { $seconds } s
event-step-done = Step { $step } is done
event-step-resumed = Step { $step } was resumed by { $name }
event-waiting-until = Waiting until { $at }{ $step }
event-waiting-resume = Waiting until a caller resumes it{ $step }
event-waiting-for = Waiting for { $name }{ $step }
event-of-step = (step { $step })
event-asked = { $count ->
    [one] { $names } is asked{ $quorum }
   *[other] { $names } are asked{ $quorum }
  }
event-quorum = , and { $needed } have to say yes
event-answer = { $answer } by { $name } { $way }{ $more }
event-failed = Failed{ $by }
event-canceled = Canceled{ $by }
event-completed = Completed{ $by }
event-timed-out = Timed out: the deadline passed
event-failed-decided = Failed: { $decision }
event-canceled-decided = Canceled: { $decision }
event-completed-decided = Completed: { $decision }

way-api = through the API
way-command_line = at the command line
way-email = by mailed link
way-form = on a page
way-inbox = in the inbox
way-assistant = through an assistant

## Outcomes

ended-completed = Completed
ended-failed = Failed
ended-canceled = Canceled
ended-timed_out = Timed out
outcome-by = { $what } by { $names }
answered-with = Answered “{ $word }”

outcome-approved = Approved
outcome-rejected = Rejected
outcome-changes_requested = Changes requested
outcome-submitted = Submitted
outcome-cannot_assess = Cannot assess
outcome-confirmed = Confirmed
outcome-denied = Denied
outcome-assigned = Assigned
outcome-declined = Declined
outcome-provided = Provided
outcome-completed = Completed
outcome-failed = Failed
outcome-override_approved = Override approved
outcome-override_rejected = Override rejected
outcome-attached = Attached
outcome-validated = Validated
outcome-delegated = Delegated
outcome-rerouted = Rerouted
outcome-escalated = Escalated
outcome-acknowledged = Acknowledged
outcome-accepted = Accepted
outcome-deferred = Deferred
outcome-canceled = Canceled
outcome-cancelled = Cancelled
outcome-refused = Refused
outcome-disapproved = Disapproved
outcome-needs_more_info = Needs more info
outcome-needs_info = Needs info
outcome-released = Released
outcome-signed = Signed
outcome-withdrawn = Withdrawn

## Buttons

verb-approved = Approve
verb-rejected = Reject
verb-changes_requested = Request changes
verb-submitted = Submit
verb-cannot_assess = Cannot assess
verb-confirmed = Confirm
verb-denied = Deny
verb-assigned = Assign
verb-declined = Decline
verb-provided = Send answer
verb-completed = Complete
verb-failed = Report a failure
verb-override_approved = Override
verb-override_rejected = Reject
verb-attached = Attach
verb-validated = Validate
verb-delegated = Delegate
verb-rerouted = Reroute
verb-escalated = Escalate
verb-acknowledged = Acknowledge
verb-accepted = Accept
verb-deferred = Defer
verb-canceled = Cancel
verb-cancelled = Cancel
verb-refused = Refuse
verb-disapproved = Disapprove
verb-needs_more_info = Ask for more information
verb-needs_info = Ask for more information
verb-released = Release
verb-signed = Sign

## What a task asks for, after the name of the requester

request-approval = asks for your approval
request-review = asks for your review
request-form = asks you to fill in a form
request-provide_data = asks you to fill in a form
request-confirmation = asks you to confirm
request-assignment = asks you to assign a task
request-clarification = has a question for you
request-manual_action = asks you to do something
request-override = asks you to override a rule
request-answer = asks for your answer

## What follows

then-requester = The answer ends the request, and { $name } receives it.
then-last-yes = This is the last yes that is needed.
then-more-yes = { $missing ->
    [one] One more person must say yes, { $needed } in total. Then:
   *[other] { $missing } more people must say yes, { $needed } in total. Then:
  }
then-more-steps = More steps follow.
then-completed = The request is complete.
then-canceled = The request is canceled.
then-failed = The request ends without success.
then-service = The service { $name } carries out the step “{ $step }”.
then-asked = { $count ->
    [one] { $names } is asked next{ $title }.
   *[other] { $names } are asked next{ $title }.
  }
then-title = : “{ $title }”
then-waits = The request waits { $span }.
then-resumed = The request waits until a person or a program resumes it.
then-reminded = { $name } is reminded.
then-notified = { $count ->
    [one] { $names } is notified.
   *[other] { $names } are notified.
  }
then-requester-notified = The requester is notified.

length-seconds = { $count ->
    [one] 1 second
   *[other] { $count } seconds
  }
length-minutes = { $count } minutes
length-hours = { $count } hours
length-days = { $count } days

deciders-one-of = one of { $names }.
deciders-needed = { $needed } of { $names } have to say yes. A single no decides.
deciders-only = { $names }.
deciders-said = { $names } said yes.

standing-asked = The request now waits for an answer from { $names }.
standing-question = The request now waits until { $name } replies to a question.
standing-until = The request waits until { $at }.
standing-at-person = The request is now with { $name }.
standing-at-person-step = The request is now with { $name }, at the step “{ $step }”.
standing-at-service = The request is now with the service { $name }.
standing-at-service-step = The request is now with the service { $name }, at the step “{ $step }”.
standing-timed-out = The deadline of the request passed.
standing-ended = The request ended: { $outcome }.
standing-failed = The request failed.
standing-progress = The request is in progress.
