# The door: start, logging in with a code, registering, second factor, terms.

home-title = Digital petrol coupons
home-about = Get coupons on your phone, use them at the pump and pay less for each litre. Every purchase earns tickets for raffles whose result anybody can check.
home-log-in = Log in
home-register = Create account
home-fairness = Raffles and results
home-fairness-about = Who won, how they were chosen, and how to check it in your browser.
home-stations = Stations
home-stations-about = Where they are, what they sell and at what price.
home-steps = How it works
home-step-1 = Open your coupon
home-step-1-about = Its QR code is in your wallet and works without a connection.
home-step-2 = Show it at the pump
home-step-2-about = The discount is applied right there.
home-step-3 = Take part
home-step-3-about = Each purchase gives you tickets for the raffles.

login-title = Log in with your phone
login-about = We send you a code of six digits by text message. There are no passwords.
login-country = Country
login-phone = Mobile number
login-phone-hint = For example 55 1234 5678.
login-send = Send code
login-no-account = No account yet?
login-have-account = Already have an account?

country-52 = Mexico (+52)
country-506 = Costa Rica (+506)
country-502 = Guatemala (+502)
country-503 = El Salvador (+503)
country-504 = Honduras (+504)
country-505 = Nicaragua (+505)
country-507 = Panama (+507)
country-501 = Belize (+501)
country-1 = United States, Canada, Puerto Rico (+1)
country-other = +{ $prefix }

code-title = Enter the code
code-about = If there is an account with the number that ends in { $ending }, it has received a message with six digits.
code-about-new = The number that ends in { $ending } has received a message with six digits.
code-field = Code of six digits
code-hint = It is good for five minutes. Share it with nobody.
code-send = Log in
code-again = Send another code
code-again-in = You can ask for another code in { $seconds ->
    [one] one second
   *[other] { $seconds } seconds
}.
code-again-soon = If it does not arrive, ask for another one after a minute.
code-other-phone = Use another number
code-development = In this environment messages do not leave:
code-inbox = open the inbox of messages

register-title = Create your account
register-about = All it takes is your mobile: we send you a code to check that it is yours.
register-first-name = First name
register-last-name = Last name
register-email = E-mail
register-email-hint = Where we send receipts.
register-language = Language
register-terms = I accept the terms of use
register-terms-read = Read the terms
register-age = I am 18 or older
register-send = Send code

language-es = Español
language-en = English

factor-title = Confirm that it is you
factor-about = Enter the code that your authenticator app shows.
factor-field = Code
factor-hint = Six digits, or one of your recovery codes.
factor-send = Confirm
factor-lost = Lost the app and the codes? Another administrator can take your second factor away.
factor-log-out = Log out

enrol-title = Protect your account with a second factor
enrol-needed = Your account manages other people's data and money, so it asks for more than the phone: a code of an authenticator app.
enrol-apps = Any app for one-time codes (TOTP) will do, for example your password manager's.
enrol-begin = Begin
enrol-scan = Scan this code with your app
enrol-qr = QR code for the authenticator app
enrol-by-hand = Cannot scan? Type this key into the app:
enrol-code = Code that the app shows
enrol-code-hint = Six digits. They change every 30 seconds.
enrol-confirm = Activate
recovery-title = Keep your recovery codes
recovery-about = Each is good once if you lose your app. This is the only time that we show them: print them or keep them in a safe place.
recovery-kept = I have kept them, continue

refused-phone-malformed = Enter a phone number, for example 55 1234 5678.
refused-phone-impossible = No phone has this number. Check its digits.
refused-phone-country = Numbers of that country cannot be used here.
refused-phone-not-mobile = This number takes no text messages. Use a mobile's.
refused-limited = Too many codes were asked for. You can ask for another one in { $wait }.
refused-locked = There were too many wrong codes. To be safe, nobody can log in with this number for { $wait }.
refused-wrong = The code is not right. { $left ->
    [0] Ask for another code.
    [one] You have one try left.
   *[other] You have { $left } tries left.
}
refused-over = This code is no longer good. Ask for another one.
refused-inactive = This account is deactivated. Write to the support.
refused-code-shape = Enter the six digits of the message.
refused-terms = There are new terms: load the page again and accept them.
refused-name = Enter a name that can be read.
refused-email = Check the e-mail: it should look like name@example.com.
refused-must-accept = An account needs this.
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

said-over = The code has expired or was asked for in another browser. Ask for a new one.
said-again = We have sent another code. The one before is no longer good.
said-bye = You have logged out.
said-erased = Your account has been erased. Thank you for having been here.

terms-title = Terms of use
terms-version = Version { $version }
terms-what = What it is
terms-what-text = Gasolinera JSM gives you digital coupons that take something off the price of fuel at the stations that take part, and tickets for raffles.
terms-who = Who may use it
terms-who-text = People of 18 years or more, with a mobile of their own. One account a person; coupons are personal and not for sale.
terms-coupons = Coupons
terms-coupons-text = Each coupon says how much it takes off, at which stations, for which fuels and until when. It is used as often as it says and is not exchanged for money.
terms-raffles = Raffles
terms-raffles-text = Each raffle has terms of its own, published before it begins. Winners are chosen with a public number that nobody knows beforehand, and anybody can check it.
terms-data = Your data
terms-data-text = We keep your phone, your name and what you do here in order to give the service and to prevent fraud. You can download all of it and erase your account whenever you want, in your profile.
terms-changes = Changes
terms-changes-text = If these terms change we will ask you to accept them again.
