"""A second evaluator of the shipped rule set: written from what the rules say, not from how they are written down.

One function per rule, over the facts of one request. `RULES` says of each version what it does, for which acts and on which
days it holds. Nothing here is shared with `dure.governance`: where the two disagree, one of them read the text wrongly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

Facts = dict[str, Any]

FLOP_1E23, FLOP_1E25, FLOP_1E26 = 10**23 // 10**15, 10**25 // 10**15, 10**26 // 10**15  # in PFLOP
D5_LIST = "AF BY CF CN CD CU CY ER HT HK IR IQ KP LB LY MO MM NI RU SO SS SD SY VE ZW"  # group D:5, Hong Kong and Macau
EU_LIST = "AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE"
D5, EU = set(D5_LIST.split()), set(EU_LIST.split())


# What several rules mean by the same words.


def at_or_above_3a090(f: Facts) -> bool:
    return bool(f["chip_classes"] & {"3A090.a", "3A090.b", "unknown"})


def owner_in_d5(f: Facts) -> bool:
    return f["headquarters_country"] in D5 or f["parent_country"] in D5


def owner_in_d5_or_unknown(f: Facts) -> bool:
    return owner_in_d5(f) or f["headquarters_country"] == "unknown" or f["parent_country"] == "unknown"


def site_abroad(f: Facts) -> bool:
    return f["site_country"] != "KR"  # a site that nobody can place counts as abroad


def involves(f: Facts, country: str) -> bool:
    return f["applicant_country"] == country or country in f["partner_countries"]


def export_settled(f: Facts) -> bool:
    """State-funded core technology needs an approval; for other, a report is enough. Unknown funding: state-funded."""
    return f["core_approval"] == "approved" or (f["core_approval"] == "reported" and f["state_funded"] == "no")


def personal_leaves(f: Facts) -> bool:
    return f["personal_level"] >= 2 and site_abroad(f)


def korean_personal_leaves(f: Facts) -> bool:
    return personal_leaves(f) and "KR" in f["origin_countries"]


def area_and_organisation(f: Facts) -> bool:
    return f["sensitive_area"] == "yes" and f["named_organisation"] == "yes"


# Permits.


def dure_party(f: Facts) -> bool:
    return f["end_use"] in ("civil", "military", "unknown")


def dure_place(f: Facts) -> bool:
    return f["site_allowed"] != "no"


def dure_release(f: Facts) -> bool:
    return f["evaluation"] not in ("failed", "error")


# Forbids.


def dure_end_use(f: Facts) -> bool:
    return f["end_use"] in ("wmd", "military-intelligence")


def dure_open_obligations(f: Facts) -> bool:
    return f["open_obligations"] > 0


def dure_second_factor(f: Facts) -> bool:
    return at_or_above_3a090(f) and not f["second_factor"]


def dure_site(f: Facts) -> bool:
    return f["site_allowed"] == "no"


def dure_screening_refused(f: Facts) -> bool:
    return f["screening"] == "refused"


def dure_screening_open(f: Facts) -> bool:
    return f["screening"] in ("none", "flagged", "refer", "expired")


def us_listed(f: Facts) -> bool:
    return f["listed"] == "yes" and f["export_licence"] != "yes"


def us_end_use(f: Facts) -> bool:
    return f["end_use"] in ("wmd", "military-intelligence") and owner_in_d5(f) and f["export_licence"] != "yes"


def us_3a090_site(f: Facts) -> bool:
    return at_or_above_3a090(f) and bool(f["site_countries"] & D5) and f["export_licence"] != "yes"


def kr_core_technology_abroad(f: Facts) -> bool:
    return f["core_technology"] == "yes" and site_abroad(f) and not export_settled(f)


def kr_pipa_basis(f: Facts) -> bool:
    return korean_personal_leaves(f) and f["transfer_basis"] == "none"


def kr_pipa_document(f: Facts) -> bool:
    needs_one = f["transfer_basis"] not in ("none", "unknown")
    return korean_personal_leaves(f) and needs_one and not f["basis_documented"]


def kr_pipa_expired(f: Facts) -> bool:
    return korean_personal_leaves(f) and f["transfer_basis"] != "none" and f["basis_expired"]


def kr_pipa_equivalence_nobody(f: Facts) -> bool:
    return korean_personal_leaves(f) and f["transfer_basis"] == "equivalence"


def kr_pipa_equivalence_eu(f: Facts) -> bool:
    outside = f["site_country"] not in EU or f["identifiers"] == "yes"
    return korean_personal_leaves(f) and f["transfer_basis"] == "equivalence" and outside


def kr_n2sf_class(f: Facts) -> bool:
    return f["n2sf_level"] > f["site_n2sf_level"]


def dure_release_core(f: Facts) -> bool:
    return f["core_technology"] == "yes" and f["abroad"] and not export_settled(f)


def dure_release_n2sf(f: Facts) -> bool:
    return f["n2sf_level"] >= 2


def dure_release_evaluation(f: Facts) -> bool:
    large = max(f["flop_kr_pflop"], f["flop_eu_pflop"], f["flop_us_pflop"]) >= FLOP_1E23
    return f["evaluation"] in ("none", "stale") and (large or f["high_impact"] != "no")


def dure_joint_terms(f: Facts) -> bool:
    return f["joint_terms"] == "missing"


def dure_licence(f: Facts) -> bool:
    return f["licence"] == "denied"


def dure_site_agrees(f: Facts) -> bool:
    return f["site_country"] not in f["site_countries"]


def viewed_from_abroad(f: Facts) -> bool:
    return f["site_country"] == "KR" and f["access_country"] != "KR"


def kr_pipa_viewing(f: Facts) -> bool:
    korean_personal = f["personal_level"] >= 2 and "KR" in f["origin_countries"]
    return korean_personal and viewed_from_abroad(f) and f["transfer_basis"] == "none"


def kr_core_technology_viewing(f: Facts) -> bool:
    return f["core_technology"] == "yes" and viewed_from_abroad(f) and not export_settled(f)


# What is asked for.


def dure_market_unknown(f: Facts) -> bool:
    return "unknown" in f["markets"]


def dure_output_unknown(f: Facts) -> bool:
    return "unknown" in f["generates"]


def dure_site_country_unknown(f: Facts) -> bool:
    return "unknown" in f["site_countries"]


def dure_partner_unknown(f: Facts) -> bool:
    return f["applicant_country"] == "unknown" or "unknown" in f["partner_countries"]


def dure_screening(f: Facts) -> bool:
    return f["screening"] in ("none", "flagged", "refer", "expired")


def dure_screening_mitigated(f: Facts) -> bool:
    return f["screening"] == "mitigated"


def ca_strac(f: Facts) -> bool:
    return involves(f, "CA") and area_and_organisation(f)


def dure_strac_unknown(f: Facts) -> bool:
    area, organisation = f["sensitive_area"], f["named_organisation"]
    return (area == "unknown" and organisation != "no") or (organisation == "unknown" and area != "no")


def ca_nsgrp(f: Facts) -> bool:
    return involves(f, "CA") and f["private_partner"] != "no"


def us_disclosure(f: Facts) -> bool:
    return involves(f, "US") and f["disclosure"] != "yes"


def us_talent_programme(f: Facts) -> bool:
    return involves(f, "US") and f["talent_programme"] != "no"


def kr_strategic_technology(f: Facts) -> bool:
    foreigner = f["applicant_country"] != "KR" or len(f["partner_countries"]) > 0
    return f["strategic_technology"] != "no" and foreigner


def dure_end_use_military(f: Facts) -> bool:
    return f["end_use"] == "military"


def dure_end_use_unknown(f: Facts) -> bool:
    return f["end_use"] == "unknown"


def us_d5_party(f: Facts) -> bool:
    return owner_in_d5_or_unknown(f) and at_or_above_3a090(f)


def us_listed_unknown(f: Facts) -> bool:
    return f["listed"] == "unknown"


def us_licence_unknown(f: Facts) -> bool:
    return f["export_licence"] == "unknown"


def dure_chip_unknown(f: Facts) -> bool:
    return "unknown" in f["chip_classes"]


def us_ascend(f: Facts) -> bool:
    return bool(f["chip_models"] & {"910B", "910C", "910D"})


def dure_site_unlisted(f: Facts) -> bool:
    return f["site_allowed"] == "unknown"


def dure_access_country(f: Facts) -> bool:
    return f["access_country"] == "unknown" or f["access_country"] not in f["access_countries"]


def kr_core_technology_unknown(f: Facts) -> bool:
    return f["core_technology"] == "unknown" and site_abroad(f)


def kr_pipa_basis_unknown(f: Facts) -> bool:
    return korean_personal_leaves(f) and f["transfer_basis"] == "unknown"


def kr_pipa_origin_unknown(f: Facts) -> bool:
    return personal_leaves(f) and "unknown" in f["origin_countries"]


def kr_pipa_identifiers_unknown(f: Facts) -> bool:
    return korean_personal_leaves(f) and f["transfer_basis"] == "equivalence" and f["identifiers"] == "unknown"


def kr_n2sf_abroad(f: Facts) -> bool:
    return f["n2sf_level"] >= 2 and site_abroad(f)


def kr_ai_safety(f: Facts) -> bool:
    return f["flop_kr_pflop"] >= FLOP_1E26 and f["state_of_the_art"] == "yes" and f["broad_risk"] == "yes"


def kr_ai_safety_unknown(f: Facts) -> bool:
    others = (f["state_of_the_art"], f["broad_risk"])
    return f["flop_kr_pflop"] >= FLOP_1E26 and "no" not in others and "unknown" in others


def kr_ai_high_impact(f: Facts) -> bool:
    return f["high_impact"] == "yes" and "KR" in f["markets"]


def kr_ai_high_impact_unknown(f: Facts) -> bool:
    return f["high_impact"] == "unknown" and "KR" in f["markets"]


def kr_ai_labelling(f: Facts) -> bool:
    return len(f["generates"]) > 0 and "KR" in f["markets"] and f["labelled"] != "yes"


def eu_systemic_risk(f: Facts) -> bool:
    return f["flop_eu_pflop"] > FLOP_1E25 and "EU" in f["markets"]


def eu_gpai(f: Facts) -> bool:
    return f["flop_eu_pflop"] > FLOP_1E23 and bool(f["generates"] & {"text", "image", "video"}) and "EU" in f["markets"]


def eu_modifier(f: Facts) -> bool:
    if f["original_pflop"] > 0:
        reference = f["original_pflop"]
    elif f["original_systemic"] == "yes":
        reference = FLOP_1E25
    else:
        reference = FLOP_1E23
    return f["downstream"] and "EU" in f["markets"] and 3 * f["modification_pflop"] > reference


def us_ca_frontier(f: Facts) -> bool:
    return f["flop_us_pflop"] > FLOP_1E26 and bool(f["markets"] & {"US-CA", "US"})


def us_ca_large_developer(f: Facts) -> bool:
    return us_ca_frontier(f) and f["large_developer"] != "no"


def us_eo_14110(f: Facts) -> bool:
    return f["flop_us_pflop"] > FLOP_1E26 or (f["biological"] and f["flop_us_pflop"] > FLOP_1E23)


def dure_licence_unknown(f: Facts) -> bool:
    return f["licence"] == "unknown"


def dure_licence_duties(f: Facts) -> bool:
    return f["licence"] == "obligations"


def dure_release_personal(f: Facts) -> bool:
    return f["personal_level"] >= 3


def dure_release_core_unknown(f: Facts) -> bool:
    return f["core_technology"] == "unknown" and f["abroad"]


ALWAYS = "2020-01-01"
Row = tuple[str, str, str, str, str, Callable[[Facts], bool]]

# id, effect, acts, first day on which it holds, first day on which it no longer does (or ""), whether it fires
RULES: list[Row] = [
    ("dure-party", "permit", "award run train", ALWAYS, "", dure_party),
    ("dure-place", "permit", "place", ALWAYS, "", dure_place),
    ("dure-release", "permit", "release", ALWAYS, "", dure_release),
    ("dure-end-use", "forbid", "award run train", ALWAYS, "", dure_end_use),
    ("dure-open-obligations", "forbid", "run", ALWAYS, "", dure_open_obligations),
    ("dure-second-factor", "forbid", "run", ALWAYS, "", dure_second_factor),
    ("dure-site", "forbid", "run place", ALWAYS, "", dure_site),
    ("dure-screening-refused", "forbid", "award run", ALWAYS, "", dure_screening_refused),
    ("dure-screening-open", "forbid", "run", ALWAYS, "", dure_screening_open),
    ("us-listed", "forbid", "award run train", ALWAYS, "", us_listed),
    ("us-end-use", "forbid", "award run train", "2025-05-13", "", us_end_use),
    ("us-3a090-site", "forbid", "award run", "2023-11-17", "", us_3a090_site),
    ("kr-core-technology-abroad", "forbid", "run place", "2007-04-28", "", kr_core_technology_abroad),
    ("kr-pipa-basis", "forbid", "run place", "2023-09-15", "", kr_pipa_basis),
    ("kr-pipa-document", "forbid", "run place", "2023-09-15", "", kr_pipa_document),
    ("kr-pipa-expired", "forbid", "run place", "2023-09-15", "", kr_pipa_expired),
    ("kr-pipa-equivalence", "forbid", "run place", "2023-09-15", "2025-09-16", kr_pipa_equivalence_nobody),
    ("kr-pipa-equivalence", "forbid", "run place", "2025-09-16", "", kr_pipa_equivalence_eu),
    ("kr-n2sf-class", "forbid", "run place", "2025-09-30", "", kr_n2sf_class),
    ("dure-release-core", "forbid", "release", "2007-04-28", "", dure_release_core),
    ("dure-release-n2sf", "forbid", "release", "2025-09-30", "", dure_release_n2sf),
    ("dure-release-evaluation", "forbid", "release", ALWAYS, "", dure_release_evaluation),
    ("dure-joint-terms", "forbid", "release", ALWAYS, "", dure_joint_terms),
    ("dure-licence", "forbid", "train release", ALWAYS, "", dure_licence),
    ("dure-site-agrees", "forbid", "run", ALWAYS, "", dure_site_agrees),
    ("kr-pipa-viewing", "forbid", "run", "2023-09-15", "", kr_pipa_viewing),
    ("kr-core-technology-viewing", "forbid", "run", "2007-04-28", "", kr_core_technology_viewing),
    ("dure-market-unknown", "ask", "train release", ALWAYS, "", dure_market_unknown),
    ("dure-output-unknown", "ask", "train release", ALWAYS, "", dure_output_unknown),
    ("dure-site-country-unknown", "ask", "award run", ALWAYS, "", dure_site_country_unknown),
    ("dure-partner-unknown", "ask", "award", ALWAYS, "", dure_partner_unknown),
    ("dure-screening", "ask", "award", ALWAYS, "", dure_screening),
    ("dure-screening-mitigated", "ask", "award", ALWAYS, "", dure_screening_mitigated),
    ("dure-strac-style", "ask", "award", ALWAYS, "", area_and_organisation),
    ("ca-strac", "ask", "award", "2024-05-01", "", ca_strac),
    ("dure-strac-unknown", "ask", "award", ALWAYS, "", dure_strac_unknown),
    ("ca-nsgrp", "ask", "award", "2021-07-12", "", ca_nsgrp),
    ("us-disclosure", "ask", "award", "2021-01-14", "", us_disclosure),
    ("us-talent-programme", "ask", "award", "2022-08-09", "", us_talent_programme),
    ("kr-strategic-technology", "ask", "award", "2025-08-01", "", kr_strategic_technology),
    ("dure-end-use-military", "ask", "award run train", ALWAYS, "", dure_end_use_military),
    ("dure-end-use-unknown", "ask", "award run train", ALWAYS, "", dure_end_use_unknown),
    ("us-d5-party", "ask", "award run", "2025-05-13", "", us_d5_party),
    ("us-d5-training", "ask", "train", "2025-05-13", "", owner_in_d5_or_unknown),
    ("us-listed-unknown", "ask", "award run train", ALWAYS, "", us_listed_unknown),
    ("us-licence-unknown", "ask", "award run train", ALWAYS, "", us_licence_unknown),
    ("dure-chip-unknown", "ask", "award run", ALWAYS, "", dure_chip_unknown),
    ("us-ascend", "ask", "award run", "2025-05-13", "", us_ascend),
    ("dure-site-unlisted", "ask", "run place", ALWAYS, "", dure_site_unlisted),
    ("dure-access-country", "ask", "run", ALWAYS, "", dure_access_country),
    ("kr-core-technology-unknown", "ask", "run place", "2007-04-28", "", kr_core_technology_unknown),
    ("kr-pipa-basis-unknown", "ask", "run place", "2023-09-15", "", kr_pipa_basis_unknown),
    ("kr-pipa-origin-unknown", "ask", "run place", "2023-09-15", "", kr_pipa_origin_unknown),
    ("kr-pipa-identifiers-unknown", "ask", "run place", "2025-09-16", "", kr_pipa_identifiers_unknown),
    ("kr-n2sf-abroad", "ask", "run place", "2025-09-30", "", kr_n2sf_abroad),
    ("kr-ai-safety", "ask", "train release", "2026-01-22", "", kr_ai_safety),
    ("kr-ai-safety-unknown", "ask", "train release", "2026-01-22", "", kr_ai_safety_unknown),
    ("kr-ai-high-impact", "ask", "release", "2026-01-22", "", kr_ai_high_impact),
    ("kr-ai-high-impact-unknown", "ask", "release", "2026-01-22", "", kr_ai_high_impact_unknown),
    ("kr-ai-labelling", "ask", "release", "2026-01-22", "", kr_ai_labelling),
    ("eu-systemic-risk", "ask", "train release", "2025-08-02", "", eu_systemic_risk),
    ("eu-gpai", "ask", "train release", "2025-08-02", "", eu_gpai),
    ("eu-modifier", "ask", "train release", "2025-08-02", "", eu_modifier),
    ("us-ca-frontier", "ask", "train release", "2026-01-01", "", us_ca_frontier),
    ("us-ca-large-developer", "ask", "train release", "2026-01-01", "", us_ca_large_developer),
    ("us-eo-14110", "ask", "train", "2023-10-30", "2025-01-20", us_eo_14110),
    ("dure-licence-unknown", "ask", "train release", ALWAYS, "", dure_licence_unknown),
    ("dure-licence-duties", "ask", "train release", ALWAYS, "", dure_licence_duties),
    ("dure-release-personal", "ask", "release", ALWAYS, "", dure_release_personal),
    ("dure-release-core-unknown", "ask", "release", "2007-04-28", "", dure_release_core_unknown),
]


def day_s(day: str) -> int:
    """The first second of a day, UTC."""
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())


SPANS = [(day_s(first), day_s(end) if end else 10**12, set(acts.split())) for _, _, acts, first, end, _ in RULES]


def fired(act: str, facts: Facts, as_of_utc_s: int) -> Iterator[tuple[str, str]]:
    """Effect and id of every rule that holds at that moment and fires."""
    for (rule, effect, _, _, _, fires), (first_s, end_s, acts) in zip(RULES, SPANS):
        if act in acts and first_s <= as_of_utc_s < end_s and fires(facts):
            yield effect, rule


def evaluate(act: str, facts: Facts, as_of_utc_s: int) -> tuple[bool, tuple[str, ...], tuple[str, ...]]:
    """Whether the act is allowed, the rules that decided, and the rules that ask for something, both sorted."""
    by: dict[str, list[str]] = {"permit": [], "forbid": [], "ask": []}
    for effect, rule in fired(act, facts, as_of_utc_s):
        by[effect].append(rule)
    allowed = bool(by["permit"]) and not by["forbid"]
    return allowed, tuple(sorted(by["forbid"] or by["permit"])), tuple(sorted(by["ask"]))
