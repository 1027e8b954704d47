"""What a usage costs by the catalogue, reckoned apart from Weir: the catalogue's own matching rules,
Decimal, and one rounding to pico-dollars for each charge."""

import datetime
import functools
import json
import re
from decimal import ROUND_HALF_EVEN, Decimal

from weir import BUILD

PICO = Decimal("0.000000000001")

# Where a class has no price of its own, that of its parent is taken (wire.md 2.1).
PARENT = {"cache_read_mtok": "input_mtok", "cache_write_mtok": "input_mtok",
          "cache_write_1h_mtok": "cache_write_mtok", "input_audio_mtok": "input_mtok",
          "output_audio_mtok": "output_mtok"}
CLASSES = {"input": "input_mtok", "cache_read": "cache_read_mtok",
           "cache_write_short": "cache_write_mtok", "cache_write_long": "cache_write_1h_mtok",
           "input_audio": "input_audio_mtok", "output": "output_mtok",
           "output_audio": "output_audio_mtok"}
INPUTS = ("input", "cache_read", "cache_write_short", "cache_write_long", "input_audio")


@functools.cache
def catalogue():
    path = BUILD / "packages/catalogue.json"
    return json.loads(path.read_text(), parse_float=Decimal, parse_int=Decimal)


def matches(rule, name):
    (kind, what), = rule.items()
    if kind == "or":
        return any(matches(r, name) for r in what)
    if kind == "and":
        return all(matches(r, name) for r in what)
    return {"equals": lambda: name == what, "starts_with": lambda: name.startswith(what),
            "ends_with": lambda: name.endswith(what), "contains": lambda: what in name,
            "regex": lambda: re.search(what, name) is not None}[kind]()


def holds(constraint, at):
    if constraint is None:
        return True
    if "start_date" in constraint:
        return datetime.date.fromisoformat(constraint["start_date"]) <= at.date()
    start, end = (datetime.time.fromisoformat(constraint[k]) for k in ("start_time", "end_time"))
    return start <= at.timetz() < end


def prices_of(vendor, model, at=None):
    """The list that holds at an instant (RFC 3339): the vendor's own, else that of those it resells."""
    at = (datetime.datetime.fromisoformat(at) if at else
          datetime.datetime.now(datetime.timezone.utc)).astimezone(datetime.timezone.utc)
    own = next(p for p in catalogue() if p["id"] == vendor)
    others = [p for name in own.get("fallback_model_providers") or []
              for p in catalogue() if p["id"] == name]
    for provider in (own, *others):
        for row in provider["models"]:
            if matches(row["match"], model.lower()):
                prices = row["prices"]
                if isinstance(prices, list):  # the last one whose constraint holds
                    prices = [p["prices"] for p in prices if holds(p.get("constraint"), at)][-1]
                return prices
    return None


def rate(prices, name, input_total):
    while name not in prices and name in PARENT:
        name = PARENT[name]
    price = prices.get(name)
    if price is None:
        return None
    if isinstance(price, dict):
        best = price["base"]
        for tier in price["tiers"]:
            if input_total > tier["start"]:
                best = tier["price"]
        return best
    return price


def cost(vendor, model, tokens, web_searches=0, at=None):
    """Dollars of {class: tokens} as Weir must reckon them; None where the catalogue has no price."""
    prices = prices_of(vendor, model, at)
    if prices is None:
        return None
    input_total = sum(tokens.get(name, 0) for name in INPUTS)
    total = Decimal(0)
    for name, count in tokens.items():
        if not count:
            continue
        price = rate(prices, CLASSES[name], input_total)
        assert price is not None, (model, name)
        total += (Decimal(count) * price / 1_000_000).quantize(PICO, ROUND_HALF_EVEN)
    if web_searches:
        per = prices.get("web_searches_kcount")
        assert per is not None, model
        total += (Decimal(web_searches) * per / 1000).quantize(PICO, ROUND_HALF_EVEN)
    return total


def usd(text):
    """A figure of Weir's: decimal text, never a float."""
    assert isinstance(text, str), f"money as {type(text).__name__}: {text!r}"
    return Decimal(text)
