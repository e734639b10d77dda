# The own account: profile, notifications, sessions, security, privacy.

me-title = My account
me-profile = Profile
me-first-name = First name
me-last-name = Last name
me-email = E-mail
me-email-hint = Where we send receipts. Leave it empty to get none.
me-language = Language of messages
me-save = Save changes
me-phone = Mobile
me-phone-change = Change number
me-since = Account since { $day }
me-station = Station { $station }
me-places = More of your account
me-history = My purchases
me-points = My points
me-prizes = My prizes
me-notifications = Notifications
me-preferences = What I want to be told
me-sessions = Where I am logged in
me-security = Security
me-activity = Activity of my account
me-privacy = Privacy and my data
me-terms = There are terms of use that you have not accepted yet
me-terms-about = Read and accept them to go on using your coupons.
me-terms-read = Read the terms
me-terms-accept = I accept the terms of use
me-terms-age = I am 18 or older
me-terms-send = Accept
me-back = Back to my account

role-CUSTOMER = Customer
role-EMPLOYEE = Station staff
role-STATION_ADMIN = Station administrator
role-SYSTEM_ADMIN = System administrator

language-es = Español
language-en = English

notifications-title = Notifications
notifications-empty = No notifications yet. Your tickets, prizes and purchases will show here.
notifications-read-all = Mark all as read
notifications-new = New

preferences-title = What I want to be told
preferences-about = Choose how we tell you about each thing. Messages of security always come.
preferences-legend = Messages by topic and channel
preferences-topic = Topic
channel-IN_APP = App
channel-SMS = Text message
channel-EMAIL = E-mail
category-ACCOUNT = My account
category-WORK = My work
category-TICKETS = Tickets
category-PRIZES = Prizes
category-PURCHASES = Purchases
category-SECURITY = Security
preferences-choice = { $category }: { $channel }
preferences-quiet = Quiet hours
preferences-quiet-about = While they last we send no text messages and no e-mail; notifications wait in the app.
preferences-quiet-on = Use quiet hours
preferences-begins = From
preferences-ends = Until
preferences-zone = Time zone
preferences-save = Save
zone-America-Mexico_City = Central Mexico
zone-America-Tijuana = Tijuana
zone-America-Hermosillo = Sonora
zone-America-Mazatlan = Mexican Pacific
zone-America-Cancun = Quintana Roo
zone-America-Costa_Rica = Costa Rica
zone-America-Guatemala = Guatemala
zone-America-El_Salvador = El Salvador
zone-America-Tegucigalpa = Honduras
zone-America-Managua = Nicaragua
zone-America-Panama = Panama
zone-America-Belize = Belize
refused-quiet-hours = Quiet hours must begin and end at different times.
refused-hours-shape = Enter the time as 22:00.

sessions-title = Where I am logged in
sessions-about = If you do not recognise a session, end it: it is over at once.
sessions-this = This session
sessions-started = Since { $at }
sessions-used = Last used: { $at }
sessions-address = Address { $address }
sessions-end = End
sessions-end-named = End the session of { $device }
sessions-end-others = End all others
sessions-unknown = Unknown browser
sessions-only = There are no other sessions.

activity-title = Activity of my account
activity-about = What happened to your account in the last year. If something was not you, end your sessions and tell the support.
activity-empty = No activity yet.
activity-by-other = Done by an administrator
activity-failed = Did not succeed

event-LOGIN_SUCCEEDED = Log-in
event-LOGIN_FAILED = Failed log-in
event-LOGIN_REFUSED = Refused log-in
event-LOGOUT = Log-out
event-OTP_REQUESTED = Code asked for
event-OTP_DELIVERY_FAILED = Code that could not be sent
event-OTP_VERIFIED = Right code
event-OTP_FAILED = Wrong code
event-OTP_RATE_LIMITED = Too many codes asked for
event-TOKEN_ISSUED = Session opened
event-TOKEN_REFRESHED = Session carried on
event-TOKEN_REVOKED = Session ended
event-TOKEN_REUSED = Session ended after being used twice
event-ACCOUNT_CREATED = Account created
event-ACCOUNT_ACTIVATED = Account activated
event-ACCOUNT_DEACTIVATED = Account deactivated
event-ACCOUNT_LOCKED = Account locked
event-ACCOUNT_UNLOCKED = Account unlocked
event-ACCOUNT_ERASED = Account erased
event-ROLE_CHANGED = Kind of account changed
event-PHONE_CHANGED = Mobile number changed
event-PROFILE_CHANGED = Profile changed
event-TERMS_ACCEPTED = Terms accepted
event-SECOND_FACTOR_ENABLED = Second factor activated
event-SECOND_FACTOR_DISABLED = Second factor removed
event-SECOND_FACTOR_FAILED = Wrong second factor
event-SECOND_FACTOR_VERIFIED = Second factor confirmed
event-RECOVERY_CODES_MADE = New recovery codes
event-DATA_EXPORTED = Data downloaded

security-title = Security
security-factor = Second factor
security-factor-on = Active: logging in also asks for a code of your app.
security-factor-off = Not active. With it, logging in also asks for a code of an authenticator app.
security-enrol = Activate the second factor
security-recovery = New recovery codes
security-recovery-about = Those before are no longer good. Enter a code of your app.
security-disable = Remove the second factor
security-disable-about = Your account will be protected by your phone alone. Enter a code of your app.
security-code = Code
security-code-hint = Six digits, or a recovery code.
security-make = Make codes
security-remove = Remove
security-prove = Confirm with the second factor
recovery-title = Keep your recovery codes
recovery-about = Each is good once if you lose your app. This is the only time that we show them: print them or keep them in a safe place.
recovery-kept = I have kept them, continue
refused-factor-required = An administrator's account needs a second factor.

phone-title = Change the number
phone-about = We send a code to the new number. Once you confirm it you log in with it, and your other sessions end.
phone-now = Your number now: { $phone }
phone-new = New number
phone-send = Send code
phone-code-title = Confirm your new number
phone-code-about = The number that ends in { $ending } has received a message with six digits.
phone-code = Code of six digits
phone-confirm = Change number
refused-phone-unchanged = This is your account's number already.
refused-phone-taken = That number belongs to another account.

privacy-title = Privacy and my data
privacy-export = Download my data
privacy-export-about = A JSON file with everything that the platform keeps about you: account, sessions, coupons, purchases, tickets, ads watched and notifications.
privacy-export-get = Download
privacy-erase = Erase my account
privacy-erase-1 = Your number, name, e-mail and sessions are deleted at once.
privacy-erase-2 = You lose the coupons, points and tickets that you have not used.
privacy-erase-3 = Past purchases and raffles stay in the books, without saying who you were.
privacy-erase-4 = It cannot be undone.
privacy-erase-begin = Erase my account…
privacy-erase-employed = You work at a station: your employment there must end first.
erase-title = Confirm that you want to erase your account
erase-about = The number that ends in { $ending } has received a code. Enter it together with the word { $word } to erase your account for good.
erase-code = Code of six digits
erase-word = Type { $word }
erase-word-value = ERASE
erase-send = Erase for good
erase-keep = No, keep my account
refused-erase-word = Type exactly { $word }.
refused-employed = You work at a station: your employment there must end first.
refused-last-administrator = Yours is the last administrator's account: name another one first.
export-unavailable = We cannot gather all of your data now. Try again in a few minutes.

said-saved = Your changes are saved.
said-read = All are marked as read.
said-ended = The session has ended.
said-ended-others = Your other sessions have ended.
said-accepted = Thank you, you have accepted the terms.
said-phone = Your number has changed.
said-removed = The second factor is removed.
said-over = The code has expired. Ask for another one.

refused-phone-malformed = Enter a phone number, for example 55 1234 5678.
refused-phone-impossible = No phone has this number. Check its digits.
refused-phone-country = Numbers of that country cannot be used here.
refused-phone-not-mobile = This number takes no text messages. Use a mobile's.
refused-limited = Too many codes were asked for. You can ask for another one in { $wait }.
refused-locked = There were too many wrong codes. You can try again in { $wait }.
refused-wrong = The code is not right. { $left ->
    [0] Ask for another code.
    [one] You have one try left.
   *[other] You have { $left } tries left.
}
refused-over = This code is no longer good. Ask for another one.
refused-inactive = This account is deactivated. Write to the support.
refused-code-shape = Enter the six digits of the message.
refused-name = Enter a name that can be read.
refused-email = Check the e-mail: it should look like name@example.com.
refused-must-accept = This is needed.
refused-factor-wrong = The code is not right. Each code is good once: wait for the next one.
refused-factor-shape = Enter six digits, or a recovery code such as ABCD-EFGH-IJKL-2345.
wait-seconds = { $count ->
    [one] one second
   *[other] { $count } seconds
}
wait-minutes = { $count ->
    [one] one minute
   *[other] { $count } minutes
}
wait-hours = { $count ->
    [one] one hour
   *[other] { $count } hours
}
country-label = Country
