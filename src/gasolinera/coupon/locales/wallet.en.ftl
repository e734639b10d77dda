# What a coupon gives, and where and when
gives-percent = { $value } off
gives-amount = { $value } off
at-most = Up to { $value }
from-purchase = on fill-ups from { $value }
any-purchase = on any fill-up
fuel-all = All fuels
fuel-only = { $fuels } only
fuel-REGULAR = Regular
fuel-PREMIUM = Premium
fuel-DIESEL = Diesel
and = { $first } and { $last }
days-all = Every day
days-range = { $first } to { $last }
days-weekend = Saturdays and Sundays
day-1 = Monday
day-2 = Tuesday
day-3 = Wednesday
day-4 = Thursday
day-5 = Friday
day-6 = Saturday
day-7 = Sunday
hours-all = At any hour
hours-range = from { $from } to { $until }
stations-all = At every station
stations-some = { $count ->
    [one] At 1 station
   *[other] At { $count } stations
}
until-today = Ends today at { $clock }
until-tomorrow = Ends tomorrow
until-days = { $count ->
    [one] Ends in 1 day
   *[other] Ends in { $count } days
}
until-day = Until { $day }
until-over = Ended on { $day }
from-day = From { $day }
uses-left = { $count ->
    [one] 1 use left
   *[other] { $count } uses left
}
uses-once = One use
tickets = { $count ->
    [one] 1 raffle ticket
   *[other] { $count } raffle tickets
}

# The list
wallet-title = My coupons
wallet-hint = Open a coupon and show its code at the pump.
view-label = Which coupons to see
view-ready = Ready
view-used = Used
view-over = Ended
search-label = Search by name or code
search = Search
search-all = See all
nothing-ready = You have no coupons yet. Take one of the current offers and it will show up here.
nothing-used = You have not used a coupon yet.
nothing-over = None of your coupons has ended or been withdrawn.
nothing-found = No coupon matches “{ $text }”.
to-offers = See offers
to-history = My fill-ups
to-pump = Use it with the pump’s QR
to-watch = Earn more tickets
to-wallet = My coupons
owed = We are making it; it will have its code in a few seconds.
badge-paused = Paused
badge-USED = Used
badge-EXPIRED = Ended
badge-CANCELLED = Withdrawn
badge-SUSPENDED = Suspended
said-offer-taken = Done! Your coupon will show up here in a few seconds.
said-offer-had = You already had this coupon.

# One coupon
coupon-terms = Terms
coupon-where = Where
coupon-when = When
coupon-until = Valid
coupon-fuels = Fuel
coupon-uses = Uses
coupon-tickets = Tickets
coupon-raffle = See the raffle
coupon-about = About this offer
coupon-stations = See the stations
minimum = Smallest fill-up
maximum = Largest discount
window = From { $first } to { $last }
limit-user = { $limit ->
    [one] Once per person
   *[other] Up to { $limit } times per person
}
limit-DAY = { $limit ->
    [one] Once a day
   *[other] Up to { $limit } times a day
}
limit-WEEK = { $limit ->
    [one] Once a week
   *[other] Up to { $limit } times a week
}
limit-MONTH = { $limit ->
    [one] Once a month
   *[other] Up to { $limit } times a month
}
limit-used = { $count ->
    [0] you have not used it yet
    [one] you have used it once
   *[other] you have used it { $count } times
}
code-show = Code to scan
code-alt = QR code of your coupon
code-typed = Cannot be scanned? Read out this key:
code-copy = Copy key
code-copied = Key copied
code-renews = Changes in
code-seconds = s
code-full = Full screen
code-full-end = Close
code-soon = We are making the code. Meanwhile you can read out the key.
code-live = It changes every 20 seconds: a screenshot is worth nothing.
offline-since = No connection. You see your coupons as they were on { $when }.
offline-code = No connection: this code is from { $when }. A station without a connection accepts it; if the station has one, read out the key.
offline-title = No connection
offline-text = This page needs a connection. Your saved coupons are still here.
not-now = Cannot be used right now
why-ALREADY_USED = It has been used.
why-EXPIRED = Its time is over.
why-SUSPENDED = It is suspended. Contact us if you think this is a mistake.
why-CANCELLED = It was withdrawn.
why-NOT_YET_VALID = Its time has not begun.
why-CAMPAIGN_NOT_ACTIVE = The offer is paused or over.
why-USER_NOT_ELIGIBLE = The offer is for other people.
why-STATION_NOT_ELIGIBLE = It is not for this station.
why-FUEL_NOT_ELIGIBLE = It is not for this fuel.
why-TIME_NOT_ELIGIBLE = It is for another time: { $days }, { $hours }.
why-MINIMUM_NOT_MET = The fill-up is smaller than its least.
why-LIMIT_REACHED = Its limit of uses is reached.
why-BUDGET_EXHAUSTED = The offer is used up.

# Offers
offers-title = Offers
offers-hint = Take the ones you like: they go into your coupons.
offers-none = There are no offers for you right now.
offer-take = Take coupon
offer-open = See my coupon
offer-coming = On its way
offer-done = You have used it
offer-loyal = { $count ->
    [one] For those who have filled up once
   *[other] For those who have filled up { $count } times
}
offer-new = For your first fill-up
offer-closed = Not available
refused-offer-closed = This offer is no longer open to your account, or is used up.
refused-other = We could not give you this coupon. Try again.
app-description = Petrol coupons, tickets, and raffles that anybody can check.
