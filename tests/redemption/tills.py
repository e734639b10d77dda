"""A browser at the till, without the browser: it posts the forms of the page before."""

import re
from typing import Any

from litestar import Litestar
from litestar.testing import TestClient

from tests.redemption.desk import Conn
from tests.web.looking import HTML, cookie_of, token_in


class Till:
    def __init__(self, client: TestClient[Litestar], admin: Conn, phone: str, language: str = "es") -> None:
        self.client = client
        cookies = cookie_of(admin, phone) | {"language": language}
        self.headers = HTML | {"cookie": "; ".join("=".join(one) for one in cookies.items())}
        self.page = ""

    def get(self, path: str) -> Any:
        answer = self.client.get(path, headers=self.headers, follow_redirects=False)
        self.page = answer.text
        return answer

    def post(self, path: str, fields: dict[str, str], files: Any = None) -> Any:
        form = {"token": token_in(self.page), **fields}
        answer = self.client.post(path, data=form, files=files, headers=self.headers, follow_redirects=False)
        if "form-token" in answer.text:
            self.page = answer.text
        return answer

    def hidden(self) -> dict[str, str]:
        """What the page's form carries along."""
        names = "qr|code|seen|key|coupon|campaign|currency"
        return dict(re.findall(rf'<input type="hidden" name="({names})" value="([^"]*)"', self.page))
