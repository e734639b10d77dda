# Raffles for who takes part.
title-list = Raffles
intro = See what can be won, how long it takes and how many tickets you have.
search = Search for a raffle
nothing-open = No raffle is open now. When the next one opens, it appears here.
nothing-found = No raffle matches “{ $q }”. Try another word.
link-results = Results of earlier raffles
link-prizes = My prizes
link-login = Log in to see your tickets
first-prize = First prize
units =
    { $units ->
        [one] One prize
       *[other] { $units } prizes in all
    }
worth = worth { $value }
closes = Closes on { $at }
closes-in = Closes in
closed = Closed
waits = It has closed. The draw is on { $at }.
soon = Opens on { $at }
so-far =
    { $all ->
        [0] No tickets yet.
        [one] 1 ticket so far.
       *[other] { $all } tickets so far.
    }
yours =
    { $own ->
        [one] You have 1 of { $all } tickets so far.
       *[other] You have { $own } of { $all } tickets so far.
    }
yours-final =
    { $own ->
        [one] You took part with 1 of { $all } tickets.
       *[other] You took part with { $own } of { $all } tickets.
    }
yours-none = You have no tickets in this raffle yet.
people =
    { $people ->
        [one] 1 person takes part.
       *[other] { $people } people take part.
    }

stage-open = Open
stage-waiting = Waits for the draw
stage-drawn = Drawn
stage-cancelled = Cancelled

# One raffle
mine-title = My part in it
chance-tickets = If it were drawn now, you would have about 1 chance in { $odds } to come first. That changes while more tickets come in.
chance-people = In this raffle each person has one chance, however many tickets: yours is 1 in { $odds } for now.
chance-weighted = In this raffle tickets weigh by where they come from, so we show no exact chance.
chance-none = Without tickets you do not take part yet.
limit = You can have up to { $most } tickets in this raffle.
see-mine = See my tickets and receipts
missing-title = Something is missing before you take part
missing-kept_out = People who work for the chain, their families and the organizers do not take part. Your tickets would be left out.
missing-too_few_tickets = You do not have the least number of tickets that this raffle asks for yet.
missing-age_not_confirmed = This raffle asks for an age of at least { $age }. Unless you confirm it before the close, your tickets are left out.
age-button = I confirm that I am at least { $age } years old
age-note = We keep only your confirmation, not your date of birth. If you win, we look at your identification.
said-age-confirmed = Done: we noted that you have the age that this raffle asks for.
said-age-refused = Nothing was noted: the raffle asks for another age now. Read it again and confirm again.
said-age-closed = Nothing was noted: the raffle takes no confirmations any more.

prizes-title = Prizes
prize-rank = Place { $rank }
prize-quantity =
    { $count ->
        [one] 1 unit
       *[other] { $count } units
    }
prize-sponsor = Sponsored by { $name }
prize-photo = See the picture on another site
delivery-MANUAL = Handed over in person or at a station
delivery-PHYSICAL = Sent to your address, or fetched at a station
delivery-DIGITAL = Sent digitally
delivery-CREDIT = Credited to your account
delivery-AUTOMATIC = Delivered automatically
kind-CASH = Cash
kind-FUEL_CREDIT = Fuel
kind-MERCHANDISE = Article
kind-DISCOUNT_COUPON = Coupon
kind-GIFT_CARD = Gift card
kind-SERVICE = Service
kind-VEHICLE = Vehicle
kind-TRAVEL = Travel
kind-EXPERIENCE = Experience
kind-OTHER = Prize

dates-title = Dates
date-opens = Opens
date-closes = Closes
date-draw = Draw
date-note = From the close on no more tickets enter.

how-title = How winners are picked
how-1 = At the close the list of tickets is frozen, and its fingerprint is signed and published.
how-2 = Chance comes from a public source that has not spoken yet: nobody, we included, can know it before.
how-3 = With the list and that number anybody can repeat the calculation and find the same winners.
how-RANDOM = Each person has one chance, however many tickets.
how-MERKLE_TREE = Each ticket has the same chance.
how-PROVABLY_FAIR = Each ticket has the same chance. And unless outside witnesses confirm the list in time, nothing is drawn.
how-WEIGHTED = A ticket counts by where it comes from:
weight = counts { $weight } times
see-fairness = Check this draw

rules-title = Rules
rule-age = Least age
rule-age-value = { $age } years
rule-most = Tickets a person
rule-most-value = { $most } at most
rule-most-none = No limit
rule-least = Tickets to take part
rule-least-value = { $least } at least
rule-wins = Prizes a person
rule-wins-one = One at most
rule-wins-more = More than one can be won
rule-alternates = Alternates
rule-alternates-value =
    { $count ->
        [0] None
        [one] 1, if somebody does not claim a prize
       *[other] { $count }, in case somebody does not claim a prize
    }
rule-claim = Time to claim
rule-claim-value =
    { $days ->
        [one] 1 day from the notice
       *[other] { $days } days from the notice
    }
rule-employees = People of the chain
rule-employees-out = Do not take part
rule-employees-in = May take part
rule-organizer = Organizer
rule-permit = Permit
see-terms = Read the full terms
see-terms-elsewhere = Terms on the organizer's site

free-title = Take part without buying
free-text =
    { $count ->
        [one] You can ask for 1 free ticket a day without buying anything.
       *[other] You can ask for { $count } free tickets a day without buying anything.
    }
free-link = Ask for my free ticket
cancelled-title = This raffle was cancelled
cancelled-note = Its tickets go back to their holders, for another raffle.

# My tickets in a raffle
title-mine = My tickets in { $name }
back-to-raffle = Back to the raffle
entries-title = My entries
entries-none = You have no tickets in this raffle.
entries-none-next = You get them by buying fuel, by watching an ad, or with the free entry.
link-tickets = See all my tickets
entry-tickets =
    { $count ->
        [one] 1 ticket
       *[other] { $count } tickets
    }
entry-from = { $source }, { $at }
source-COUPON_REDEMPTION = Fuel bought with a coupon
source-AD_ENGAGEMENT = Ad watched
source-PROMOTIONAL = Promotion
source-BONUS = Gift
source-FREE_ENTRY = Free entry
receipt = Signed receipt
proof = Proof of inclusion
check = Check in this browser
check-wait = Checking…
check-good = It is in the frozen list. Your browser has just computed it: the signature, the fingerprint of the list and your tickets agree.
check-bad = It does not agree. Keep the receipt and the proof: they are evidence against the organizer.
check-broken = The proof could not be downloaded. Check your connection and try again.
check-detail = Technical detail
check-hash = Fingerprint of the signed manifest
check-no-script = Without JavaScript you can download both files and check them with the verifier in one file.
not-frozen = The proof of inclusion appears here when the list is frozen, after the close. Your receipt you can download already.
left-out-EXCLUDED_PERSON = Left out of the draw: people who work for the chain, their families and the organizers do not take part.
left-out-UNVERIFIED = Left out of the draw: the age was not confirmed, or the account not verified, before the close.
left-out-DISQUALIFIED = Left out of the draw: the tickets were taken back before the close.
left-out-NOT_ELIGIBLE = Left out of the draw: what the terms ask for was not met.
refused-title = Tickets that did not enter
refused-NOT_OPEN = The raffle was not open.
refused-EXCLUDED_PERSON = You cannot take part in this raffle.
refused-OVER_LIMIT = You had the most tickets already.
refused-ELSEWHERE = The ticket was in another raffle already.
refused-RAFFLE_CANCELLED = The raffle was cancelled.
refused-note = They are still yours: choose another raffle for them among your tickets.
why-title = What are these files for?
why-receipt = We signed the receipt when we took your tickets. If they were not in the list later, it shows that they are missing.
why-proof = The proof shows, by arithmetic that anybody can repeat, that your entry is in the list that was frozen before the draw.
