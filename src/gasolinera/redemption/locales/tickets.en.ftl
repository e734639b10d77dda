title = My tickets
waiting = To be used
waiting-about = You choose the raffle
first-lost = Choose a raffle: the first is lost on { $at }
entered = In raffles
entered-about = They take part
past = Earlier ones
past-about = Drawn, expired or cancelled
choose = Choose a raffle
watch = Earn more with ads
free = Enter without buying
by-raffle = By raffle
over = drawn
finder = Search and filter
words = Number or reference
status = Status
source = Where it came from
raffle = Raffle
any = All
list = Your tickets
newest-first = Newest first
oldest-first = Oldest first
refuel = see the refuel
until = until { $at }
none = You have no tickets yet. Use a coupon, watch an ad, or enter without buying.
none-found = No ticket fits these filters.
to-wallet = See my coupons
to-raffles = See the raffles
back = ← My tickets
back-to-tickets = Back to my tickets
ticket = Ticket
issued = Issued
expires = Lost on
together = Issued together
count-tickets = { $count ->
    [one] 1 ticket in all
   *[other] { $count } tickets in all
 }
at-station = At station
choose-this = Choose its raffle
chances = My chances and proofs
about-active = It waits for you to choose its raffle.
about-entered = It takes part in its raffle.
about-used = Its raffle has been drawn.
about-expired = It expired before a raffle was chosen.
about-cancelled = It was taken back because its refuel was cancelled.
status-active = To be used
status-entered = In a raffle
status-used = Drawn
status-expired = Expired
status-cancelled = Cancelled
source-coupon-redemption = For your refuel
source-ad-engagement = For watching an ad
source-promotional = Promotion
source-bonus = Bonus
source-free-entry = Free entry
proof = Signed receipt
proof-about = This text proves that the ticket was issued to you. Keep it: anybody can check its signature.
choose-about = { $count ->
    [one] You have 1 ticket to use.
   *[other] You have { $count } tickets to use.
 } A ticket goes to one raffle, and that cannot be changed.
nothing-waits = You have no tickets to use. Earn more with your refuels and with ads.
no-raffles = No raffle takes tickets right now. Come back soon: we will tell you before they expire.
raffle-hint = Once chosen, it cannot be changed.
raffle-of = Raffle { $raffle }
raffle-about = See its name and prizes
raffles-about = See the raffles' names and prizes
raffle-until = { $raffle } (closes { $at })
these-tickets = This ticket will be sent:
how-many = How many tickets?
how-many-hint = Those go first that expire first.
go-on = Continue
choose-title = { $count ->
    [one] Send 1 ticket to the raffle { $raffle }?
   *[other] Send { $count } tickets to the raffle { $raffle }?
 }
choose-text = A ticket goes to one raffle. It cannot be changed afterwards.
choose-yes = Yes, send
said-chosen = Done: your tickets are on their way to the raffle that you chose.
said-entered = Done: you have your free ticket.
free-about = You need not buy anything to take part. A free ticket has the same chances as any other.
free-a-day = { $count ->
    [one] One free ticket a person and day.
   *[other] { $count } free tickets a person and day.
 }
closes = Closes { $at }.
free-left = { $left ->
    [one] You have 1 left today.
   *[other] You have { $left } left today.
 }
free-enter = Get my free ticket
free-none-left = You have had today's. Come back tomorrow.
free-none = No raffle gives free tickets right now.
refused-tickets-too-few = You do not have as many tickets to use for that raffle. Enter a smaller number.
refused-raffle-takes-none = That raffle takes no tickets any more. Choose another one.
refused-tickets-not-free = One of these tickets is in another raffle already, or has expired. Start again.
refused-free-entry-limit = You have had today's free tickets. Come back tomorrow.
refused-free-entry-closed = That raffle gives no free tickets any more.
refused-other = That could not be done. Check what you entered and try again.
sheet-name = tickets
sheet-number = Number
sheet-status = Status
sheet-raffle = Raffle
sheet-source = Where it came from
sheet-redemption = Refuel
sheet-issued = Issued
sheet-expires = Expires
