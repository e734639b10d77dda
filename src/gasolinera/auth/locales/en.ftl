# Notifications. Of each template: title, body, and the short text message where it goes by SMS.

welcome-title = Welcome to Gasolinera JSM
welcome-body = Your account is ready. Redeem coupons at the pump, collect tickets and enter the raffles.

employment-title = { $active ->
    [yes] You now work at station { $station_code }
   *[no] Your work at station { $station_code } has ended
}
employment-body = { $active ->
    [yes] Your employee number is { $employee_number }. Log in again to use your new permissions.
   *[no] The employee number { $employee_number } no longer gives access to the station. Your customer account stays.
}
employment-sms = { $active ->
    [yes] Gasolinera JSM: you now work at station { $station_code }.
   *[no] Gasolinera JSM: your access to station { $station_code } has ended.
}

tickets-title = { $count ->
    [one] You have a new ticket
   *[other] You have { $count } new tickets
}
tickets-body = { $raffle_code ->
    [none] Choose the raffle that you want to enter.
   *[other] You are in raffle { $raffle_code }.
}

redemption-title = Coupon redeemed
redemption-body = You redeemed a coupon at station { $station_code }. Reference: { $reference }.

winner-title = You won in raffle { $raffle_code }!
winner-body = Your ticket { $ticket_number } won: { $prize_name }. Claim it in the app until { $claim_deadline }; after that it goes to somebody else.
winner-sms = Gasolinera JSM: your ticket { $ticket_number } won: { $prize_name }. Claim it in the app until { $claim_deadline }. We never ask for money or codes.

prize-claimed-title = We received your claim
prize-claimed-body = You claimed { $prize_name } of raffle { $raffle_code } with ticket { $ticket_number }. The app shows what happens to it.

email-greeting = Hello { $name },
email-footer = You get this email because you have an account at Gasolinera JSM. Choose what you want to get in your profile.

# The inbox of development.
inbox-title = Development inbox
inbox-about = The text messages and emails that this environment does not send. The page updates itself.
inbox-empty = There are no messages yet.
inbox-sms = Text message
inbox-email = Email
