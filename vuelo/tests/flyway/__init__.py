import pytest

pytest.register_assert_rewrite(f"{__name__}.sites")  # its asserts are the tests' own
