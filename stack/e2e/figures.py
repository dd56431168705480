"""The figures of the Online Retail files, straight from the CSV, for tests: nothing here knows the services.

    python3 figures.py ZONE FILE...

prints a JSON object of the local days of that zone. Amounts are pence. An invoice counts with all its rows or not at all: not when it is
cancelled (C...), has a quantity below 1, a price below 0 or with more than two decimals. Its time is that of its first row, a
London clock's.
"""

import csv
import json
import sys
from collections import Counter, defaultdict
from datetime import datetime, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")


def invoices(files):
    rows = {}
    for name in files:
        with open(name, newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                rows.setdefault(row["InvoiceNo"], []).append(row)
    for number, lines in rows.items():
        prices = [Decimal(line["UnitPrice"]) for line in lines]
        if number.startswith("C") or any(int(line["Quantity"]) < 1 for line in lines):
            continue
        if any(price < 0 or price != round(price, 2) for price in prices):
            continue
        at = datetime.strptime(lines[0]["InvoiceDate"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=LONDON)
        yield {
            "at": at.astimezone(timezone.utc),
            "items": len(lines),
            "units": sum(int(line["Quantity"]) for line in lines),
            "revenue": int(sum(100 * price * int(line["Quantity"]) for price, line in zip(prices, lines))),
            "customer": lines[0]["CustomerID"].removesuffix(".0"),
            "country": lines[0]["Country"],
        }


def stamp(at):
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def figures(orders):
    revenue = [o["revenue"] for o in orders]
    return {
        "count": len(orders),
        "items": sum(o["items"] for o in orders),
        "units": sum(o["units"] for o in orders),
        "revenue": sum(revenue),
        "least": min(revenue),
        "most": max(revenue),
        "customers": len({o["customer"] for o in orders if o["customer"]}),
        "first": stamp(min(o["at"] for o in orders)),
        "last": stamp(max(o["at"] for o in orders)),
        "countries": Counter(o["country"] for o in orders),
    }


def main(zone, *files):
    zone = ZoneInfo(zone)
    days = defaultdict(list)
    for order in invoices(files):
        days[order["at"].astimezone(zone).date().isoformat()].append(order)
    answer = {}
    for day, orders in sorted(days.items()):
        hours = defaultdict(list)
        for order in orders:
            hours[order["at"].astimezone(zone).hour].append(order)
        answer[day] = figures(orders)
        answer[day]["hours"] = {hour: [len(o), sum(x["revenue"] for x in o)] for hour, o in sorted(hours.items())}
    json.dump(answer, sys.stdout)


main(*sys.argv[1:])
