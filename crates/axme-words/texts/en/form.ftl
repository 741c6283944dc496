### Fields of forms, and what can be wrong in them. An error follows the name of its field.

form-required = (required)
form-yes = Yes
form-no = No
form-no-answer = No answer
form-choose = Please choose
form-none = None
form-zone = Time zone:
form-add = Add another
form-file-remove = Remove this file
form-remove = Remove
form-remove-row = Remove { $row }
form-up = Move up
form-up-row = Move { $row } up

help-between = From { $least } to { $most }.
help-least = At least { $least }.
help-most = At most { $most }.
help-more = More than { $least }.
help-less = Less than { $most }.
help-lines = One per line, as name: value.
help-file = A file of at most { $most }.
help-file-types = A file of at most { $most } of the type { $types }.
help-characters = At most { $most } characters.

wrong-maximum = must be at most { $limit }
wrong-minimum = must be at least { $limit }
wrong-below = must be less than { $limit }
wrong-above = must be more than { $limit }
wrong-multiple = must be a multiple of { $of }
wrong-too-long = must have at most { $limit } characters
wrong-too-short = must have at least { $limit } characters
wrong-too-many-entries = { $limit ->
    [one] must have at most 1 entry
   *[other] must have at most { $limit } entries
  }
wrong-too-few-entries = { $limit ->
    [one] must have at least 1 entry
   *[other] must have at least { $limit } entries
  }
wrong-too-many-fields = must have at most { $limit } fields
wrong-too-few-fields = must have at least { $limit } fields
wrong-twice = must not have the same entry twice
wrong-one-of = must be one of { $values }
wrong-constant = must be { $value }
wrong-no-form = does not fit any of the allowed forms
wrong-several-forms = fits several of the allowed forms
wrong-email = must be an email address
wrong-url = must be a web address that begins with https://
wrong-date = must be a date: 2026-05-03
wrong-date-time = must be a date and a time: 2026-05-03T14:00:00Z
wrong-time = must be a time of day: 14:00:00Z
wrong-format = must be a valid { $format }
wrong-pattern = is not in the expected format
wrong-pattern-example = is not in the expected format, for example { $example }
wrong-contains = lacks a required entry
wrong-not-empty = must be left empty
wrong-not-allowed = is not allowed
wrong-number = must be a number
wrong-whole-number = must be a whole number
wrong-file-empty = must not be empty
wrong-file-size = must have at most { $most }
wrong-file-type = must be a file of the type { $types }
wrong-file-count = is one file too many: send at most { $most }
wrong-boolean = must be yes or no (true or false)
wrong-list = must be a list
wrong-object = must have fields of its own
wrong-null = must be empty
wrong-text = must be a text
wrong-required = is required
wrong-required-here = is required for this task
wrong-no-field = is not a field of the form
wrong-unticked = has to be agreed to: send { $value }
wrong-form = the form { $why }
wrong-too-many-values = the answer has too many values for its form: send fewer
wrong-comment = at most { $most } characters
wrong-answer-too-long = The answer is too long.
wrong-no-outcome = Choose an answer with one of the buttons.
wrong-digits = has too many digits: at most { $most } are kept
wrong-two-readings = “{ $text }” can mean { $grouped } or { $decimal }. Type { $grouped } or { $decimal }
wrong-line = “{ $line }” must be written as name: value
wrong-typed-date-time = must be a date and a time: 2026-05-03 14:00
wrong-typed-time = must be a time of day: 14:00
wrong-skipped-time = does not exist: the clocks are put forward then. Choose another time
wrong-double-time = exists twice: the clocks are put back then. Choose another time
wrong-time-range = is out of range
