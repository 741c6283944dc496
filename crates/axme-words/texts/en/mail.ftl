### Mail: about tasks, receipts, sign-ins and trials.

mail-reminded = A task still waits for your answer.
mail-escalated = A task was not answered in time, and you are asked instead.
mail-replied = The requester replied to a question about this task.
mail-subject-reminder = Reminder: { $title }
mail-subject-escalated = Escalated: { $title }
mail-subject-reply = Reply: { $title }
mail-since-asked = Since you were asked:
mail-if-yes = If you say yes:
mail-otherwise = Otherwise:
mail-deciders = Deciders:
mail-button = See the task and answer
mail-about-button = The button leads to { $host }. Opening the page changes nothing; your decision is recorded when you confirm it there.
mail-answer-at = Answer at { $host }. Opening the page changes nothing; your decision is recorded when you confirm it there:
mail-about-link = The link is yours alone, works once, and is valid until { $at }. Do not pass it on.
mail-intent = Intent { $id } ({ $type }), { $task }. Nobody reads answers to this mail: use the page.
mail-no-reply = Nobody reads answers to this mail.

digest-title = { $count ->
    [one] One task waits for you
   *[other] { $count } tasks wait for you
  }
digest-over = Some tasks need no answer any more
digest-links = The buttons lead to { $host }. Each link is yours alone and works once; do not pass it on.
digest-why = You get one mail a day because your settings say so. A task that is due before that is mailed at once.

receipt-title = Receipt: { $title }
receipt-receipt = Receipt
receipt-intent = Intent
receipt-not-you = If this was not you, tell the administrators of this server at once.
receipt-keep = Keep the signed receipt below: axme verify checks it.

question-title = Question: { $title }
question-by = Asked by
question-text = Question
question-due = The task is due
question-why = { $name } needs your reply before answering your request.
question-inbox = Reply in your inbox: { $url }
over-title = No longer needed: { $title }
over-requester = Requester
over-nothing-to-do = You need to do nothing. The link in the earlier mail no longer works.

invitation-title = You are a member of { $organization } now
invitation-organization = Organization
invitation-role = Role
invitation-by = Added by
invitation-address = Your address here
invitation-sign-in = Sign in with this address at { $url } to see the tasks that wait for you. You need no password: a code comes by mail.
invitation-unexpected = If you do not know this organization, ignore this mail.

login-subject = { $code } is your code to sign in to AXME
login-title = Sign in to AXME
login-code = Your code to sign in to AXME:
login-type = Type it where you are signing in, or open this link on any device and confirm there:
login-valid = Both are valid until { $at }, and good once. Opening the link signs nobody in before you confirm.
login-warning = If you are not signing in, do nothing: without the code nobody can. Never tell the code to anybody.

trial-mail-subject = Verify your address for AXME
trial-mail-body = A person began a trial of AXME at { $url } with this address. If it was you, open this link until { $at }; you can sign in with the address from then on. If it was not, do nothing.
