"""The text messages of logging in, in both languages."""

from gasolinera.auth.models import Language

_CODE = {
    Language.ES: "Gasolinera JSM: tu código es {code}. Vence en 5 minutos. No lo compartas con nadie.",
    Language.EN: "Gasolinera JSM: your code is {code}. It expires in 5 minutes. Share it with nobody.",
}
_PHONE_CHANGED = {
    Language.ES: "Gasolinera JSM: el número de tu cuenta cambió y este ya no sirve para entrar. "
    "Si no fuiste tú, avisa a soporte.",
    Language.EN: "Gasolinera JSM: the number of your account has changed, and this one no longer logs in. "
    "If that was not you, tell the support.",
}


def code_text(language: Language, code: str, domain: str) -> str:
    """The last line lets the browser fill the code in, on this domain alone (WebOTP, origin-bound codes)."""
    return f"{_CODE[language].format(code=code)}\n\n@{domain} #{code}"


def phone_changed_text(language: Language) -> str:
    return _PHONE_CHANGED[language]
