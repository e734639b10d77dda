# What everybody may look at.
title-list = Raffles and results
intro = Here is each raffle with all that it takes to check it: the frozen list, the public chance and who won. You need no account.
link-ticket = Look up a ticket
link-verify = Verify a draw
search = Name or code
pick-stage = State
any-stage = All
stage-open = Open
stage-waiting = Waits for the draw
stage-drawn = Drawn
stage-cancelled = Cancelled
nothing = No raffle has been published yet.
nothing-found = No raffle matches what you look for.
tickets-people =
    { $tickets ->
        [0] No tickets
        [one] 1 ticket
       *[other] { $tickets } tickets
    } · { $people ->
        [one] 1 person
       *[other] { $people } people
    }
closes = Closes on { $at }
closed = Closed on { $at }
frozen = List frozen; draw on { $at }
drawn = Drawn on { $at }
void = The last attempt was given up; it is frozen anew
cancelled = Not drawn
waits-freeze = The list is frozen in some minutes
csv-code = code
csv-name = name
csv-stage = state
csv-closes = closes
csv-draw-number = draw_number
csv-tickets = tickets
csv-people = people
csv-drawn = drawn

# One raffle
title-one = Fairness: { $name }
draw-number = Draw number { $number }
see-raffle = See prizes and rules
step-title = How far it is
step-open = Takes tickets
step-freeze = The list is frozen
step-evidence = Others bear witness
step-round = Public chance speaks
step-results = Results
step-by = until { $at }
step-at = { $at }
step-later = after the close
countdown-close = Closes in
countdown-round = Chance speaks in
countdown-over = The round is out: the result appears in some seconds.
not-frozen-title = There is no frozen list yet
not-frozen = When the raffle closes, the fingerprint of the list, its signature and the round of chance that will decide appear here, before anybody can know it.
cancelled-title = This raffle was cancelled
cancelled-note = Its tickets went back to their holders.

results-title = Results
results-caption = Winners in the order of the draw
results-none = Nobody won: the list was too short for a prize.
column-place = Position
column-prize = Prize
column-ticket = Ticket and name
alternate = Alternate
anonymous = Not shown
winner-ALTERNATE = Waiting
winner-SELECTED = To be told
winner-NOTIFIED = Told
winner-CLAIMED = Claimed
winner-DELIVERED = Delivered
winner-FORFEITED = Not claimed in time
winner-DISQUALIFIED = Annulled
reason-NOT_OF_AGE = Was not of age
reason-EXCLUDED_PERSON = Could not take part
reason-IDENTITY_NOT_PROVEN = Did not prove who it is
reason-TICKET_TAKEN_BACK = The ticket was taken back
reason-FRAUD = Fraud
reason-DECLINED = Declined the prize
signed-reason = Signed reason
results-note = Of each ticket only a part is shown. A name appears by its initials, and only where the winner allowed it.

manifest-title = What was signed before chance spoke
manifest-intro = The manifest is the promise: it fixes the list, the prizes and the round of chance. Who changes a single letter of it changes its fingerprint.
what = What is this?
entries = Entries
entries-what = Tickets that one person got at once. Each entry is one line of the list.
tickets = Tickets
owners = People
weight = Chances
weight-what = How many numbers go into the draw. Each entry holds a stretch of them.
excluded = Left out
excluded-value =
    { $count ->
        [0] No entry
        [one] 1 entry
       *[other] { $count } entries
    }
excluded-what = Entries that the rules leave out, each with its reason in a public list without names.
frozen-at = Frozen
root = Root of the list
root-what = A summary of all entries. With it everybody can prove that the own entry is there, and nobody can add one or take one away later.
manifest-hash = Fingerprint of the manifest
manifest-hash-what = SHA-256 of the signed document. If you keep it before the round, you know later for certain that nobody changed anything.
signature = The organizer's signature
signature-what = Ed25519: only who has the private key could make it, and everybody can check it with the public one.
key = Public key
previous = Draw before
previous-what = Each manifest holds the fingerprint of the one before, so no draw can be hidden between two.
previous-first = It is the first draw
beacon = Source of chance
beacon-quicknet = drand quicknet
beacon-test = Test beacon
beacon-what = drand is a public service that many organizations run together. None of them knows the number before the others.
beacon-test-what = It is a beacon for rehearsals: anybody can know its rounds beforehand, so this draw proves nothing.
round = Round that decides
round-value = { $round }, at { $at }
round-what = It is named before it exists. With another one the winners would be others.
terms = Terms
terms-value = Version { $version }
algorithm = Way to pick
algorithm-RANDOM = One chance a person
algorithm-MERKLE_TREE = One chance a ticket
algorithm-PROVABLY_FAIR = One chance a ticket, with witnesses required
algorithm-WEIGHTED = Tickets weigh by their source

evidence-title = Who else bears witness
evidence-intro = The organizer's word is not enough. These people and stamps say that the list was there before chance spoke.
evidence-until = Taken until { $at }.
evidence-none = Nobody else bears witness yet.
evidence-none-over = Nobody else bore witness in time.
evidence-required = This draw requires it: without it nothing is drawn.
held-TIMESTAMP = Timestamp in time
held-WITNESSES = Enough witnesses
timestamp = Timestamp of { $authority }
witness = Terminal { $terminal }
witness-signed = Signed on { $at }
witness-missing = Did not sign
quorum =
    { $quorum ->
        [0] There are no witnesses in the list.
        [one] 1 witness is needed.
       *[other] { $quorum } witnesses are needed.
    }

downloads-title = Downloads
download-manifest = Signed manifest
download-bundle = Bundle of the draw
download-bundle-what = Everything that the draw consulted, in one file.
download-list = Whole list
download-list-what = 54 bytes an entry, without names.
download-excluded = Entries that were left out
download-single = Verifier in one file (Python)
download-module = Verifier of the browser (module)
verify-here = Verify this draw in my browser
given-up-title = Attempts that were given up
given-up = Draw { $number }, given up on { $at }.
given-up-no-evidence = Nobody bore witness in time, so nothing was drawn. The list was frozen anew under another number.

# Terms
title-terms = Terms of { $name }
terms-version = Version { $version }
terms-hash = Fingerprint (SHA-256)
terms-note = The same fingerprint is in the signed manifest: terms do not change once the raffle is open.
back = Back to the raffle

# One ticket
title-ticket = Look up a ticket
ticket-intro = Write the whole number. You see in which raffle it is and whether it was drawn, nothing of its holder.
ticket-number = Ticket number
ticket-hint = It begins with TKT and has 19 characters. Blanks, hyphens and small letters do not matter.
ticket-wrong = That is no ticket number: it begins with TKT, and 16 letters and digits follow, without I, L, O and U.
ticket-button = Look up
ticket-none = No raffle has a ticket of this number now. See whether it is complete; if it is yours, look among your tickets.
ticket-mine = My tickets
ticket-in = It is in { $name }
ticket-open = The raffle still takes tickets. The list is frozen after the close.
ticket-waiting = The list is frozen or about to be. The draw is on { $at }.
ticket-place = Entry { $index } of { $entries } in the list.
ticket-range =
    { $count ->
        [0] It holds no number: in this raffle each person has one chance, and another entry carries it.
        [one] Its entry holds number { $first } of { $points }.
       *[other] Its entry holds the numbers { $first } to { $last } of { $points }.
    }
ticket-left-out = It was left out of the draw. Its holder is told the reason.
ticket-won = It was drawn in position { $position }: { $prize }.
ticket-alternate = It was drawn in position { $position }, as an alternate.
ticket-not-won = It was not drawn.
ticket-cancelled = The raffle was cancelled.
