"""BLS signatures on G1 in pure Python: rounds of the local test beacon are made here, and any can be verified."""

from hashlib import sha256
from typing import Any, Final

from py_ecc.bls.g2_primitives import subgroup_check
from py_ecc.bls.hash_to_curve import hash_to_G1
from py_ecc.bls.point_compression import compress_G1, compress_G2, decompress_G1, decompress_G2
from py_ecc.bls.typing import G1Compressed, G2Compressed, G2Uncompressed
from py_ecc.fields import optimized_bls12_381_FQ12 as FQ12
from py_ecc.optimized_bls12_381.optimized_curve import G2, curve_order, is_inf, multiply, neg
from py_ecc.optimized_bls12_381.optimized_pairing import final_exponentiate, pairing

from gasolinera.raffle.beacon import DST

ORDER: Final = curve_order
_HALF: Final = 48


def public_key(secret: int) -> bytes:
    """96 bytes: a point of G2."""
    high, low = compress_G2(multiply(G2, secret))
    return high.to_bytes(_HALF, "big") + low.to_bytes(_HALF, "big")


def sign(secret: int, message: bytes) -> bytes:
    """48 bytes: a point of G1."""
    return compress_G1(multiply(_hashed(message), secret)).to_bytes(_HALF, "big")


def is_public_key(key: bytes) -> bool:
    """A point of G2 in its group, and not at infinity."""
    try:
        point = _key_point(key)
    except ValueError:
        return False
    return not is_inf(point) and subgroup_check(point)


def verify(key: bytes, message: bytes, signature: bytes) -> bool:
    """False for what is no point of the right group, too."""
    try:
        key_point = _key_point(key)
        point = decompress_G1(G1Compressed(int.from_bytes(signature, "big")))
    except ValueError:
        return False
    if is_inf(key_point) or is_inf(point) or not subgroup_check(key_point) or not subgroup_check(point):
        return False
    of_signature = pairing(G2, point, final_exponentiate=False)
    of_key = pairing(neg(key_point), _hashed(message), final_exponentiate=False)
    return bool(final_exponentiate(of_signature * of_key) == FQ12.one())


def _key_point(key: bytes) -> G2Uncompressed:
    high, low = (int.from_bytes(half, "big") for half in (key[:_HALF], key[_HALF:]))
    return decompress_G2(G2Compressed((high, low)))


def _hashed(message: bytes) -> Any:  # the library's points are tuples of a type of its own
    return hash_to_G1(message, DST, sha256)  # pyright: ignore[reportArgumentType]  # its hint names a built hash
