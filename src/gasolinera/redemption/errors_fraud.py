"""What the fraud routes refuse, and what each constraint of their tables means to the one who asked."""

from collections.abc import Callable, Mapping

from gasolinera.errors import ConflictError, ForbiddenError, GasolineraError, InputError, UnknownError


def unknown_rule() -> UnknownError:
    return UnknownError("fraud.rule_unknown", "there is no fraud rule of this name")


def unknown_review() -> UnknownError:
    return UnknownError("fraud.review_unknown", "there is no review of this detection")


def stale_rules() -> ConflictError:
    return ConflictError(
        "fraud.stale", "somebody changed it since it was read", "read it again, then repeat the change"
    )


def too_many_rules() -> ConflictError:
    return ConflictError("fraud.too_many_rules", "there are fifty rules already", "change one that is switched off")


def other_kind() -> ConflictError:
    return ConflictError(
        "fraud.other_kind", "the rule is of another kind", "make another rule, and switch this one off"
    )


def unfit_parameters(*names: str) -> InputError:
    which = f" of {', '.join(names)}" if names else ""
    return InputError(
        "fraud.parameters",
        f"the parameters{which} are not those of the kind of rule, or out of their bounds",
        "GET /api/redemptions/fraud/rules lists them",
    )


def wrong_order() -> InputError:
    return InputError("fraud.thresholds", "the thresholds rise: flagged, reviewed, blocked")


def taken() -> ConflictError:
    return ConflictError("fraud.review_taken", "somebody else works on this review", "wait half an hour, or ask them")


def not_taken() -> ConflictError:
    return ConflictError("fraud.review_not_taken", "only who took a review resolves it", "take it first")


def resolved_already() -> ConflictError:
    return ConflictError("fraud.review_resolved", "the review is resolved, and stays so")


def own_case() -> ForbiddenError:
    return ForbiddenError("fraud.own_case", "nobody reviews what he himself had part in")


def chain_only() -> ForbiddenError:
    return ForbiddenError("fraud.release", "only the chain's administrators release somebody from being blocked")


FRAUD_REFUSALS: Mapping[str, Callable[[], GasolineraError]] = {
    "fraud_rules_pk": lambda: ConflictError("fraud.rule_exists", "there is a rule of this name already"),
    "fraud_rules_parameters_check": unfit_parameters,
    "fraud_thresholds_order_check": wrong_order,
}
