title = History
finder = Search and filter
words = Station or reference
status = Status
fuel = Fuel
any = All
since = From
until = Until
list = Your refuels
newest-first = Newest first
oldest-first = Oldest first
saved = You saved
saved-in = { $count ->
    [one] in one refuel
   *[other] in { $count } refuels
 }
litres = Litres
earned = { $count ->
    [one] 1 ticket earned
   *[other] { $count } tickets earned
 }
station = Station
none = You have not used a coupon yet. Once you refuel with one, you see here what you saved.
none-found = No refuel fits these filters.
to-wallet = See my coupons
receipt = Receipt
back = ← History
when = Date
dispenser = pump { $code }
coupon = Coupon
reference = Reference
amounts = Amounts
amount = Amount
discount = Discount
paid = Paid
status-pending = Waiting
status-in-progress = Under way
status-completed = Completed
status-failed = Not completed
status-cancelled = Cancelled
failed-late = Nobody completed it in time. No coupon was used.
failed-coupon = The coupon could not be used at that moment.
cancelled-on = Cancelled on { $at }.
cancelled-why = Reason: { $reason }
fuel-regular = Regular
fuel-premium = Premium
fuel-diesel = Diesel
multiply = Multiply your tickets
multiply-about = Watch short ads and get more tickets for this refuel.
multiply-do = Watch ads
tickets = Tickets of this refuel
all-tickets = See all
count-tickets = { $count ->
    [one] 1 ticket
   *[other] { $count } tickets
 }
in-raffle = In the raffle
source-coupon-redemption = For your refuel
source-ad-engagement = For watching an ad
source-promotional = Promotion
source-bonus = Bonus
source-free-entry = Free entry
proof = Signed receipt
proof-about = This text proves that the tickets were issued to you. Keep it: anybody can check its signature.
sheet-name = history
sheet-when = Date
sheet-station = Station
sheet-status = Status
sheet-fuel = Fuel
sheet-litres = Litres
sheet-amount = Amount
sheet-discount = Discount
sheet-paid = Paid
sheet-currency = Currency
sheet-tickets = Tickets
sheet-reference = Reference
