title = Dashboard
title-station = Dashboard of { $station }
as-of = With what was recorded until { $clock }
as-of-never = The figures have not been made yet. They will be here in a minute.
station = Station
station-hint = For example JSM001
all-stations = All stations
redemptions = Redemptions today
discount = Discount today
tickets = Tickets today
fraud = Fraud to review
fraud-note = { $blocked ->
    [0] None blocked
    [one] 1 blocked
   *[other] { $blocked } blocked
 }
fraud-none = There is nothing to review
offline = Offline to resolve
offline-none = All resolved
offline-some = Terminals that wait for your decision
ads = Advertising
ads-open = See the campaigns
more-than = More than { $count }
against = { $change } % against the same day last week by this hour ({ $before })
against-same = The same as on this day last week by this hour
against-none = On this day last week there was none by this hour
trend = Last 14 days
chart-redemptions = Redemptions by day
chart-tickets = Tickets by day
chart-discount = Discount by day, { $currency }
as-table = See as a table
day = Day
column-redemptions = Redemptions
column-cancelled = Cancelled, not counted
column-litres = Litres
column-tickets = Tickets
column-discount = Discount { $currency }
column-discount-all = Discount
column-station = Station
column-before = A week ago, the whole day
stations = Stations today
stations-empty = There is no redemption today yet. As soon as a station completes one, it shows here.
see-redemptions = See the redemptions
see-station = See the station
see-figures = Download the month (CSV)
