"""What issuing and managing coupons refuses, and what each constraint of their tables means to the one who asked."""

from collections.abc import Callable, Mapping

from gasolinera.errors import ConflictError, GasolineraError, InputError, UnknownError


def unknown_campaign() -> UnknownError:
    return UnknownError("campaign.unknown", "there is no campaign with this code")


def unknown_coupon() -> UnknownError:
    return UnknownError("coupon.unknown", "there is no coupon with this code")


def unknown_batch() -> UnknownError:
    return UnknownError("coupon.unknown_batch", "there is no batch with this id")


def campaign_not_open() -> ConflictError:
    return ConflictError("coupon.campaign_not_open", "coupons are issued of campaigns that are ACTIVE or PAUSED alone")


def outside_of_campaign() -> InputError:
    hint = "leave both out for the campaign's own window"
    return InputError("coupon.window", "the coupons would be valid while their campaign is not, or never", hint)


def batch_meanwhile() -> ConflictError:
    hint = "look at the campaign's batches before asking for another"
    return ConflictError("coupon.batch_meanwhile", "a batch of this campaign was asked for meanwhile", hint)


def wrong_status() -> ConflictError:
    return ConflictError("coupon.status", "the coupon cannot take this status from its present one")


def taken() -> ConflictError:
    return ConflictError("coupon.taken", "the coupon is somebody's, is used, or is no longer active")


COUPON_REFUSALS: Mapping[str, Callable[[], GasolineraError]] = {
    "coupons_status_transition": wrong_status,
    "coupons_status_reason_check": lambda: InputError("coupon.reason", "the reason is not of 1 to 500 characters"),
    "coupon_batches_validity_check": outside_of_campaign,
    "coupon_batches_code_check": lambda: InputError(
        "coupon.unfit", "the codes of coupons say values up to 42,949,672.95 and beginnings up to November 2051"
    ),
    "coupon_batches_dense_index_check": lambda: ConflictError(
        "coupon.indexes_used_up", "the platform has issued as many coupons as its codes can tell apart"
    ),
}
